//! What the cluster does, seen from outside: through the API and over real connections.

mod deployments;
mod garbage;
mod pods;
mod replay;
mod services;
mod world;
