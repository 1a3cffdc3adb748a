//! The web dashboard: server-side HTML, live by server-sent events.
//!
//! ```text
//! API server ──watch──▶ follow ──▶ Store (one, pruned, for all viewers)
//!                                    │ Scene
//!                                    ▼
//!                 verdigris_core::view::RolloutView ──▶ pages: HTML fragments, SVG picture, timeline
//!                                                          │                 │
//!                                               GET: a whole page     live: fragments that changed
//!
//! POST ──guard (Host, Origin, token)──▶ write: live read, verdigris_core::action ──patches──▶ API server
//! ```
//!
//! There is no build step and nothing is fetched from elsewhere: templates are compiled in, style and script are part
//! of the binary. Without JavaScript every page can be read and every button works; with it, pages are live.

mod assets;
mod filter;
mod follow;
mod guard;
mod live;
mod options;
mod pages;
mod picture;
mod problem;
mod routes;
mod secret;
mod serve;
mod spark;
mod state;
mod store;
mod timeline;
mod write;

pub use options::{BadOptions, Clock, DEFAULT_PORT, DEFAULT_ROOT_PATH, Options};
pub use secret::{NoRandomness, Secret};
pub use serve::{Dashboard, Running, ServeError, serve};
