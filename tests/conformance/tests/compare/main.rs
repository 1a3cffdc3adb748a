//! The embedded API server beside a real one. One program, so that what waits for one comparison works on another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod exchanges;
mod random;
mod streams;
mod transcripts;
