//! An installation as a cluster has it: charts and images in a registry, pods that Kubernetes made from our manifests, and each
//! container a process in a root of its own, in which there is nothing but its image and its account's token.

mod container;
mod image;
mod registry;
mod release;
mod run;
mod site;

pub use container::Container;
pub use image::Image;
pub use registry::Registry;
pub use release::release;
pub use site::Site;
