//! The embedded API server beside a real one: what clients send must be answered the same by both.
//!
//! [`server::Server`] is one of the two, behind TLS on loopback with a kubeconfig of its own, so that any client can be
//! pointed at it.

pub mod server;
