//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// What `--help` says below the options.
const MORE: &str = "\
Without a command the playground prints what to do next, and runs until Ctrl-C: a kubeconfig to export, the addresses
of Services and of the dashboard, the commands of a blue-green release one by one. The API is real enough for the stock
kubectl; pods are simulated, but answer real HTTP on loopback. Nothing is reachable from other machines, nothing needs
root, and nothing stays behind.

`tour` takes kubectl from the PATH, else from ~/.cache/verdigris, else fetches it there (python3 -m pip). It exits with 0
only if no request on the active Service failed, every switch was answered within a second, and all else held.";

/// Kubernetes, a cluster, the Verdigris controller and its dashboard in one process.
#[derive(Debug, Parser)]
#[command(name = "verdigris-playground", version, max_term_width = 120, after_help = MORE)]
pub struct Options {
    /// What to do besides running.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Folder for kubeconfig (mode 0600), plugin and manifests; removed at the end [default: a temporary one]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Port of the API on 127.0.0.1; 0 takes a free one
    #[arg(long, global = true, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Port of the dashboard on 127.0.0.1; 0 takes a free one
    #[arg(long, global = true, value_name = "PORT", default_value_t = 0)]
    pub dashboard_port: u16,
    /// Nodes of the cluster
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub nodes: u16,
    /// How long the service proxy takes to follow a change of endpoints
    #[arg(long, global = true, value_name = "MS", default_value_t = 20)]
    pub programming_delay: u64,
    /// What to log to stderr, for example debug or verdigris_controller=debug
    #[arg(long, global = true, value_name = "FILTER", default_value = "error")]
    pub log: String,
}

/// What to do besides running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Plays a blue-green release unattended, under load, and checks every step; takes about 45 s
    Tour {
        /// How many times as long anything may take, on a machine that is slow or busy
        #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60))]
        patience: u32,
    },
}
