//! What the tour looks at: the Rollout, its ReplicaSets and Services, and what answers.

use std::fmt;

use anyhow::Context as _;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Service};
use kube::{
    Api, Client,
    api::{ListParams, ObjectMeta},
};
use tokio::time::{Duration, Instant, sleep};
use verdigris_crds::{Rollout, keys};

use super::{ACTIVE, NAMESPACE, PREVIEW, ROLLOUT};

/// How often to look while waiting. The API is in this process: a look costs less than a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One version of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    pub revision: u64,
    pub hash: String,
    pub desired: i32,
    pub ready: i32,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub phase: String,
    pub message: String,
    /// In order of revision.
    pub stacks: Vec<Stack>,
    pub active: Option<String>,
    pub preview: Option<String>,
}

impl Scene {
    /// The version of this revision.
    pub(super) fn revision(&self, revision: u64) -> anyhow::Result<&Stack> {
        let found = self.stacks.iter().find(|stack| stack.revision == revision);
        found.with_context(|| format!("there is no revision {revision}: {self}"))
    }

    /// Whether the pods of these revisions, and of no others, are up, and ready.
    pub(super) fn up(&self, revisions: &[u64]) -> bool {
        self.stacks.iter().all(|stack| {
            let replicas = if revisions.contains(&stack.revision) { 2 } else { 0 };
            stack.desired == replicas && stack.ready == replicas
        }) && revisions.iter().all(|revision| self.stacks.iter().any(|stack| stack.revision == *revision))
    }

    /// Whether the Services select these revisions.
    pub(super) fn selects(&self, active: u64, preview: u64) -> bool {
        let hash = |revision| {
            self.stacks
                .iter()
                .find(|stack: &&Stack| stack.revision == revision)
                .map(|stack| stack.hash.clone())
        };
        self.active.is_some() && self.active == hash(active) && self.preview == hash(preview)
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message.is_empty() { String::new() } else { format!(" ({})", self.message) };
        write!(out, "{}{message};", self.phase)?;
        for stack in &self.stacks {
            let selected = |by: &Option<String>| by.as_deref() == Some(stack.hash.as_str());
            let active = if selected(&self.active) { ", active" } else { "" };
            let preview = if selected(&self.preview) { ", preview" } else { "" };
            let Stack { revision, hash, desired, ready } = stack;
            write!(out, " revision {revision} ({hash}): {ready} of {desired} pods ready{active}{preview};")?;
        }
        Ok(())
    }
}

/// Looks at the tour's objects.
pub(super) struct Look {
    client: Client,
}

impl Look {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// What there is now.
    pub(super) async fn scene(&self) -> anyhow::Result<Scene> {
        let rollout = Api::<Rollout>::namespaced(self.client.clone(), NAMESPACE).get(ROLLOUT).await;
        let status = rollout.context("reading the Rollout")?.status.unwrap_or_default();
        // Others may be in the namespace, those of a controller that is installed there.
        let versions = ListParams::default().labels(keys::POD_TEMPLATE_HASH);
        let sets = Api::<ReplicaSet>::namespaced(self.client.clone(), NAMESPACE).list(&versions).await;
        let mut stacks: Vec<Stack> = sets.context("listing ReplicaSets")?.items.iter().map(stack).collect();
        stacks.sort_by_key(|stack| stack.revision);
        Ok(Scene {
            phase: status.phase.unwrap_or_default(),
            message: status.message.unwrap_or_default(),
            stacks,
            active: self.selected(ACTIVE).await?,
            preview: self.selected(PREVIEW).await?,
        })
    }

    /// Waits until the scene is as described.
    pub(super) async fn until(
        &self,
        what: &str,
        within: Duration,
        as_described: impl Fn(&Scene) -> bool,
    ) -> anyhow::Result<Scene> {
        let mut last = None;
        eventually(within, async || {
            let scene = self.scene().await.ok()?;
            let done = as_described(&scene);
            last = Some(scene);
            if done { last.clone() } else { None }
        })
        .await
        .with_context(|| {
            let seen = last.map_or_else(|| "nothing".to_owned(), |scene| scene.to_string());
            format!("waited {within:?} for {what}; saw {seen}")
        })
    }

    async fn selected(&self, service: &str) -> anyhow::Result<Option<String>> {
        let service = Api::<Service>::namespaced(self.client.clone(), NAMESPACE).get_opt(service).await;
        let selector = service.context("reading a Service")?.and_then(|service| service.spec?.selector);
        Ok(selector.and_then(|mut labels| labels.remove(keys::POD_TEMPLATE_HASH)))
    }
}

fn stack(set: &ReplicaSet) -> Stack {
    let ObjectMeta { labels, annotations, .. } = &set.metadata;
    let revision =
        annotations.as_ref().and_then(|all| all.get(keys::REVISION)).and_then(|text| text.parse().ok());
    Stack {
        revision: revision.unwrap_or_default(),
        hash: labels.as_ref().and_then(|all| all.get(keys::POD_TEMPLATE_HASH)).cloned().unwrap_or_default(),
        desired: set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default(),
        ready: set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default(),
    }
}

/// Looks again and again until there is something to see, or the time is up.
pub(super) async fn eventually<T>(within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + within;
    loop {
        if let Some(seen) = look().await {
            return Some(seen);
        }
        if Instant::now() >= until {
            return None;
        }
        sleep(LOOK_EVERY).await;
    }
}
