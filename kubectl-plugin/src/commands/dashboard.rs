//! `dashboard`

use std::{net::SocketAddr, sync::Arc};

use verdigris_dashboard::{DEFAULT_PORT, DEFAULT_ROOT_PATH, Options, Secret, serve};

use crate::{
    error::Error,
    screen,
    session::{Session, now},
};

/// `dashboard [--port N] [--root-path PATH]`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # At http://127.0.0.1:3100/rollouts, until Ctrl-C
  kubectl rollouts dashboard
  # One namespace only, on another port
  kubectl rollouts dashboard -n shop --port 8080")]
pub struct Args {
    /// Port to listen on; 0 takes a free one
    #[arg(long, short = 'p', value_name = "N", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// First part of every path
    #[arg(long, value_name = "PATH", default_value = DEFAULT_ROOT_PATH)]
    root_path: String,
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    // All namespaces, as the peer shows them, where the flags do not say otherwise and the user may see them.
    let namespace = match session.namespace_flag() {
        Some(namespace) => Some(namespace.to_owned()),
        None if cluster.may_look_everywhere().await? => None,
        None => Some(cluster.namespace().to_owned()),
    };
    let options = Options {
        address: SocketAddr::from(([127, 0, 0, 1], args.port)),
        root_path: args.root_path,
        namespace,
        user: session.who(&cluster).await.user,
        command: session.program().typed().to_owned(),
    };
    let running =
        serve(cluster.client(), options, Arc::new(now), Secret::from_system()?, told_to_end()).await?;
    screen::line(&format!("The dashboard is at {} until you press Ctrl-C", running.url()))?;
    running.stopped().await;
    Ok(())
}

/// Ctrl-C, or the signal with which a cluster ends containers: the first process of one gets no signal that it does not ask
/// for.
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! { biased;
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
