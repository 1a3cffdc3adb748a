//! What a cluster does besides its API: workload controllers, endpoints, garbage collection, nodes, service proxy.
//!
//! Each part is a client that uses nothing but a [`kube::Client`], so it also runs against a real API server. Time and
//! chance are arguments: under a paused clock and with a seed, everything here can be replayed.

pub mod cache;
mod cluster;
pub mod deployment;
pub mod endpoint_slice;
pub mod events;
pub mod garbage;
pub mod hub;
pub mod kubelet;
pub mod namespace_defaults;
pub mod node;
pub mod object;
pub mod pod;
pub mod proxy;
mod queue;
pub mod replica_set;
mod runner;
pub mod scheduler;
mod selector;
mod sync;
mod workload;

pub use cluster::{Cluster, Options};
pub use hub::Hub;
pub use sync::{Clock, Dice};
