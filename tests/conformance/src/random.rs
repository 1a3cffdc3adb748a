//! Random sequences of requests, valid and not, played against a real API server and the embedded one.
//!
//! ```text
//!  seed ── steps ──▶ sequence of requests ──▶ player (embedded) ─┐
//!            ▲               │                                   ├─ equal? ─▶ shrunk and printed if not
//!          kinds.yaml        └──────────────▶ player (real) ─────┘
//! ```
//!
//! Each sequence has a namespace of its own, of the same name on both servers. What a server makes up (uids, versions,
//! times, suffixes, tokens) is told by where it was seen first, so that answers can be compared whole. A watch of each
//! kind runs throughout; its events, folded, must give what a list gives.
//!
//! Requests about which the two are known to differ are not made: see `docs/playground.md`.

pub mod answer;
pub mod campaign;
pub mod kinds;
pub mod memory;
pub mod player;
pub mod render;
pub mod request;
pub mod stepped;
pub mod steps;
pub mod telling;
pub mod watched;
