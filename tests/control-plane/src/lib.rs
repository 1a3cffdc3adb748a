//! A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager on loopback.
//!
//! ```text
//! ControlPlane ─┬▶ sh ─▶ etcd                        no fsync
//!               ├▶ sh ─▶ kube-apiserver              TLS, RBAC, tokens, ServiceAccounts; audit log on request
//!               ├▶ sh ─▶ kube-controller-manager     the controllers that were asked for
//!               └▶ sh    removes the folder
//! ```
//!
//! Each `sh` reads a pipe that this process holds. When the pipe ends, and it ends however we end, `sh` kills its program.
//! The programs come from `tests/control-plane/build`; see [`binaries`].

mod access;
mod arguments;
pub mod audit;
pub mod binaries;
mod control_plane;
mod error;
mod folder;
mod identity;
mod options;
mod ports;
mod process;
pub mod usage;

pub use control_plane::ControlPlane;
pub use error::{Error, Result};
pub use options::Options;
