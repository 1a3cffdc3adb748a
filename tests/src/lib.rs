//! Worlds, scenarios, recordings, faults and benchmarks over all of Verdigris.
//!
//! Library: what scenarios are made of. `tests/tests/`: the scenarios, one binary a kind of proof.

pub mod acting;
pub mod any_world;
pub mod cable;
pub mod facts;
pub mod fuse;
pub mod gitops;
pub mod installation;
pub mod line;
pub mod metrics;
pub mod playing;
pub mod programs;
pub mod prometheus;
pub mod real;
pub mod real_world;
pub mod recording;
pub mod replica;
pub mod replica_process;
pub mod rights;
pub mod served;
pub mod world;
