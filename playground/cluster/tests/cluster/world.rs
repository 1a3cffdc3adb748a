//! A world for tests: an API server with a cluster behind it, and a few sentences to set it up and look at it.

use std::{fmt::Debug, sync::Arc, time::Duration};

use kube::{
    Api, Client, Config,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use verdigris_playground_apiserver::server::ApiServer;
use verdigris_playground_cluster::{Clock, Cluster, Options};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub client: Client,
    pub cluster: Cluster,
    pub namespace: String,
}

/// The system's time.
#[expect(clippy::disallowed_methods, reason = "the adapter between the system's clock and the cluster")]
pub fn clock() -> Clock {
    Arc::new(jiff::Timestamp::now)
}

/// A client of an embedded API server; or of the real one whose kubeconfig `VERDIGRIS_TEST_KUBECONFIG` names. There,
/// run one test at a time, and without the controllers that are tested here; or with them all, and with
/// `VERDIGRIS_TEST_NODES_ONLY` set, so that ours stay away.
async fn client() -> Client {
    let Ok(path) = std::env::var("VERDIGRIS_TEST_KUBECONFIG") else {
        return ApiServer::new(clock(), 7).client();
    };
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

impl World {
    /// A cluster with real listeners and an empty namespace.
    pub async fn with_sockets(namespace: &str) -> Self {
        Self::with(namespace, |_| {}).await
    }

    /// The same with other options.
    pub async fn with(namespace: &str, change: impl FnOnce(&mut Options)) -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let client = client().await;
        let mut options = Options::with_sockets(clock(), 7);
        change(&mut options);
        let start = if std::env::var_os("VERDIGRIS_TEST_NODES_ONLY").is_some() {
            Cluster::start_nodes
        } else {
            Cluster::start
        };
        let cluster = start(client.clone(), options);
        let namespace = format!("{namespace}-{}", clock()().as_millisecond() % 10_000_000);
        let world = Self { client, cluster, namespace: namespace.clone() };
        world.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
        world
    }

    fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if ["Namespace", "Node"].contains(&kind) {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        }
    }

    pub async fn create(&self, object: Value) -> Value {
        let api = self.api(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        json!(api.create(&PostParams::default(), &object).await.unwrap())
    }

    pub async fn patch(&self, api_version: &str, kind: &str, name: &str, patch: Value) {
        let api = self.api(api_version, kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub async fn delete(&self, api_version: &str, kind: &str, name: &str, params: DeleteParams) {
        self.api(api_version, kind).delete(name, &params).await.unwrap();
    }

    pub async fn list(&self, api_version: &str, kind: &str) -> Vec<Value> {
        let list = self.api(api_version, kind).list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|object| json!(object)).collect()
    }

    pub async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        self.api(api_version, kind).get_opt(name).await.unwrap().map(|object| json!(object))
    }

    pub async fn pods(&self) -> Vec<Value> {
        self.list("v1", "Pod").await
    }

    /// Waits until `look` sees what it wants; tells what it saw last if it never does.
    pub async fn until<T: Debug, L: Future<Output = Result<T, String>>>(
        &self,
        what: &str,
        look: impl Fn() -> L,
    ) -> T {
        let began = tokio::time::Instant::now();
        loop {
            match look().await {
                Ok(seen) => return seen,
                Err(seen) if began.elapsed() > PATIENCE => panic!("never saw {what}; last: {seen}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Waits until this many pods are there and all ready.
    pub async fn pods_ready(&self, count: usize) -> Vec<Value> {
        self.ready(count, |_| true).await
    }

    /// The same for the pods of one workload.
    pub async fn pods_ready_of(&self, workload: &str, count: usize) -> Vec<Value> {
        self.ready(count, |pod| pod["metadata"]["labels"]["app"] == workload).await
    }

    async fn ready(&self, count: usize, choose: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.until("ready pods", || async {
            let mut pods = self.pods().await;
            pods.retain(|pod| choose(pod));
            let ready = pods.len() == count && pods.iter().all(is_ready);
            if ready { Ok(pods) } else { Err(format!("{pods:#?}")) }
        })
        .await
    }
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// A ReplicaSet or Deployment of the tour's app.
#[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
pub fn workload(kind: &str, name: &str, replicas: u32, container: Value) -> Value {
    let mut one =
        json!({"name": "app", "image": "super:1.0.2", "ports": [{"name": "http", "containerPort": 8080}]});
    for (field, value) in container.as_object().unwrap() {
        one[field] = value.clone();
    }
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                         "spec": {"terminationGracePeriodSeconds": 5, "containers": [one]}},
        },
    })
}

pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}
