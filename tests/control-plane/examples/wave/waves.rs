//! The three waves, and the same one at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, header::CONTENT_TYPE};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::seen::{Rollout, Seen};

/// Requests that are under way at once in a wave.
const AT_ONCE: usize = 50;
/// Between singles, so that the cluster is idle again: nothing is measured in it.
const BREATH: Duration = Duration::from_millis(200);
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";

/// Rollouts, a client, and what it sees.
pub struct Waves {
    client: Client,
    seen: Seen,
    names: Vec<String>,
}

/// What the waves took.
pub struct Times {
    /// Until all were Healthy.
    pub create: Duration,
    /// Until all were Paused.
    pub update: Duration,
    /// Until all were switched.
    pub promote: Duration,
    /// Of each, from before its promote was sent until its Service was seen to select the new version.
    pub switches: Vec<Duration>,
}

/// What single updates took on an idle cluster.
pub struct Singles {
    /// From before the new image was sent until Paused was seen.
    pub pauses: Vec<Duration>,
    /// From before the promote was sent until the switch was seen.
    pub switches: Vec<Duration>,
}

impl Waves {
    /// So many, none of them there yet.
    pub async fn new(client: Client, count: usize) -> Result<Self> {
        let seen = Seen::start(&client);
        Ok(Self { client, seen, names: (0..count).map(|number| format!("app-{number}")).collect() })
    }

    /// One Rollout more than the wave has; how long it took to be Healthy.
    pub async fn one(&self) -> Result<Duration> {
        let began = Instant::now();
        self.create("first").await?;
        self.seen.until_all(&["first".into()], "Healthy", is_healthy).await?;
        Ok(began.elapsed())
    }

    /// All three waves.
    pub async fn all(&self) -> Result<Times> {
        let began = Instant::now();
        self.each(|name| self.create(name)).await?;
        self.seen.until_all(&self.names, "Healthy", is_healthy).await?;
        let create = began.elapsed();

        let began = Instant::now();
        self.each(|name| self.update(name, "example/app:2")).await?;
        self.seen.until_all(&self.names, "Paused", is_paused).await?;
        let update = began.elapsed();

        let began = Instant::now();
        let sent: Vec<(String, Instant)> = stream::iter(&self.names)
            .map(|name| async move {
                let sent = Instant::now();
                self.promote(name).await.map(|()| (name.clone(), sent))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        self.seen.until_all(&self.names, "switched", is_switched).await?;
        let promote = began.elapsed();
        let switches = sent.iter().filter_map(|(name, sent)| self.switched_after(name, *sent)).collect();
        Ok(Times { create, update, promote, switches })
    }

    /// Updates and promotes the first ones of them, one after the other.
    pub async fn singles(&self, count: usize) -> Result<Singles> {
        let mut singles = Singles { pauses: Vec::new(), switches: Vec::new() };
        for name in self.names.iter().take(count) {
            let only = [name.clone()];
            let sent = Instant::now();
            self.update(name, "example/app:3").await?;
            self.seen.until_all(&only, "Paused", is_paused).await?;
            let since = self.seen.rollout(name).since;
            singles.pauses.extend(since.map(|since| since.saturating_duration_since(sent)));
            tokio::time::sleep(BREATH).await;
            let sent = Instant::now();
            self.promote(name).await?;
            self.seen.until_all(&only, "switched", is_switched).await?;
            singles.switches.extend(self.switched_after(name, sent));
            tokio::time::sleep(BREATH).await;
        }
        Ok(singles)
    }

    fn switched_after(&self, name: &str, sent: Instant) -> Option<Duration> {
        self.seen.rollout(name).switched.map(|at| at.saturating_duration_since(sent))
    }

    async fn each<'a, F>(&'a self, act: impl Fn(&'a str) -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        stream::iter(&self.names).map(|name| act(name)).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn create(&self, name: &str) -> Result<()> {
        for role in ["active", "preview"] {
            let service = json!({"metadata": {"name": format!("{name}-{role}")},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
            self.send(Method::POST, SERVICES, "application/json", &service).await?;
        }
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": name}},
                "strategy": {"blueGreen": {"activeService": format!("{name}-active"),
                    "previewService": format!("{name}-preview"), "autoPromotionEnabled": false}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers("example/app:1")}},
            },
        });
        self.send(Method::POST, ROLLOUTS, "application/json", &rollout).await
    }

    async fn update(&self, name: &str, image: &str) -> Result<()> {
        let patch = json!({"spec": {"template": {"spec": {"containers": containers(image)}}}});
        self.send(Method::PATCH, &format!("{ROLLOUTS}/{name}"), "application/merge-patch+json", &patch).await
    }

    /// As the stock plugin does.
    async fn promote(&self, name: &str) -> Result<()> {
        let patch = json!({"status": {"pauseConditions": null}});
        self.send(Method::PATCH, &format!("{ROLLOUTS}/{name}/status"), "application/merge-patch+json", &patch)
            .await
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<()> {
        let request = Request::builder().method(&method).uri(path).header(CONTENT_TYPE, kind);
        let request = request.body(body.to_string().into_bytes()).context("a request")?;
        self.client.request_text(request).await.map(drop).with_context(|| format!("{method} {path}"))
    }
}

fn containers(image: &str) -> Value {
    json!([{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}])
}

fn is_healthy(rollout: &Rollout) -> bool {
    rollout.phase == "Healthy"
}

fn is_paused(rollout: &Rollout) -> bool {
    rollout.phase == "Paused"
}

fn is_switched(rollout: &Rollout) -> bool {
    !rollout.active.is_empty() && rollout.active == rollout.current
}
