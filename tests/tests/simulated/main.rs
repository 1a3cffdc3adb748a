//! Scenarios in virtual time: the embedded API server, a simulated cluster and the controller on one paused clock.

#![expect(clippy::needless_pass_by_value, reason = "builders read best with the JSON written in their call")]

mod bad_input;
mod crash;
mod recordings;
mod writes;
