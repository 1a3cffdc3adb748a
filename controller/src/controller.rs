//! The loop that drives everything: watches fill the caches, the queue says whose turn it is, passes run side by side.
//!
//! One future, no tasks and no threads of its own: dropping it ends the controller as a crash would. On a
//! current-thread runtime with a paused clock a run is a function of what the API server answers and of the dice.

mod aftermath;
mod intake;
mod measure;
mod refusals;
mod terms;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};
use verdigris_core::workload::WorkloadKind;

use crate::{
    barrier::Barrier,
    cache::Cache,
    gather::{gather, gather_gone},
    health::Health,
    items::{AnalysisRunItem, ReplicaSetItem, RolloutItem, ServiceItem, WorkloadItem},
    key::{Key, Kind, ObjectId},
    lease::Fence,
    metrics::{Metrics, counters::Counters, work::PassEnd},
    observe::Observer,
    options::Options,
    outbox::{Letter, Outbox},
    pass::{self, Ending, Means, Report, Untold},
    ports::Ports,
    queue::Queue,
    rivals::{Rival, Rivals},
    rules::Rules,
    server::{CallError, Server, field_manager},
    watches::{Trouble, watch_all},
};
use refusals::Refusals;

/// How much later than it should a loop may turn.
const LOOP_MAX: Duration = Duration::from_secs(60);

/// One controller.
pub struct Controller {
    ports: Ports,
    options: Options,
    means: Means,
    cache: Cache,
    queue: Queue<Key>,
    barrier: Barrier,
    /// Rollouts that are due but wait for the cache.
    waiting: BTreeSet<Key>,
    memory: BTreeMap<Key, Memory>,
    outbox: Outbox,
    rivals: Rivals,
    observer: Observer,
    troubles: BTreeMap<Kind, Trouble>,
    /// Kinds of workloads that are watched.
    workloads_watched: BTreeSet<WorkloadKind>,
    underway: FuturesUnordered<BoxFuture<'static, Finished>>,
    passes_underway: usize,
    fence: Fence,
    /// The term in which passes are under way; 0 while another replica leads.
    term: u64,
    health: Arc<Health>,
    /// When metrics are told anew how much there is to do, if there is.
    measure_at: Instant,
}

/// What is remembered of a Rollout between passes. Losing it costs a repeated write or an event at most.
#[derive(Default)]
struct Memory {
    refusals: Refusals,
    untold: Option<Untold>,
    /// When counts of pods have to be written that wait for company.
    counts_due: Option<Instant>,
    /// Whether it was said that another controller works on it.
    told_of_rival: bool,
}

enum Finished {
    Pass { rollout: Key, report: Box<Report> },
    Read { object: ObjectId, read: Box<Result<Option<ReadLive>, CallError>> },
    Told { rollout: Key },
}

enum ReadLive {
    Rollout(RolloutItem),
    ReplicaSet(ReplicaSetItem),
    Service(ServiceItem),
    Workload(WorkloadKind, WorkloadItem),
    AnalysisRun(AnalysisRunItem),
}

impl Controller {
    /// A controller that will see and change the world through `ports`.
    #[must_use]
    pub fn new(ports: Ports, options: Options) -> Self {
        Self::with_rules(ports, options, Rules::default())
    }

    /// A controller that decides otherwise: for tests, which put mutants here to see that they are caught.
    #[must_use]
    pub fn with_rules(ports: Ports, options: Options, rules: Rules) -> Self {
        let manager = field_manager(options.installed_in.as_deref());
        let rivals = Rivals::new(&manager);
        let server = Server::new(ports.client.clone(), options.call_timeout, options.calls_max(), manager);
        let means = Means {
            server: if options.observe { server.read_only() } else { server },
            clock: Arc::clone(&ports.clock),
            rules,
            metrics: Arc::default(),
            observe: options.observe,
        };
        let health = Arc::new(Health::new(options.resync + LOOP_MAX));
        Self {
            ports,
            cache: empty_cache(&options, &means.metrics),
            options,
            means,
            queue: Queue::default(),
            barrier: Barrier::default(),
            waiting: BTreeSet::new(),
            memory: BTreeMap::new(),
            outbox: Outbox::default(),
            rivals,
            observer: Observer::default(),
            troubles: BTreeMap::new(),
            workloads_watched: BTreeSet::new(),
            underway: FuturesUnordered::new(),
            passes_underway: 0,
            measure_at: Instant::now(),
            fence: Fence::none(),
            term: Fence::none().term(),
            health,
        }
    }

    /// The same, but it changes nothing while this fence is down: another replica leads. It stands by with its caches filled.
    #[must_use]
    pub fn behind(mut self, fence: Fence) -> Self {
        self.term = fence.term();
        self.means.server = self.means.server.behind(fence.clone());
        self.fence = fence;
        self
    }

