//! A whole cluster in virtual time: the embedded API server, simulated nodes and our controller on one paused clock.
//!
//! ```ignore
//! let mut world = World::with_cluster(7).await;
//! world.create(&rollout).await?;
//! world.start_controller();
//! world.rest().await;
//! ```

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};
use tower::Layer as _;
use verdigris_controller::{
    Clock, Controller, Options, Ports, TokioClock,
    metrics::{Metrics, counters::Counters, requests::Counting},
    rules::Rules,
};
use verdigris_playground_apiserver::server::ApiServer;
use verdigris_playground_cluster::{Cluster, Options as ClusterOptions};

use crate::{any_world::AnyWorld, facts::Snapshot, fuse::Fuse, recording::last_time};

/// Our CRD.
pub const CRD: &str = include_str!("../../crds/yaml/rollouts.argoproj.io.yaml");

/// The world is at rest when nothing was written for so long.
const QUIET: Duration = Duration::from_millis(400);
/// A world that is not at rest after so long never will be.
const REST_MAX: Duration = Duration::from_secs(300);

/// A cluster, and perhaps a controller in it.
pub struct World {
    server: ApiServer,
    clock: TokioClock,
    seed: u64,
    cluster: Option<Cluster>,
    controller: Option<Running>,
}

struct Running {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    counters: Arc<Counters>,
}

impl World {
    /// An API server with our CRD. No pod ever starts in it.
    ///
    /// Ready pods are what ReplicaSets say they have: nobody counts them.
    pub async fn new(seed: u64) -> Self {
        Self::with_crd(seed, CRD, start_time()).await
    }

    /// An API server with our CRD, and a cluster around it whose pods start at once.
    pub async fn with_cluster(seed: u64) -> Self {
        let mut world = Self::new(seed).await;
        world.start_cluster();
        world
    }

    /// The world of a recording: its objects as they were, at the moment after its last one changed.
    pub async fn restored(seed: u64, recorded: &Snapshot) -> Self {
        let now = last_time(recorded).unwrap_or_else(start_time);
        let world = Self::with_crd(seed, CRD, now).await;
        let namespace = recorded.rollout["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        world.create_namespace(&namespace).await;
        let objects = [&recorded.rollout].into_iter().chain(&recorded.replica_sets).chain(&recorded.services);
        let objects = objects.chain(&recorded.deployment);
        world.server.restore(objects.cloned()).expect("recorded objects say what they are");
        world
    }

    /// An API server with another CRD for Rollouts, at another time.
    pub async fn with_crd(seed: u64, crd: &str, now: Timestamp) -> Self {
        let clock = TokioClock::starting_at(now);
        let server = ApiServer::new(Arc::new(move || clock.now()), seed);
        server.apply_crd(crd).expect("the CRD is served");
        for yaml in verdigris_crds::manifest::ANALYSIS_YAMLS {
            server.apply_crd(yaml).expect("the CRDs of analyses are served");
        }
        Self { server, clock, seed, cluster: None, controller: None }
    }

    /// Starts nodes and the controllers of a cluster.
    pub fn start_cluster(&mut self) {
        let clock = self.clock;
        let options = ClusterOptions::pretended(Arc::new(move || clock.now()), self.seed);
        self.cluster = Some(Cluster::start(self.server.client_named("cluster"), options));
    }

    /// The API server.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Starts our controller.
    pub fn start_controller(&mut self) {
        self.start(self.server.client_named("verdigris"), Rules::default());
    }

    /// Starts our controller with other rules: a mutant.
    pub fn start_mutant(&mut self, rules: Rules) {
        self.start(self.server.client_named("verdigris"), rules);
    }

    /// Starts our controller with a fuse in its line to the API server.
    pub fn start_controller_with(&mut self, fuse: &Fuse) {
        let client = kube::Client::new(fuse.protect(self.server.clone()), "default");
        self.start(client, Rules::default());
    }

    /// The world as a controller with this client finds it.
    pub fn ports(&self, client: kube::Client) -> Ports {
        Ports { client, clock: Arc::new(self.clock), dice: fastrand::Rng::with_seed(self.seed) }
    }

    /// Starts our controller, and what it measures is to be found in `metrics`.
    pub fn start_controller_measured_by(&mut self, metrics: &Arc<Metrics>) {
        let line = Counting(Arc::clone(&metrics.requests)).layer(self.server.clone());
        let client = kube::Client::new(line, "default");
        self.start_measured(client, Rules::default(), Arc::clone(metrics));
    }

    fn start(&mut self, client: kube::Client, rules: Rules) {
        self.start_measured(client, rules, Arc::default());
    }

    fn start_measured(&mut self, client: kube::Client, rules: Rules, metrics: Arc<Metrics>) {
        self.kill_controller();
        let ports = self.ports(client);
        let controller = Controller::with_rules(ports, Options::default(), rules).measured_by(metrics);
        let counters = controller.counters();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(controller.run(stopped.map(drop)));
        self.controller = Some(Running { task, stop, counters });
    }

    /// Stops the controller as a signal does; once it has ended, another one starts.
    ///
    /// # Panics
    /// If it does not end well.
    pub async fn upgrade(&mut self) {
        if let Some(running) = self.controller.take() {
            let _ = running.stop.send(());
            running.task.await.expect("the controller ends");
        }
        self.start_controller();
    }

    /// Ends the controller where it stands, as a crash does.
    pub fn kill_controller(&mut self) {
        if let Some(running) = self.controller.take() {
            running.task.abort();
        }
    }

    /// What the running controller has counted.
    ///
    /// # Panics
    /// If none runs.
    pub fn counters(&self) -> &Counters {
        &self.controller.as_ref().expect("a running controller").counters
    }

    /// Lets time pass until nothing is written any more.
    ///
    /// # Panics
    /// If there are writes for ever.
    pub async fn rest(&self) {
        let began = tokio::time::Instant::now();
        loop {
            let before = self.writes();
            sleep(QUIET).await;
            if self.writes() == before {
                return;
            }
            let newest: Vec<_> = self.server.writes_since(before).into_iter().take(12).collect();
            assert!(began.elapsed() < REST_MAX, "no rest: {newest:#?}");
        }
    }

    /// The same; and if the fuse blows meanwhile, the controller is dead, and another one is started.
    pub async fn rest_or_restart(&mut self, fuse: &Fuse) {
        let blew = tokio::select! { biased;
            () = fuse.blown() => true,
            () = self.rest() => false,
        };
        if blew && self.controller.is_some() {
            self.start_controller();
            self.rest().await;
        }
    }

    /// Lets so many milliseconds pass.
    pub async fn wait_milliseconds(&self, milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds)).await;
    }

    /// How many writes the API server has accepted.
    pub fn writes(&self) -> u64 {
        self.server.write_count()
    }
}

impl AnyWorld for World {
    fn client(&self) -> kube::Client {
        self.server.client_named("scenario")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn comes_to<T>(&self, mut look: impl AsyncFnMut() -> Result<T, String>) -> Result<T, String> {
        self.rest().await;
        look().await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_controller();
    }
}

/// An ordinary morning.
fn start_time() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().expect("a time")
}
