//! The watches, those of workloads that are referenced among them, as one stream of what they show.
//!
//! `kube::runtime::watcher` lists and watches; the waits after its failures are ours, because its own start from the
//! beginning with each attempt to list. They double from half a second to half a minute, each with up to a quarter more
//! from the dice, so that a fleet does not return in step when an API server comes back.

use std::time::Duration;

use futures::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use kube::{
    Api, Resource,
    core::{ClusterResourceScope, NamespaceResourceScope},
    runtime::watcher::{self, Event},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use verdigris_core::workload::WorkloadKind;
use verdigris_crds::keys;

use crate::{
    cache::Shown,
    items::{
        AnalysisRunItem, AnalysisTemplateItem, ClusterAnalysisTemplateItem, ReplicaSetItem, RolloutItem,
        ServiceItem, SliceItem, WorkloadItem,
    },
    key::Kind,
    options::Options,
    ports::Ports,
};

/// First wait after a failure.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// Longest wait, before the dice.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// So long an attempt to connect may take: kube's limit.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// A watch that is silent for so long after a failure goes on. More than the next attempt may take to fail: a server may take
/// its time to take the connection, and then say nothing.
const CALM: Duration =
    CONNECT_MAX.saturating_add(verdigris_connection::SILENCE_MAX).saturating_add(Duration::from_secs(10));
/// Objects to a page of a list: pages are parsed whole, so this bounds the memory that a list takes.
const PAGE_SIZE: u32 = 50;

/// What a watch shows.
#[derive(Debug)]
pub enum Change {
    /// Of Rollouts.
    Rollout(Shown<RolloutItem>),
    /// Of ReplicaSets.
    ReplicaSet(Shown<ReplicaSetItem>),
    /// Of Services.
    Service(Shown<ServiceItem>),
    /// Of EndpointSlices.
    Slice(Shown<SliceItem>),
    /// Of workloads.
    Workload(WorkloadKind, Shown<WorkloadItem>),
    /// Of AnalysisRuns.
    AnalysisRun(Shown<AnalysisRunItem>),
    /// Of AnalysisTemplates.
    AnalysisTemplate(Shown<AnalysisTemplateItem>),
    /// Of ClusterAnalysisTemplates.
    ClusterAnalysisTemplate(Shown<ClusterAnalysisTemplateItem>),
    /// It cannot be watched just now; it is tried again.
    Trouble(Kind, Trouble),
    /// It is watched again, and nothing has happened since.
    Calm(Kind),
}

/// Why something cannot be watched just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// We may not.
    Forbidden(String),
    /// The server does not know the kind.
    Unknown,
    /// Anything else.
    Other(String),
}

/// All watches of one controller.
pub type Watches = SelectAll<BoxStream<'static, Change>>;

/// Begins to watch.
pub fn watch_all(ports: &mut Ports, options: &Options) -> Watches {
    let mut begin = Begin { ports, namespace: options.namespace.as_deref() };
    let mut watches = vec![
        begin.watch(Kind::Rollout, Some(&instance_selector(options)), Change::Rollout),
        begin.watch(Kind::ReplicaSet, Some(keys::POD_TEMPLATE_HASH), Change::ReplicaSet),
        begin.watch(Kind::Service, None, Change::Service),
        begin.watch(Kind::EndpointSlice, None, Change::Slice),
        begin.watch(Kind::AnalysisRun, None, Change::AnalysisRun),
        begin.watch(Kind::AnalysisTemplate, None, Change::AnalysisTemplate),
    ];
    if options.namespace.is_none() {
        // Who works in one namespace has no rights in the cluster.
        watches
            .push(begin.watch_cluster_wide(Kind::ClusterAnalysisTemplate, Change::ClusterAnalysisTemplate));
    }
    stream::select_all(watches)
}

/// Begins to watch workloads of one kind.
pub fn watch_workloads(
    ports: &mut Ports,
    options: &Options,
    kind: WorkloadKind,
) -> BoxStream<'static, Change> {
    let api = match options.namespace.as_deref() {
        Some(namespace) => Api::<WorkloadItem>::namespaced_with(ports.client.clone(), namespace, &kind),
        None => Api::<WorkloadItem>::all_with(ports.client.clone(), &kind),
    };
    let config = watcher::Config::default().page_size(PAGE_SIZE);
    follow(api, config, ports, Kind::Workload(kind), move |shown| Change::Workload(kind, shown))
}

/// `key=ID`, or `!key` for a controller without an id, which leaves alone what belongs to one with an id.
fn instance_selector(options: &Options) -> String {
    match &options.instance_id {
        Some(id) => format!("{}={id}", keys::INSTANCE_ID),
        None => format!("!{}", keys::INSTANCE_ID),
    }
}

/// Whether a Rollout with these labels is ours.
#[must_use]
pub fn is_ours(labels: &std::collections::BTreeMap<String, String>, options: &Options) -> bool {
    labels.get(keys::INSTANCE_ID) == options.instance_id.as_ref()
}

struct Begin<'a> {
    ports: &'a mut Ports,
    namespace: Option<&'a str>,
}

impl Begin<'_> {
    fn watch<K>(
        &mut self,
        kind: Kind,
        labels: Option<&str>,
        wrap: fn(Shown<K>) -> Change,
    ) -> BoxStream<'static, Change>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + 'static,
    {
        let api = match self.namespace {
            Some(namespace) => Api::<K>::namespaced(self.ports.client.clone(), namespace),
            None => Api::<K>::all(self.ports.client.clone()),
        };
        self.follow(api, kind, labels, wrap)
    }

    fn watch_cluster_wide<K>(
        &mut self,
        kind: Kind,
        wrap: fn(Shown<K>) -> Change,
    ) -> BoxStream<'static, Change>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + 'static,
    {
        let api = Api::<K>::all(self.ports.client.clone());
        self.follow(api, kind, None, wrap)
    }

    fn follow<K>(
        &mut self,
        api: Api<K>,
        kind: Kind,
        labels: Option<&str>,
        wrap: fn(Shown<K>) -> Change,
    ) -> BoxStream<'static, Change>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let mut config = watcher::Config::default().page_size(PAGE_SIZE);
        config.label_selector = labels.map(str::to_owned);
        follow(api, config, self.ports, kind, wrap)
    }
}

fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    ports: &mut Ports,
    kind: Kind,
    wrap: impl Fn(Shown<K>) -> Change + Clone + Send + 'static,
) -> BoxStream<'static, Change>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let watch = Watch {
        events: watcher::watcher(api, config).boxed(),
        dice: ports.dice.fork(),
        failures: 0,
        wait: Duration::ZERO,
    };
    stream::unfold(watch, move |mut watch| {
        let wrap = wrap.clone();
        async move {
            let change = watch.next(kind, wrap).await?;
            Some((change, watch))
        }
    })
    .boxed()
}

struct Watch<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    dice: fastrand::Rng,
    failures: u32,
    /// To be waited before the next attempt.
    wait: Duration,
}

impl<K> Watch<K> {
    async fn next(&mut self, kind: Kind, wrap: impl Fn(Shown<K>) -> Change) -> Option<Change> {
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
            self.wait = Duration::ZERO;
        }
        let event = if self.failures == 0 {
            self.events.next().await?
        } else {
            // A watch that goes on where it was says so with nothing.
            match timeout(CALM, self.events.next()).await {
                Ok(event) => event?,
                Err(_) => {
                    self.failures = 0;
                    return Some(Change::Calm(kind));
                }
            }
        };
        let shown = match event {
            // That a list is begun does not mean that it will be answered.
            Ok(Event::Init) => return Some(wrap(Shown::ListBegins)),
            Ok(Event::InitApply(item)) => Shown::Listed(item),
            Ok(Event::InitDone) => Shown::ListEnds,
            Ok(Event::Apply(item)) => Shown::There(item),
            Ok(Event::Delete(item)) => Shown::Gone(item),
            Err(error) => {
                self.wait = wait(self.failures, &mut self.dice);
                self.failures = self.failures.saturating_add(1);
                return Some(Change::Trouble(kind, trouble(&error)));
            }
        };
        self.failures = 0;
        Some(wrap(shown))
    }
}

fn wait(failures_before: u32, dice: &mut fastrand::Rng) -> Duration {
    let wait = WAIT_MIN.saturating_mul(1 << failures_before.min(16)).min(WAIT_MAX);
    wait + wait.mul_f64(dice.f64() / 4.0)
}

fn trouble(error: &watcher::Error) -> Trouble {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        other => return Trouble::Other(with_sources(other)),
    };
    match status.code {
        403 => Trouble::Forbidden(status.message.clone()),
        404 => Trouble::Unknown,
        // The watch was away for too long and lists anew; nothing is wrong.
        _ => Trouble::Other(format!("{} ({})", status.message, status.code)),
    }
}

/// An error with what caused it, in one line.
#[must_use]
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    #[test]
    fn waits_double_and_the_dice_decide_how_much_longer() {
        let waits = |seed| {
            let mut dice = fastrand::Rng::with_seed(seed);
            (0..9).map(|failures| wait(failures, &mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        for (at, base) in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0].into_iter().enumerate() {
            let wait = waits(7)[at].as_secs_f64();
            assert!((base..=base * 1.25).contains(&wait), "{at}: {wait}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_interruption_silence_says_that_the_watch_goes_on_once() {
        let events = stream::iter([Err(watcher::Error::NoResourceVersion)]).chain(stream::pending());
        let dice = fastrand::Rng::with_seed(7);
        let mut watch = Watch::<Service> { events: events.boxed(), dice, failures: 0, wait: Duration::ZERO };
        let mut next = async || watch.next(Kind::Service, |_| Change::Calm(Kind::Rollout)).await;
        assert!(matches!(next().await, Some(Change::Trouble(Kind::Service, _))));
        assert!(matches!(next().await, Some(Change::Calm(Kind::Service))));
        assert!(timeout(CALM * 100, next()).await.is_err(), "it was said");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_its_time_to_fail_is_not_taken_for_one_that_is_calm() {
        let events = stream::unfold((), |()| async {
            tokio::time::sleep(CONNECT_MAX + verdigris_connection::SILENCE_MAX).await;
            Some((Err(watcher::Error::NoResourceVersion), ()))
        });
        let dice = fastrand::Rng::with_seed(7);
        let mut watch = Watch::<Service> { events: events.boxed(), dice, failures: 0, wait: Duration::ZERO };
        for _ in 0..3 {
            let change = watch.next(Kind::Service, |_| Change::Calm(Kind::Rollout)).await;
            assert!(matches!(change, Some(Change::Trouble(Kind::Service, _))), "{change:?}");
        }
    }

    #[test]
    fn without_an_id_those_of_others_are_left_alone() {
        let labels = [(keys::INSTANCE_ID.to_owned(), "blue".to_owned())].into();
        let ours = Options { instance_id: Some("blue".into()), ..Options::default() };
        assert_eq!(instance_selector(&ours), "argo-rollouts.argoproj.io/controller-instance-id=blue");
        assert_eq!(
            instance_selector(&Options::default()),
            "!argo-rollouts.argoproj.io/controller-instance-id"
        );
        assert!(is_ours(&labels, &ours) && !is_ours(&labels, &Options::default()));
        assert!(is_ours(&std::collections::BTreeMap::new(), &Options::default()));
    }
}
