//! The embedded API server beside a real one: what clients send must be answered the same by both.
//!
//! [`server::Server`] is one of the two, behind TLS on loopback with a kubeconfig of its own, so that any client can be
//! pointed at it.
//!
//! # Exchanges
//! `exchanges/TOPIC/*.http` hold requests with the answers that a real Kubernetes 1.36.3 gave: the status code, the headers
//! that clients read, and the body, after [normalising](normal). Each file is a little story of its own, [played](player) in a
//! fresh namespace. [`exchange`] says how to write one.
//!
//! ```text
//!  exchanges/*.http ─ parse ─▶ player ─▶ wire ─▶ a server
//!         ▲                      │ answers, normalised
//!         └── example `record` ──┴──▶ difference, for the tests
//! ```
//! `exchanges/sessions` is what real clients ask, noted by a [proxy] in front of a real server while `sessions/*` run (example
//! `session`).
//!
//! # Transcripts
//! `transcripts/*.txt` hold commands of kubectl and helm with the files that they need. Each is [played](text) on both servers
//! at once, and both must say the same.

pub mod difference;
pub mod exchange;
pub mod normal;
pub mod player;
pub mod proxy;
pub mod random;
pub mod server;
pub mod stories;
pub mod text;
pub mod wire;
