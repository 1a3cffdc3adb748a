//! One of several replicas of our controller in virtual time, which elect a leader.

use std::sync::Arc;

use http_body_util::BodyExt;
use tokio::{sync::oneshot, task::JoinHandle};
use tower::ServiceExt;
use verdigris_controller::{
    Controller, Options,
    health::{self, Health},
    lease::{Elector, Fence, Lookout, Place, Timing, elect_and_run},
    metrics::counters::Counters,
};

use crate::{cable::Cable, world::World};

/// Where replicas elect.
const NAMESPACE: &str = "verdigris";

/// A replica. Dropping it ends it where it stands, as a crash does.
pub struct Replica {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    health: Arc<Health>,
    fence: Fence,
    counters: Arc<Counters>,
}

impl Replica {
    /// Starts one. Its name is its identity and its user agent.
    pub fn start(world: &World, name: &'static str, cable: &Cable) -> Self {
        let client = |counts| cable.client(world.server().client_named(name), counts);
        let ports = world.ports(client(true));
        let clock = Arc::clone(&ports.clock);
        let controller = Controller::new(ports, Options::default());
        let (health, counters) = (controller.health(), controller.counters());
        let place = Place::of(None, Some(NAMESPACE.to_owned()), None).expect("a name");
        let who = (place, name.to_owned(), Timing::default());
        let (elector, fence) = Elector::new(client(false), who, clock, Arc::clone(&health));
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // Whoever drops this one aborts the task anyway.
            let _: Result<(), _> = stopped.await;
        };
        let task = tokio::spawn(elect_and_run(controller.behind(fence.clone()), elector, stopped));
        Self { task, stop: Some(stop), health, fence, counters }
    }

    /// Starts one that takes no part in the election.
    pub fn start_unelected(world: &World, name: &'static str) -> Self {
        let client = || world.server().client_named(name);
        let ports = world.ports(client());
        let clock = Arc::clone(&ports.clock);
        let controller = Controller::new(ports, Options::default());
        let (health, counters, metrics) = (controller.health(), controller.counters(), controller.metrics());
        let place = Place::of(None, Some(NAMESPACE.to_owned()), None).expect("a name");
        let lookout =
            Lookout::new(&client(), (place, None, name.to_owned()), clock, (Arc::clone(&health), metrics));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async {
            tokio::select! { biased;
                () = controller.run(async { drop(stopped.await) }) => {}
                () = lookout.run() => {}
            }
        });
        Self { task, stop: Some(stop), health, fence: Fence::none(), counters }
    }

    /// The namespace that replicas elect in, which must exist.
    pub async fn create_namespace(world: &World) {
        crate::any_world::AnyWorld::create_namespace(world, NAMESPACE).await;
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.fence.is_open()
    }

    /// Returns once it leads.
    pub async fn begins(&self) {
        self.fence.not_in(0).await;
    }

    /// What it has counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// If it panicked.
    pub async fn stop(mut self) {
        let stop = self.stop.take();
        stop.map(|stop| stop.send(()));
        (&mut self.task).await.expect("an orderly end");
    }

    /// What it answers to this question about its health.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn asked(&self, path: &str) -> (u16, String) {
        let request = http::Request::get(path).body(axum::body::Body::empty()).expect("a request");
        let answer = health::router(Arc::clone(&self.health)).oneshot(request).await.expect("an answer");
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
        (code, String::from_utf8_lossy(&body).into_owned())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}
