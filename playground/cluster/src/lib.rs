//! What a cluster does besides its API: workload controllers, endpoints, garbage collection, nodes, service proxy.
//!
//! Each part is a client that uses nothing but a [`kube::Client`], so it also runs against a real API server. Time and
//! chance are arguments: under a paused clock and with a seed, everything here can be replayed.
//!
//! | part | keeps |
//! | --- | --- |
//! | [`replica_set`], [`deployment`] | pods of a template, and the way from one template to the next |
//! | [`endpoint_slice`] | which pods a Service leads to |
//! | [`garbage`] | no object whose owners have gone, no namespace that was deleted |
//! | [`namespace_defaults`] | the ServiceAccount and the ConfigMap that every namespace has |
//! | [`storage`] | no volume or claim that was deleted and is not used |
//! | [`scheduler`], [`node`], [`kubelet`] | simulated nodes, whose pods answer real HTTP on loopback |
//! | [`kubelet::server`] | logs, commands and ports of those pods, for API servers to ask for |
//! | [`proxy`] | an address on loopback for each Service |
//!
//! The parts know nothing of each other: they meet in the API, as in a real cluster. All of them share one [`Hub`],
//! which watches each kind once. The exception is [`kubelet::PodNetwork`], the pods' simulated network: the nodes say
//! there where a pod's virtual address really listens, and the proxy asks.

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
pub mod storage;
mod sync;
mod workload;

pub use cluster::{Cluster, Options};
pub use hub::Hub;
pub use sync::{Clock, Dice};
