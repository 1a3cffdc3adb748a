//! In virtual time and without sockets the cluster can be replayed, and it comes to rest.

use std::{sync::Arc, time::Duration};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;
use verdigris_playground_apiserver::server::ApiServer;
use verdigris_playground_cluster::{Cluster, Options};

use crate::world::{is_ready, service, workload};

struct Simulated {
    server: ApiServer,
    _cluster: Cluster,
}

impl Simulated {
    fn start(seed: u64) -> Self {
        let origin = Instant::now();
        let epoch: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let clock = Arc::new(move || epoch + SignedDuration::try_from(origin.elapsed()).unwrap());
        let server = ApiServer::new(clock.clone(), seed);
        let cluster = Cluster::start(server.client(), Options::pretended(clock, seed));
        Self { server, _cluster: cluster }
    }

    fn create(&self, object: &Value) {
        let path = match object["kind"].as_str().unwrap() {
            "Deployment" => "/apis/apps/v1/namespaces/default/deployments",
            "ConfigMap" => "/api/v1/namespaces/default/configmaps",
            _ => "/api/v1/namespaces/default/services",
        };
        self.server.ask(Method::POST, path, object).unwrap();
    }

    fn pods(&self) -> Vec<Value> {
        let list = self.server.ask(Method::GET, "/api/v1/namespaces/default/pods", &Value::Null).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// All writes so far, in a form that can be compared.
    fn writes(&self) -> Vec<String> {
        let writes = self.server.writes_since(0);
        let idle: Vec<_> = writes.iter().filter(|write| !write.changed).collect();
        assert!(idle.is_empty(), "writes that change nothing: {idle:#?}");
        writes.iter().map(|write| format!("{write:?}")).collect()
    }
}

/// An hour with an update, a crash loop, and the wait for a ConfigMap.
async fn hour(seed: u64) -> Vec<String> {
    let world = Simulated::start(seed);
    world.create(&workload(
        "Deployment",
        "web",
        3,
        json!({"readinessProbe": {"httpGet": {"path": "/", "port": "http"}}}),
    ));
    world.create(&service("web"));
    world.create(&workload("Deployment", "crash", 1, json!({"image": "super:bad"})));
    let env =
        json!([{"name": "WELCOME", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "WELCOME"}}}]);
    world.create(&workload("Deployment", "late", 1, json!({"env": env})));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.pods().iter().filter(|pod| is_ready(pod)).count(), 3);
    world.create(&json!({"kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"WELCOME": "Hello!"}}));
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "super:2"}]}}}});
    world.server.ask(Method::PATCH, "/apis/apps/v1/namespaces/default/deployments/web", &image).unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.pods().iter().filter(|pod| is_ready(pod)).count(), 4);
    world.writes()
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_make_equal_writes() {
    let (first, second) = (hour(1).await, hour(1).await);
    assert!(first.len() > 100, "{} writes", first.len());
    let differing = first.iter().zip(&second).find(|(first, second)| first != second);
    assert_eq!(differing, None);
    assert_eq!(first.len(), second.len());
    assert_ne!(first, hour(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_nobody_touches_comes_to_rest() {
    let world = Simulated::start(1);
    world.create(&workload("Deployment", "web", 3, json!({})));
    world.create(&service("web"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = world.writes();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.writes().len(), before.len(), "{:#?}", &world.writes()[before.len()..]);
}
