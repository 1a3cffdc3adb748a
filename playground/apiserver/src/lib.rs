//! A Kubernetes API server in memory, for the playground and for tests.

pub mod builtin;
pub mod crd;
pub mod field_error;
pub mod names;
pub mod resource;
pub mod schema;
pub mod status;
