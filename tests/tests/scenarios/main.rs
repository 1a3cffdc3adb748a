//! Scenarios, each in two worlds: the embedded API server and a simulated cluster on one paused clock; and, in the tests whose
//! names say so, a real Kubernetes in real time.

#![expect(clippy::needless_pass_by_value, reason = "builders read best with the JSON written in their call")]

mod analysis;
mod autoscaler;
mod bad_input;
mod crash;
mod migration;
mod recordings;
mod rights;
mod strategies;
mod taking_over;
mod writes;
