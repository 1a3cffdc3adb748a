//! What a cluster does besides its API: workload controllers, endpoints, garbage collection, nodes, service proxy.
