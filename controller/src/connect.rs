//! A client whose every request is one request.
//!
//! Of what kube's stack does by itself, this turns off its retry of 429, 503 and 504 (up to 15 times, with waits from
//! an unseeded generator): the work queue and the watches retry, where it can be seen and replayed. What stays:
//!
//! * the request buffer of `kube::Client`, a task that lives as long as a clone of the client and forwards in order; it
//!   drops requests whose asker is gone;
//! * hyper's second try on another connection when a kept-alive one turns out to be closed before anything of the
//!   request was sent;
//! * the renewal of tokens and exec credentials.
//!
//! A client that is given to [`crate::Ports`] directly (`kube::Client::new` on a service, as in the playground) has
//! none of these layers but the buffer.

use std::{sync::Arc, time::Duration};

use kube::{Client, client::ClientBuilder};
use verdigris_connection::{Connection, ConnectionArgs, ConnectionError};

use crate::metrics::requests::{Counting, Requests};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no cluster, or the kubeconfig cannot be used.
    #[error("finding the cluster")]
    Cluster(#[from] ConnectionError),
    /// The client cannot be made: certificates, proxy or credentials.
    #[error("making a client for the cluster")]
    Client(#[source] kube::Error),
}

/// A client for the cluster that the flags choose, and the namespace that they or their context name.
///
/// # Errors
/// If there is no cluster to be found, or no client to be made for it. Nothing is sent yet.
pub async fn connect(flags: &ConnectionArgs) -> Result<(Client, String), ConnectError> {
    connect_counted(flags, Arc::default()).await
}

/// The same, and its requests are counted.
///
/// # Errors
/// As above.
pub async fn connect_counted(
    flags: &ConnectionArgs,
    requests: Arc<Requests>,
) -> Result<(Client, String), ConnectError> {
    // How long one call may take is for `Options::call_timeout` to say: a watch is silent for as long as it likes.
    let flags = ConnectionArgs { request_timeout: Duration::ZERO, ..flags.clone() };
    let Connection { mut config, .. } = flags.connection().await?;
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = ClientBuilder::try_from(config).map_err(ConnectError::Client)?;
    let client = client.with_layer(&Counting(requests)).build();
    Ok((client, namespace))
}
