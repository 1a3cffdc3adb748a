//! Runs simulated nodes on the API server of a kubeconfig until it is stopped.
//!
//! `cargo run -p verdigris-playground-cluster --example nodes -- kubeconfig.yaml [all]`: with `all`, the controllers run too,
//! for a server that has none of its own.

use std::{env, error::Error, sync::Arc};

use jiff::Timestamp;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use verdigris_playground_cluster::{Cluster, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("which kubeconfig?")?;
    let start = if arguments.next().is_some() { Cluster::start } else { Cluster::start_nodes };
    let kubeconfig = Kubeconfig::read_from(path)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    #[expect(clippy::disallowed_methods, reason = "a program for people tells the real time")]
    let clock = Arc::new(Timestamp::now);
    let _cluster = start(Client::try_from(config)?, Options::with_sockets(clock, 1));
    std::future::pending().await
}
