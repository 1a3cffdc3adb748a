//! Kubernetes, a cluster, the controller and the dashboard in one process: try a release with no cluster.

pub mod load;
pub mod tls;
