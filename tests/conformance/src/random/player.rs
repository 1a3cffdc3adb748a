//! Plays requests against one server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use kube::client::Body as ClientBody;
use serde_json::Value;

use super::{
    answer::{Answered, comparable},
    kinds::KINDS,
    memory::Memory,
    request::Asked,
    watched::Watched,
};

/// One of the two servers, with a watch of every kind that runs throughout.
pub struct Player {
    /// `embedded` or `real`.
    pub name: &'static str,
    client: kube::Client,
    watched: BTreeMap<String, Watched>,
}

impl Player {
    /// Prepares a server: the definitions of the sequences' own kinds are made, the watches begun.
    ///
    /// # Errors
    /// If the server does not take the definitions, or does not serve them within the bound.
    pub async fn new(name: &'static str, client: kube::Client) -> anyhow::Result<Self> {
        let mut player = Self { name, client, watched: BTreeMap::new() };
        for yaml in [include_str!("widgets.yaml"), verdigris_crds::manifest::ROLLOUT_YAML] {
            let definition: Value = serde_saphyr::from_str(yaml).context("reading a definition")?;
            player.define(&definition).await?;
        }
        // Pages of cluster-wide lists end among objects of others, of which a real server has some: here both have one at the end.
        for kind in KINDS.kinds.iter().filter(|kind| kind.cluster) {
            let mut last = kind.base.clone();
            last["metadata"] = serde_json::json!({"name": "zzz"});
            let answered =
                player.send("POST", &kind.everywhere(), "application/json", "", last.to_string()).await?;
            anyhow::ensure!(
                [201, 409].contains(&answered.code),
                "the last of {} was refused: {}",
                kind.plural,
                answered.body
            );
        }
        for kind in &KINDS.kinds {
            let watched = Watched::begin(&player.client, kind)
                .await
                .with_context(|| format!("watching {} of the {name} server", kind.plural))?;
            player.watched.insert(kind.everywhere(), watched);
        }
        Ok(player)
    }

    async fn define(&self, definition: &Value) -> anyhow::Result<()> {
        const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let answered = self.send("POST", PATH, "application/json", "", definition.to_string()).await?;
        anyhow::ensure!([201, 409].contains(&answered.code), "a definition was refused: {}", answered.body);
        let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let version = text("/spec/versions/0/name");
        let served = format!("/apis/{}/{version}/{}", text("/spec/group"), text("/spec/names/plural"));
        let wait = async {
            while self.send("GET", &served, "", "", String::new()).await?.code != 200 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        let bound = std::time::Duration::from_secs(20);
        tokio::time::timeout(bound, wait)
            .await
            .with_context(|| format!("waited for {served} to be served"))?
    }

    /// Makes the namespace of a sequence.
    ///
    /// # Errors
    /// If the server does not answer, or refuses.
    pub async fn open(&self, namespace: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({"metadata": {"name": namespace}}).to_string();
        let answered = self.send("POST", "/api/v1/namespaces", "application/json", "", body).await?;
        anyhow::ensure!(answered.code == 201, "namespace {namespace} on {}: {}", self.name, answered.body);
        Ok(())
    }

    /// Plays one request; the answer has what the server made up named by when it was seen.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn play(
        &self,
        asked: &Asked,
        namespace: &str,
        memory: &mut Memory,
    ) -> anyhow::Result<Answered> {
        let ready = asked.ready(namespace, memory);
        let target = if ready.query.is_empty() {
            ready.path.clone()
        } else {
            format!("{}?{}", ready.path, ready.query)
        };
        let answered = self.send(ready.method, &target, ready.media, ready.accept, ready.body).await?;
        asked.answered(&ready.path, answered.code, &answered.body, memory);
        Ok(comparable(&answered, memory))
    }

    /// What a list of all objects of a kind in a namespace says, and a sentence for what its watch says otherwise.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn settled(
        &self,
        kind: &str,
        list: &str,
        namespace: &str,
    ) -> anyhow::Result<Result<Value, String>> {
        let answered = self.send("GET", list, "", "", String::new()).await?;
        let watched = self.watched.get(kind).context("every kind is watched")?;
        Ok(watched.agrees(namespace, &answered.body).await.map(|()| answered.body))
    }

    /// The events of a kind in a namespace so far.
    pub fn events(&self, kind: &str, namespace: &str) -> Vec<Value> {
        self.watched.get(kind).map(|watched| watched.events(namespace)).unwrap_or_default()
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        media: &str,
        accept: &str,
        body: String,
    ) -> anyhow::Result<Answered> {
        let mut request =
            http::Request::builder().method(method).uri(target).header("user-agent", "random/1");
        for (name, value) in [("content-type", media), ("accept", accept)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let doing = || format!("{method} {target} on the {} server", self.name);
        let request = request.body(ClientBody::from(body.into_bytes())).with_context(doing)?;
        let bound = std::time::Duration::from_secs(30);
        let answer = async {
            let response = self.client.send(request).await.with_context(doing)?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.with_context(doing)?.to_bytes();
            anyhow::Ok((head, body))
        };
        let (head, body) = tokio::time::timeout(bound, answer)
            .await
            .with_context(|| format!("waited {} s for the answer to {}", bound.as_secs(), doing()))??;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answered {
            code: head.status.as_u16(),
            warnings: head.headers.get_all("warning").iter().map(text).collect(),
            retry_after: head.headers.get("retry-after").map(text).unwrap_or_default(),
            body: serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned())),
        })
    }
}
