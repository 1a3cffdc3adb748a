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

use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Where to connect to.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Path of a kubeconfig. Without one: `KUBECONFIG`, `~/.kube/config`, else the cluster we run in.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Context of the kubeconfig. Default: the current one.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read.
    #[error("reading the kubeconfig {path}")]
    Kubeconfig {
        /// Its path, or where it was looked for.
        path: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// There is neither a kubeconfig nor a cluster around us.
    #[error("finding a cluster: set KUBECONFIG or --kubeconfig, or run in a pod with a service account")]
    Infer(#[source] kube::config::InferConfigError),
    /// The client cannot be made: certificates, proxy or credentials.
    #[error("making a client for the cluster")]
    Client(#[source] kube::Error),
}

/// A client for the target, and the namespace that its context names.
pub async fn connect(target: Target) -> Result<(Client, String), ConnectError> {
    let chosen = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let mut config = match target.kubeconfig {
        Some(path) => {
            let error = |source| ConnectError::Kubeconfig { path: path.display().to_string(), source };
            let kubeconfig = Kubeconfig::read_from(&path).map_err(error)?;
            Config::from_custom_kubeconfig(kubeconfig, &chosen).await.map_err(error)?
        }
        None if target.context.is_some() => {
            let error = |source| ConnectError::Kubeconfig {
                path: "in KUBECONFIG or ~/.kube/config".to_owned(),
                source,
            };
            Config::from_kubeconfig(&chosen).await.map_err(error)?
        }
        None => Config::infer().await.map_err(ConnectError::Infer)?,
    };
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = ClientBuilder::try_from(config).map_err(ConnectError::Client)?.build();
    Ok((client, namespace))
}
