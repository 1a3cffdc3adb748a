//! A Kubernetes API server in memory, for the playground and for tests.

pub mod builtin;
pub mod field_error;
pub mod resource;
pub mod schema;
pub mod status;
