//! How our programs reach a cluster: the flags that kubectl has for it, the kubeconfig, or the pod they run in.

mod flags;
pub mod go_bool;
pub mod go_duration;
mod proxy;

pub use flags::{Connection, ConnectionArgs, ConnectionError, SILENCE_MAX};
