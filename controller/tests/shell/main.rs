//! The controller against the embedded API server, in virtual time, under the peer's CRD (which prunes what the peer does
//! not know).

#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

mod cluster;
mod wire;
mod world;

mod analysis;
mod barrier;
mod commit;
mod crash;
mod deleted;
mod faults;
mod live_reads;
mod neighbours;
mod observe;
mod one_by_one;
mod ownership;
mod permissions;
mod replay;
mod rest;
mod rivals;
mod workloads;
