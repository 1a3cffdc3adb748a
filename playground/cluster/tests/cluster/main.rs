//! What the cluster does, seen from outside: through the API and over real connections.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod deployments;
mod garbage;
mod pods;
mod replay;
mod services;
mod world;