    /// The same, and what it measures is to be found there.
    #[must_use]
    pub fn measured_by(mut self, metrics: Arc<Metrics>) -> Self {
        self.cache = empty_cache(&self.options, &metrics);
        self.means.metrics = metrics;
        self
    }

    /// What is measured of it.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.means.metrics)
    }

    /// What happens is counted here.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.means.metrics.counters)
    }

    /// How it is, is told here.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Runs until `stop` resolves, then lets passes under way end.
    ///
    /// Dropping the future instead is a crash: nothing more is sent, whatever was under way.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        let mut watches = watch_all(&mut self.ports, &self.options);
        let fence = self.fence.clone();
        loop {
            self.follow_terms();
            self.tell_health();
            self.start_passes();
            self.start_reads();
            self.start_telling();
            self.measure();
            let wake = self.next_wake();
            tokio::select! { biased;
                () = &mut stop => break,
                () = fence.not_in(self.term) => {}
                Some(change) = watches.next() => {
                    self.take_in_all(change, &mut watches);
                    self.finish_ready();
                }
                Some(finished) = self.underway.next() => self.finish(finished),
                () = sleep_until(wake) => {}
            }
        }
        drop(watches);
        self.drain().await;
    }

    async fn drain(mut self) {
        info!(passes = self.passes_underway, "stopping");
        let stop_wait = self.options.stop_wait;
        let ended = async {
            while let Some(finished) = self.underway.next().await {
                match finished {
                    Finished::Pass { rollout, report, .. } => self.put(&rollout, &report.letters),
                    Finished::Told { rollout } => self.outbox.told(&rollout),
                    Finished::Read { .. } => {}
                }
                self.start_telling();
            }
        };
        if tokio::time::timeout(stop_wait, ended).await.is_err() {
            warn!("passes under way did not end in time; they are given up");
        }
    }

    fn free(&mut self, rollouts: Vec<Key>) {
        for rollout in rollouts {
            if self.waiting.remove(&rollout) {
                self.queue.add(&rollout, Instant::now());
            }
        }
    }

    fn look_at(&mut self, rollout: &Key, at: Instant) {
        if !self.waiting.contains(rollout) {
            self.queue.add(rollout, at);
        }
    }

    fn may_start(&self) -> bool {
        self.term != 0 && self.caches_filled() && self.passes_underway < self.options.passes_max
    }

    fn start_passes(&mut self) {
        let now = Instant::now();
        while self.may_start()
            && let due = self.queue.next_due()
            && let Some(rollout) = self.queue.take(now)
        {
            if self.barrier.blocks(&rollout) {
                self.means.metrics.counters.waits_for_cache.add_one();
                self.queue.put_aside(&rollout);
                self.waiting.insert(rollout);
            } else {
                let waited = due.map(|due| now.duration_since(due)).unwrap_or_default();
                self.start_pass(rollout, now, waited);
            }
        }
    }

    fn start_pass(&mut self, rollout: Key, now: Instant, waited: Duration) {
        let Some(cached) = self.cache.rollout(&rollout) else {
            let Some(observed) = gather_gone(&self.cache, &rollout) else { return self.forget(&rollout) };
            let (means, key) = (self.means.clone(), rollout.clone());
            let pass = async move { pass::run(&means, &key, observed, None, false).await };
            return self.begin(rollout, pass.boxed(), waited);
        };
        if let Some(rival) = self.rivals.of(&rollout) {
            let uid = cached.uid.clone();
            self.tell_of_rival(&rollout, &rival, &uid);
            if rival.prevails {
                self.means.metrics.left_alone(&rollout);
                return self.queue.put_aside(&rollout);
            }
        }
        let Some(cached) = self.cache.rollout(&rollout) else { return };
        let memory = self.memory.entry(rollout.clone()).or_default();
        let refusals = memory.refusals.known(cached.generation, now);
        let untold = memory.untold.take();
        let counts_wait = memory.counts_due.is_none_or(|due| now < due);
        let means = self.means.clone();
        means.metrics.counters.passes.add_one();
        let key = rollout.clone();
        let json = cached.json();
        let pass = match RolloutItem::decode(&json) {
            Ok(decoded) => {
                let observed = gather(&self.cache, decoded, refusals);
                async move { pass::run(&means, &key, observed, untold, counts_wait).await }.boxed()
            }
            Err(fault) => {
                means.metrics.counters.undecodable.add_one();
                async move { pass::run_undecodable(&means, &key, &json, &fault).await }.boxed()
            }
        };
        self.begin(rollout, pass, waited);
    }

    /// That is said once.
    fn tell_of_rival(&mut self, rollout: &Key, rival: &Rival, uid: &str) {
        let memory = self.memory.entry(rollout.clone()).or_default();
        if !std::mem::replace(&mut memory.told_of_rival, true) {
            let letter = pass::tell_of_rival(&self.means, rollout, uid, rival);
            self.put(rollout, &[letter]);
        }
    }

    fn begin(&mut self, rollout: Key, pass: BoxFuture<'static, Report>, waited: Duration) {
        let metrics = self.metrics();
        self.passes_underway += 1;
        metrics.pass_began(&rollout, waited);
        self.underway.push(
            async move {
                let ended = AssertUnwindSafe(pass).catch_unwind().await;
                metrics.pass_ended(&rollout, ended.as_ref().map_or(PassEnd::Panicked, Report::outcome));
                let report = ended.unwrap_or_else(|panic| {
                    metrics.counters.panics.add_one();
                    error!(%rollout, panic = text_of(panic.as_ref()), "a pass panicked; other Rollouts go on. Please report this");
                    Report { ending: Ending::Later(Duration::ZERO), ..Report::default() }
                });
                Finished::Pass { rollout, report: Box::new(report) }
            }
            .boxed(),
        );
    }

    /// Reads live what the cache did not come to show in time.
    fn start_reads(&mut self) {
        let now = Instant::now();
        for object in self.barrier.overdue(now, now + self.options.barrier_wait) {
            let server = self.means.server.clone();
            let read = async move {
                let read = Box::new(read_live(&server, &object).await);
                Finished::Read { object, read }
            };
            self.underway.push(read.boxed());
        }
    }

    /// Tells what the passes left to be told.
    fn start_telling(&mut self) {
        while let Some((rollout, letter)) = self.outbox.take() {
            let means = self.means.clone();
            let told = async move {
                pass::tell(&means, &rollout, &letter).await;
                Finished::Told { rollout }
            };
            self.underway.push(told.boxed());
        }
    }

    fn put(&mut self, rollout: &Key, letters: &[Letter]) {
        let given_up = self.outbox.put(rollout, letters);
        if given_up > 0 {
            warn!(%rollout, given_up, "the API server takes no events: the oldest are given up");
        }
    }

    fn next_wake(&self) -> Instant {
        let due = self.queue.next_due().filter(|_| self.may_start());
        let next = due.into_iter().chain(self.barrier.next_deadline()).min();
        next.unwrap_or_else(|| Instant::now() + self.options.resync)
    }

    /// Lets passes go on though there may be more to take in: a flood of changes must not starve them.
    fn finish_ready(&mut self) {
        while let Some(Some(finished)) = self.underway.next().now_or_never() {
            self.finish(finished);
        }
    }

    fn finish(&mut self, finished: Finished) {
        match finished {
            Finished::Pass { rollout, report } => {
                self.passes_underway -= 1;
                self.put(&rollout, &report.letters);
                self.pass_ended(&rollout, *report);
            }
            Finished::Read { object, read } => self.read_ended(&object, *read),
            Finished::Told { rollout } => self.outbox.told(&rollout),
        }
    }

    fn forget(&mut self, rollout: &Key) {
        self.queue.put_aside(rollout);
        self.queue.forget(rollout);
        self.barrier.forget(rollout);
        self.waiting.remove(rollout);
        self.memory.remove(rollout);
        self.rivals.forget(rollout);
        self.observer.forget(rollout);
    }
}

fn empty_cache(options: &Options, metrics: &Arc<Metrics>) -> Cache {
    let mut cache = Cache::telling(metrics);
    if options.namespace.is_some() {
        let why = "a controller for one namespace cannot read ClusterAnalysisTemplates".to_owned();
        cache.analysis.has_trouble(Kind::ClusterAnalysisTemplate, why, true);
    }
    cache
}

async fn read_live(server: &Server, object: &ObjectId) -> Result<Option<ReadLive>, CallError> {
    let (namespace, name) = object.key.names();
    Ok(match object.kind {
        Kind::Rollout => server.get(namespace, name).await?.map(ReadLive::Rollout),
        Kind::ReplicaSet => server.get(namespace, name).await?.map(ReadLive::ReplicaSet),
        Kind::Service => server.get(namespace, name).await?.map(ReadLive::Service),
        Kind::AnalysisRun => server.get(namespace, name).await?.map(ReadLive::AnalysisRun),
        Kind::EndpointSlice | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => None,
        Kind::Workload(kind) => {
            let read = server.workload(kind, namespace, name).await?;
            read.map(|item| ReadLive::Workload(kind, item))
        }
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
