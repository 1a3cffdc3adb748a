//! Kubernetes, a cluster, the controller and the dashboard in one process: try a release with no cluster.
//!
//! ```text
//! main ─▶ run ─▶ Home    folder with kubeconfig, plugin, manifests; removed at the end
//!              ├▶ World   API server ◀── cluster, controller, dashboard (all in process), kubectl (TLS)
//!              └▶ guide   prints what to do next     or     tour   plays it with the real kubectl, under load
//! ```

mod guide;
pub mod home;
pub mod kubectl;
pub mod load;
pub mod options;
mod run;
pub mod tls;
pub mod tour;
pub mod world;

pub use run::run;
