//! The I/O shell around `verdigris-core`: it sees, asks what to do, checks that, does it, and knows nothing else.
//!
//! ```text
//!  watches ──▶ cache ──gather──▶ decide ──▶ guard ──▶ commit ──▶ events      (pass)
//!     │          ▲                 │ ▲                   │
//!     ▼          │            live reads                 │ what was written
//!   queue      live read ◀── barrier ◀───────────────────┘
//! ```
//!
//! * [`controller`] is the loop. One future without tasks or threads; dropping it is a crash.
//! * [`queue`] says which Rollout is due when, [`barrier`] which has to wait until the cache shows what was written.
//!   Both are plain structs that are told the time.
//! * [`cache`] keeps what [`watches`] show, [`gather`] makes of it what a decision may look at, [`live`] adds what must
//!   not come from a cache.
//! * [`pass`] is one round; [`commit`] the only module that writes (but for [`events`], after the status is safe: those wait
//!   in the [`outbox`], and no pass waits for them).
//! * [`observe`] tells, instead, what would be written, where `--observe` asks for that.
//! * [`rivals`] notices other controllers on the same Rollouts.
//! * [`lease`] elects one of several replicas; the others stand by. [`health`] says how it is.
//! * [`http`] is how health and metrics are served.
//! * [`metrics`] is what all of these count and measure, and how Prometheus gets it.
//! * [`version`] is what all of it was built from.
//! * [`server`] gives every failed call a verdict. There is no other retry: see [`connect`] for what is off in the client.

pub mod barrier;
pub mod cache;
pub mod commit;
mod compressed;
pub mod connect;
pub mod controller;
pub mod events;
pub mod gather;
pub mod health;
pub mod http;
pub mod items;
pub mod key;
pub mod lease;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod observe;
pub mod options;
pub mod outbox;
mod packed;
pub mod pass;
pub mod patch;
pub mod ports;
pub mod queue;
pub mod rivals;
pub mod rules;
pub mod server;
pub mod undecodable;
pub mod version;
pub mod watches;

pub use controller::Controller;
pub use options::Options;
pub use ports::{Clock, Ports, SystemClock, TokioClock};
