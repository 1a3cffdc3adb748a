//! What to do with a Rollout: pure decisions, the safety kernel, and the view that people see.
//!
//! ```text
//! shell:  caches ──gather──▶ Observed ──▶ decide(&Observed, now) ──▶ Decision ──▶ guard ──▶ commit (shell)
//!                               ▲                    │
//!                               └─── live reads ◀────┘ NeedFresh
//! ```
//!
//! Nothing in this crate reads a clock, rolls dice, talks to a network or looks at its environment: the compiler sees
//! to it, since the crate depends on neither tokio nor a kube client.

pub mod action;
pub mod analysis;
pub mod approval;
mod blue_green;
mod decide;
pub mod decision;
mod formerly_stable;
pub mod guard;
pub mod identity;
pub mod injected;
mod neighbours;
pub mod observed;
mod seen;
pub mod selector;
pub mod simulate;
mod status;
mod validate;
pub mod view;
pub mod workload;

pub use decide::decide;
pub use guard::guard;
