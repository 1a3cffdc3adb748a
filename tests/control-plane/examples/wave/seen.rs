//! What watches have shown of the Rollouts and their active Services, and waiting for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, WatchEvent, WatchParams},
    core::GroupVersionKind,
};
use serde_json::Value;
use tokio::{sync::Notify, time::Instant};

/// However slow a machine is, something must happen within this.
const QUIET_MAX: Duration = Duration::from_secs(120);

/// How often many are counted.
const COUNT_EVERY: Duration = Duration::from_millis(20);

/// One Rollout.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// `status.phase`, where the status speaks of the newest spec.
    pub phase: String,
    /// `status.currentPodHash`.
    pub current: String,
    /// What its active Service selects.
    pub active: String,
    /// When that was first seen.
    pub switched: Option<Instant>,
    /// When the phase was first seen.
    pub since: Option<Instant>,
}

/// What watches have shown so far. Clones share it.
#[derive(Clone, Default)]
pub struct Seen {
    rollouts: Arc<Mutex<BTreeMap<String, Rollout>>>,
    news: Arc<Notify>,
}

impl Seen {
    /// Begins to watch.
    pub fn start(client: &Client) -> Self {
        let seen = Self::default();
        tokio::spawn(seen.clone().watch_rollouts(client.clone()));
        tokio::spawn(seen.clone().watch_services(client.clone()));
        seen
    }

    /// One Rollout as it was last seen.
    pub fn rollout(&self, name: &str) -> Rollout {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// Waits until it is so of all these.
    pub async fn until_all(
        &self,
        names: &[String],
        what: &str,
        is_so: impl Fn(&Rollout) -> bool,
    ) -> Result<()> {
        let mut left = names.len();
        loop {
            let news = self.news.notified();
            let now_left = {
                let rollouts = self.lock();
                names.iter().filter(|name| !rollouts.get(*name).is_some_and(&is_so)).count()
            };
            if now_left == 0 {
                return Ok(());
            }
            if tokio::time::timeout(QUIET_MAX, news).await.is_err() && now_left == left {
                bail!("{now_left} of {} Rollouts are not {what}, and nothing happens", names.len());
            }
            left = now_left;
            // Counting a thousand anew at each change of one would cost the machine more than the controller does.
            tokio::time::sleep(COUNT_EVERY.min(Duration::from_millis(names.len() as u64))).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Rollout>> {
        self.rollouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn watch_rollouts(self, client: Client) {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout"));
        let rollouts = Api::<DynamicObject>::default_namespaced_with(client, &resource);
        loop {
            let Ok(changes) = rollouts.watch(&WatchParams::default(), "0").await else { continue };
            let mut changes = changes.boxed();
            while let Ok(Some(change)) = changes.try_next().await {
                if let WatchEvent::Added(rollout) | WatchEvent::Modified(rollout) = change {
                    self.take_rollout(&rollout);
                }
            }
        }
    }

    fn take_rollout(&self, rollout: &DynamicObject) {
        let status = &rollout.data["status"];
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        let observed = text("observedGeneration");
        let is_observed = rollout.metadata.generation.is_some_and(|number| number.to_string() == observed);
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let mut rollouts = self.lock();
        let seen = rollouts.entry(name).or_default();
        let phase = if is_observed { text("phase") } else { String::new() };
        if seen.phase != phase {
            (seen.phase, seen.since) = (phase, Some(Instant::now()));
        }
        seen.current = text("currentPodHash");
        drop(rollouts);
        self.news.notify_waiters();
    }

    async fn watch_services(self, client: Client) {
        let services = Api::<Service>::default_namespaced(client);
        loop {
            let Ok(changes) = services.watch(&WatchParams::default(), "0").await else { continue };
            let mut changes = changes.boxed();
            while let Ok(Some(change)) = changes.try_next().await {
                if let WatchEvent::Added(service) | WatchEvent::Modified(service) = change {
                    self.take_service(&service);
                }
            }
        }
    }

    fn take_service(&self, service: &Service) {
        let name = service.metadata.name.clone().unwrap_or_default();
        let Some(rollout) = name.strip_suffix("-active") else { return };
        let spec = serde_json::to_value(&service.spec).unwrap_or(Value::Null);
        let hash = spec["selector"]["rollouts-pod-template-hash"].as_str().unwrap_or_default();
        let mut rollouts = self.lock();
        let seen = rollouts.entry(rollout.to_owned()).or_default();
        if seen.active != hash {
            (seen.active, seen.switched) = (hash.to_owned(), Some(Instant::now()));
        }
        drop(rollouts);
        self.news.notify_waiters();
    }
}
