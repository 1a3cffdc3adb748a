//! Watches the cluster and fills the store. Each kind follows by itself: one that may not be read stops no other.

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use http::StatusCode;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use tokio::time::timeout;
use verdigris_crds::keys;

use crate::store::{Kind, Store};

/// Wait after the first failure of a watch; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// How long a listing may take before the page says that it takes long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows all kinds until dropped.
pub(crate) async fn follow(client: &Client, namespace: Option<&str>, store: &Store) {
    let follow = |kind| follow_kind(client, namespace, kind, store);
    futures::join!(
        follow(Kind::Rollouts),
        follow(Kind::ReplicaSets),
        follow(Kind::Services),
        follow(Kind::Pods),
        follow(Kind::AnalysisRuns),
        follow(Kind::Events),
    );
}

async fn follow_kind(client: &Client, namespace: Option<&str>, kind: Kind, store: &Store) {
    let resource = resource(kind);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let trouble = |why: Trouble<'_>| store.set_trouble(kind, why.sentence(kind, namespace));
    let mut failures = 0;
    loop {
        let error = follow_once(&api, kind, store, &mut failures, &trouble).await;
        failures += 1;
        tracing::debug!(%error, kind = kind.plural(), "a watch failed");
        // One failure is daily bread (a watch that expired); what stays is worth a sentence.
        if (failures > 1 || is_refusal(&error)) && !is_nothing_to_miss(kind, &error) {
            trouble(Trouble::Failed(&error));
        }
        tokio::time::sleep(backoff(failures)).await;
    }
}

/// One watch, from its listing to its first failure. Each begins with a listing, so that one that works shows it: a
/// watch that was only resumed says nothing until something changes.
async fn follow_once(
    api: &Api<DynamicObject>,
    kind: Kind,
    store: &Store,
    failures: &mut u32,
    trouble: &impl Fn(Trouble<'_>),
) -> watcher::Error {
    let mut events = pin!(watcher(api.clone(), watch_config(kind)));
    let mut answered = false;
    let mut patience = true;
    loop {
        let next = if answered || !patience {
            events.next().await
        } else {
            let Ok(next) = timeout(PATIENCE, events.next()).await else {
                patience = false;
                trouble(Trouble::Silent);
                continue;
            };
            next
        };
        match next {
            Some(Ok(event)) => {
                // A listing begins before anything was asked; all else is an answer.
                if !matches!(event, watcher::Event::Init) {
                    (answered, *failures) = (true, 0);
                }
                if !(kind == Kind::Events && is_about_something_else(&event)) {
                    store.apply(kind, event);
                }
            }
            Some(Err(error)) => return error,
            // Watchers do not end; if one did, a new one is begun like after a failure.
            None => return watcher::Error::NoResourceVersion,
        }
    }
}

/// 0.5 s, 1 s, 2 s, 4 s, 8 s, 15 s, 15 s …
fn backoff(failures: u32) -> Duration {
    (BACKOFF_MIN * 2_u32.pow(failures.saturating_sub(1).min(6))).min(BACKOFF_MAX)
}

fn resource(kind: Kind) -> ApiResource {
    use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1};
    match kind {
        Kind::Rollouts => ApiResource::erase::<verdigris_crds::Rollout>(&()),
        Kind::ReplicaSets => ApiResource::erase::<ReplicaSet>(&()),
        Kind::Services => ApiResource::erase::<v1::Service>(&()),
        Kind::Pods => ApiResource::erase::<v1::Pod>(&()),
        Kind::AnalysisRuns => {
            ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "AnalysisRun"))
        }
        Kind::Events => ApiResource::erase::<v1::Event>(&()),
    }
}

/// Asks for no more than is shown: a cluster has many pods and events that belong to no Rollout.
fn watch_config(kind: Kind) -> watcher::Config {
    match kind {
        Kind::Rollouts | Kind::Services => watcher::Config::default(),
        Kind::ReplicaSets | Kind::Pods | Kind::AnalysisRuns => {
            watcher::Config::default().labels(keys::POD_TEMPLATE_HASH)
        }
        Kind::Events => watcher::Config::default().fields("involvedObject.kind=Rollout"),
    }
}

/// A server that ignores the field selector must not fill the store with foreign events.
fn is_about_something_else(event: &watcher::Event<DynamicObject>) -> bool {
    match event {
        watcher::Event::Apply(o) | watcher::Event::InitApply(o) | watcher::Event::Delete(o) => {
            o.data.pointer("/involvedObject/kind").and_then(|kind| kind.as_str()) != Some("Rollout")
        }
        watcher::Event::Init | watcher::Event::InitDone => false,
    }
}

/// The server's own words, where it answered at all.
fn status(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// Whether asking again soon will not help.
fn is_refusal(error: &watcher::Error) -> bool {
    let code = status(error).map(|status| status.code);
    code.is_some_and(|code| [401, 403, 404].contains(&code))
}

/// A cluster where nobody analyses needs no such kind.
fn is_nothing_to_miss(kind: Kind, error: &watcher::Error) -> bool {
    kind == Kind::AnalysisRuns && status(error).is_some_and(|status| status.code == 404)
}

/// Why a kind cannot be read at present.
#[derive(Clone, Copy)]
enum Trouble<'a> {
    /// The API server lets us wait.
    Silent,
    /// It answered with an error, or could not be reached.
    Failed(&'a watcher::Error),
}

impl Trouble<'_> {
    fn sentence(self, kind: Kind, namespace: Option<&str>) -> String {
        let what = kind.plural();
        let place =
            namespace.map_or("in this cluster".to_owned(), |namespace| format!("in namespace {namespace}"));
        match self {
            Self::Silent => format!(
                "The API server has not answered for {} seconds when asked for {what} {place}; what you see may be old.",
                PATIENCE.as_secs()
            ),
            Self::Failed(error) => match status(error) {
                Some(status) if kind == Kind::Rollouts && status.code == StatusCode::NOT_FOUND.as_u16() => {
                    format!(
                        "This cluster does not know the kind Rollout yet: install its CRD. ({})",
                        status.message
                    )
                }
                Some(status) => {
                    format!("The API server does not let {what} {place} be read: {}", status.message)
                }
                None => format!(
                    "The API server cannot be reached for {what} {place}; what you see may be old. ({error})"
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<u64> = (1..8).map(|failures| backoff(failures).as_millis() as u64).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
