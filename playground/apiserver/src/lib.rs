//! A Kubernetes API server in memory, for the playground and for tests.

pub mod answer;
mod base64;
pub mod builtin;
pub mod collection;
pub mod crd;
pub mod field_error;
pub mod http_server;
pub mod metadata;
pub mod names;
pub mod negotiation;
pub mod options;
pub mod patch;
pub mod path;
pub mod request;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod server;
pub mod service;
pub mod shape;
pub mod status;
pub mod store;
pub mod stored;
pub mod table;
pub mod watch;
pub mod write_log;
