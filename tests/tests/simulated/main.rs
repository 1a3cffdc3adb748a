//! Scenarios in virtual time: the embedded API server, a simulated cluster and the controller on one paused clock.

mod bad_input;
mod crash;
mod recordings;
mod writes;
