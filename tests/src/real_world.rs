//! A whole cluster in real time: a real Kubernetes, simulated nodes and our controller with the rights that we ship.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use futures::FutureExt as _;
use http::Request;
use jiff::Timestamp;
use kube::{Client, client::Body};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout_at},
};
use verdigris_controller::{Controller, Options, Ports, SystemClock};
use verdigris_playground_cluster::{Cluster, Options as ClusterOptions};

use crate::{any_world::AnyWorld, fuse::Fuse, real::Real};

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long anything may take besides the delays that a scenario waits for, on a machine that is busy with other tests.
const LOOK_MAX: Duration = Duration::from_secs(90);

/// A real cluster. Its controllers are those that tests start. Dropping it ends everything.
pub struct RealWorld {
    _cluster: Cluster,
    real: Real,
    seed: u64,
}

/// A controller of ours. Dropping it ends it where it stands, as a crash does.
pub struct RunningController {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl RealWorld {
    /// Kubernetes with us installed, and nodes.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(seed: u64) -> Result<Self> {
        let real = Real::start().await?;
        let mut options = ClusterOptions::with_sockets(Arc::new(now), seed);
        options.proxy = None;
        let cluster = Cluster::start_nodes(real.user(), options);
        Ok(Self { _cluster: cluster, real, seed })
    }

    /// The Kubernetes in it.
    pub fn real(&self) -> &Real {
        &self.real
    }

    /// Starts our controller for all namespaces.
    pub fn start_controller(&self) -> RunningController {
        self.start_controller_as(self.real.controller(), Options::default())
    }

    /// Starts our controller for one namespace, with a fuse in its line to the API server.
    pub fn start_controller_in(&self, namespace: &str, fuse: &Fuse) -> RunningController {
        let client = self.real.controller();
        let line = tower::service_fn(move |request: Request<Body>| {
            let client = client.clone();
            async move { client.send(request).await }
        });
        let client = Client::new(fuse.protect(line), namespace);
        self.start_controller_as(
            client,
            Options { namespace: Some(namespace.to_owned()), ..Options::default() },
        )
    }

    /// Starts our controller with the rights of this client.
    pub fn start_controller_as(&self, client: Client, options: Options) -> RunningController {
        let dice = fastrand::Rng::with_seed(self.seed);
        let controller = Controller::new(Ports { client, clock: Arc::new(SystemClock), dice }, options);
        let (stop, stopped) = oneshot::channel();
        RunningController { task: tokio::spawn(controller.run(stopped.map(drop))), stop: Some(stop) }
    }
}

impl RunningController {
    /// Stops it as a signal does, and waits until it has ended.
    ///
    /// # Panics
    /// If it does not end well.
    pub async fn stop(mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        (&mut self.task).await.expect("the controller ends");
    }
}

impl AnyWorld for RealWorld {
    fn client(&self) -> Client {
        self.real.user()
    }

    fn now(&self) -> Timestamp {
        now()
    }

    async fn comes_to<T>(&self, mut look: impl AsyncFnMut() -> Result<T, String>) -> Result<T, String> {
        let end = Instant::now() + LOOK_MAX;
        let mut last = "nothing".to_owned();
        loop {
            // Of a Kubernetes that is not there any more nothing is to be expected.
            self.real
                .plane()
                .still_runs("what a scenario looks for")
                .map_err(|error| format!("{error}; {last}"))?;
            match timeout_at(end, look()).await {
                Ok(Ok(seen)) => return Ok(seen),
                Ok(Err(seen)) => last = seen,
                Err(_) => {
                    return Err(format!("waited {LOOK_MAX:?}, and got no answer any more; before: {last}"));
                }
            }
            sleep_until(end.min(Instant::now() + LOOK_EVERY)).await;
            if Instant::now() >= end {
                return Err(format!("waited {LOOK_MAX:?}; last: {last}"));
            }
        }
    }
}

impl Drop for RunningController {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a real cluster lives in real time: this is where it enters")]
fn now() -> Timestamp {
    Timestamp::now()
}
