//! The program as people and scripts meet it.

#![expect(clippy::unwrap_used, reason = "a test ends where the world is not as it says")]

mod analyses;
mod cluster;
mod transcripts;
mod world;
