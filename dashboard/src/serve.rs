//! Serving: the router for those who have a server, and a server for those who have none.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use kube::Client;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    follow::follow,
    options::{BadOptions, Clock, Options},
    routes,
    secret::Secret,
    state::{App, Shared},
};

/// How long open connections may take to end once the server stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// A dashboard that is not served yet.
pub struct Dashboard {
    app: App,
}

/// Why the dashboard cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The options are wrong.
    #[error(transparent)]
    Options(#[from] BadOptions),
    /// The address cannot be listened on.
    #[error("listening on {address} for the dashboard")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A dashboard that is being served.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    url: String,
    task: JoinHandle<()>,
}

impl Dashboard {
    /// A dashboard over what `client` can see.
    ///
    /// # Errors
    /// If the options are wrong; nothing is read or bound here.
    pub fn new(client: Client, options: Options, clock: Clock, secret: Secret) -> Result<Self, BadOptions> {
        let root = options.root()?;
        Ok(Self { app: Arc::new(Shared::new(client, options, root, clock, secret)) })
    }

    /// All pages, with everything that guards them.
    pub fn router(&self) -> Router {
        routes::router(self.app.clone())
    }

    /// Watches the cluster and fills the store that the pages read. Runs until dropped.
    pub fn follow(&self) -> impl Future<Output = ()> + Send + 'static {
        let app = self.app.clone();
        async move { follow(&app.client, app.options.namespace.as_deref(), &app.store).await }
    }
}

/// Serves the dashboard until `shutdown` completes.
///
/// # Errors
/// If the options are wrong or the address cannot be listened on.
pub async fn serve(
    client: Client,
    options: Options,
    clock: Clock,
    secret: Secret,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, ServeError> {
    let address = options.address;
    let dashboard = Dashboard::new(client, options, clock, secret)?;
    let listening = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let url =
        format!("http://{address}{}", dashboard.app.list_url(dashboard.app.options.namespace.as_deref()));
    let router = dashboard.router();
    let task = tokio::spawn(run(dashboard, router, listener, shutdown));
    Ok(Running { address, url, task })
}

async fn run(
    dashboard: Dashboard,
    router: Router,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = dashboard.app.stopping.clone();
    let mut stopped = stopping.subscribe();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        // Live streams would otherwise keep their connections open for ever.
        stopping.send_replace(true);
    });
    let goodbye = async move {
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GOODBYE).await;
    };
    tokio::select! { biased;
        result = server.into_future() => if let Err(error) = result {
            tracing::error!(%error, "the dashboard's server ended");
        },
        () = goodbye => {},
        () = dashboard.follow() => {},
    }
}

impl Running {
    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns once the server has stopped.
    pub async fn stopped(self) {
        let _ = self.task.await;
    }
}
