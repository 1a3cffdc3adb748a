//! Scenarios, each in two worlds: the embedded API server and a simulated cluster on one paused clock; and, in the tests whose
//! names say so, a real Kubernetes in real time. One program: they wait more than they work, so that many run side by side.

#![expect(clippy::needless_pass_by_value, reason = "builders read best with the JSON written in their call")]

mod analysed_updates;
mod analysis;
mod autoscaler;
mod bad_input;
mod broken;
mod crash;
mod gitops;
mod install;
mod leading;
mod load;
mod metrics;
mod migration;
mod moving;
mod pods;
mod recordings;
mod refused_rollouts;
mod rights;
mod self_heal;
mod strategies;
mod taking_over;
mod tour;
mod upgrading;
mod writes;
