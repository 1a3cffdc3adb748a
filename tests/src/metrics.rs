//! A metrics API for autoscalers: how much pods use is what a test says that the load on a Service is, over the pods that
//! get it.
//!
//! It is an aggregated API as metrics-server is one: kube-apiserver passes on what it is asked of `metrics.k8s.io`. There is
//! no network of pods here, so its Service is a name, `localhost`, and its port that of a listener of this process.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use k8s_openapi::{
    api::core::v1::{Pod, Service},
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::Duration};
use verdigris_controller::{Clock as _, SystemClock};
use verdigris_playground::tls::Identity;

use crate::playing::until_within;

/// How long kube-apiserver may take to find that the API answers.
const AVAILABLE_MAX: Duration = Duration::from_secs(60);
const NAME: &str = "v1beta1.metrics.k8s.io";

/// The API. Dropping it ends it.
pub struct Metrics {
    load: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Served {
    client: Client,
    /// The Service that the load is on.
    service: &'static str,
    /// In thousandths of a core.
    load: Arc<AtomicU64>,
}

impl Metrics {
    /// Serves it to the Kubernetes of this client, and waits until that passes questions on. `service` has the load.
    ///
    /// # Errors
    /// If it is not passed on.
    pub async fn start(client: Client, service: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("taking a port")?;
        let port = listener.local_addr().context("asking for the port")?.port();
        let load = Arc::new(AtomicU64::new(0));
        let served = Served { client: client.clone(), service, load: load.clone() };
        let router = Router::new()
            .route("/apis/metrics.k8s.io/v1beta1", get(resources))
            .route("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", get(pods))
            .with_state(served);
        let listener = Identity::new()?.listen(listener);
        let task = tokio::spawn(async move {
            // It serves for ever.
            let _ = axum::serve(listener, router).await;
        });
        let metrics = Self { load, task };
        announce(client, port).await?;
        Ok(metrics)
    }

    /// From now on so many thousandths of a core are used by all pods that get the Service's requests, together.
    pub fn set_load(&self, millicores: u64) {
        self.load.store(millicores, Ordering::Relaxed);
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn announce(client: Client, port: u16) -> Result<()> {
    let name = json!({"metadata": {"name": "metrics"}, "spec": {"type": "ExternalName", "externalName": "localhost"}});
    let services: Api<Service> = Api::namespaced(client.clone(), "kube-system");
    services.create(&PostParams::default(), &serde_json::from_value(name)?).await.context("naming it")?;
    let spec = json!({
        "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": true,
        "service": {"namespace": "kube-system", "name": "metrics", "port": port},
    });
    let announced = serde_json::from_value(json!({"metadata": {"name": NAME}, "spec": spec}))?;
    let apis: Api<APIService> = Api::all(client);
    apis.create(&PostParams::default(), &announced).await.context("announcing it")?;
    until_within(AVAILABLE_MAX, "the metrics API to be available", async || {
        let seen = apis.get_status(NAME).await.ok().and_then(|seen| seen.status?.conditions);
        seen.into_iter().flatten().any(|it| it.type_ == "Available" && it.status == "True")
    })
    .await
}

async fn resources() -> Json<Value> {
    let pods = json!({"name": "pods", "singularName": "pod", "namespaced": true, "kind": "PodMetrics",
        "verbs": ["get", "list"]});
    Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [pods]}))
}

async fn pods(
    State(served): State<Served>,
    Path(namespace): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> std::result::Result<Json<Value>, (StatusCode, String)> {
    let selector = query.get("labelSelector").map(String::as_str).unwrap_or_default();
    let items = measured(&served, &namespace, selector).await;
    let items = items.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}")))?;
    Ok(Json(json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {},
        "items": items})))
}

/// What the selected pods use. Those that the Service does not select, or that are not ready, use nothing.
async fn measured(served: &Served, namespace: &str, selector: &str) -> Result<Vec<Value>> {
    let pods: Api<Pod> = Api::namespaced(served.client.clone(), namespace);
    let services: Api<Service> = Api::namespaced(served.client.clone(), namespace);
    let wanted = services.get(served.service).await?.spec.and_then(|spec| spec.selector).unwrap_or_default();
    let wanted: Vec<String> = wanted.iter().map(|(label, value)| format!("{label}={value}")).collect();
    let serving = pods.list(&ListParams::default().labels(&wanted.join(","))).await?;
    let serving: Vec<String> =
        serving.iter().filter(|pod| is_ready(pod)).map(kube::ResourceExt::name_any).collect();
    let share = served.load.load(Ordering::Relaxed) / u64::try_from(serving.len().max(1))?;
    let measure = |pod: &Pod| {
        let used = if serving.contains(&pod.name_any()) { share } else { 0 };
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let containers: Vec<Value> = containers
            .map(|container| json!({"name": container.name, "usage": {"cpu": format!("{used}m"), "memory": "1Mi"}}))
            .collect();
        json!({"metadata": {"name": pod.name_any(), "namespace": namespace, "labels": pod.labels()},
            "timestamp": SystemClock.now().to_string(), "window": "1s", "containers": containers})
    };
    Ok(pods.list(&ListParams::default().labels(selector)).await?.iter().map(measure).collect())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
