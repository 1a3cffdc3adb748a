//! A cluster, a user and a controller, in virtual time.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};
use verdigris_controller::{
    Clock, Controller, Options, Ports, TokioClock, metrics::counters::Counters, rules::Rules,
};
use verdigris_playground_apiserver::server::ApiServer;

use crate::{
    cluster,
    wire::{Call, Wire},
};

static PEERS_CRD: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../tests/fixtures/peer/api/rollout-crd.json")).unwrap()
});
static PEERS_ANALYSIS_CRDS: LazyLock<[Value; 3]> = LazyLock::new(|| {
    [
        include_str!("../../../tests/fixtures/peer/api/analysis-run-crd.json"),
        include_str!("../../../tests/fixtures/peer/api/analysis-template-crd.json"),
        include_str!("../../../tests/fixtures/peer/api/cluster-analysis-template-crd.json"),
    ]
    .map(|text| serde_json::from_str(text).unwrap())
});
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysisruns";
const TEMPLATES: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysistemplates";
const SERVICES: &str = "/api/v1/namespaces/default/services";

pub struct World {
    pub server: ApiServer,
    pub wire: Wire,
    clock: TokioClock,
    cluster: JoinHandle<()>,
}

/// A controller that runs. Dropping it is a crash.
pub struct Running {
    pub counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl World {
    /// A cluster with the peer's CRDs.
    pub fn new() -> Self {
        let world = Self::with_crd(&PEERS_CRD);
        world.create_analysis_crds();
        world
    }

    pub fn create_analysis_crds(&self) {
        for crd in PEERS_ANALYSIS_CRDS.iter() {
            self.server.ask(Method::POST, CRDS, crd).unwrap();
        }
    }

    pub fn with_crd(crd: &Value) -> Self {
        let world = Self::without_crd();
        world.server.ask(Method::POST, CRDS, crd).unwrap();
        world
    }

    pub fn without_crd() -> Self {
        let clock = TokioClock::starting_at("2026-11-21T08:00:00Z".parse().unwrap());
        let server = ApiServer::new(Arc::new(move || clock.now()), 7);
        let wire = Wire::new(server.clone());
        let cluster = tokio::spawn(cluster::run(server.clone()));
        Self { server, wire, clock, cluster }
    }

    pub fn create_peers_crd(&self) {
        self.server.ask(Method::POST, CRDS, &PEERS_CRD).unwrap();
    }

    pub fn start(&self) -> Running {
        self.start_with(Options::default(), Rules::default())
    }

    pub fn start_with(&self, options: Options, rules: Rules) -> Running {
        let dice = fastrand::Rng::with_seed(7);
        let ports = Ports { client: self.wire.client(), clock: Arc::new(self.clock), dice };
        let controller = Controller::with_rules(ports, options, rules);
        let counters = controller.counters();
        Running { counters, task: tokio::spawn(controller.run(std::future::pending())) }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Creates two Services and a Rollout of two pods that is promoted by hand.
    pub fn deploy(&self, name: &str) {
        self.create_services(name);
        self.server.ask(Method::POST, ROLLOUTS, &rollout(name)).unwrap();
    }

    pub fn create_services(&self, name: &str) {
        for service in [format!("{name}-active"), format!("{name}-preview")] {
            let service = json!({"metadata": {"name": service}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
            self.server.ask(Method::POST, SERVICES, &service).unwrap();
        }
    }

    pub fn create(&self, rollout: &Value) {
        self.server.ask(Method::POST, ROLLOUTS, rollout).unwrap();
    }

    pub fn patch(&self, name: &str, patch: &Value) {
        self.server.ask(Method::PATCH, &format!("{ROLLOUTS}/{name}"), patch).unwrap();
    }

    pub fn patch_status(&self, name: &str, status: &Value) {
        let path = format!("{ROLLOUTS}/{name}/status");
        self.server.ask(Method::PATCH, &path, &json!({"status": status})).unwrap();
    }

    pub fn set_image(&self, name: &str, image: &str) {
        let containers = json!([{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]);
        self.patch(name, &json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    }

    pub fn promote(&self, name: &str) {
        self.patch_status(name, &json!({"pauseConditions": null}));
    }

    /// Points a Service at a version, as somebody's hand would.
    pub fn point(&self, service: &str, hash: &str) {
        let patch = json!({"spec": {"selector": {"rollouts-pod-template-hash": hash}}});
        self.server.ask(Method::PATCH, &format!("{SERVICES}/{service}"), &patch).unwrap();
    }

    pub fn create_template(&self, name: &str) {
        let metric = json!({"name": "m", "provider": {"web": {"url": "http://x"}}});
        let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": name}, "spec": {"metrics": [metric]}});
        self.server.ask(Method::POST, TEMPLATES, &template).unwrap();
    }

    pub fn analysis_runs(&self) -> Vec<Value> {
        self.items(RUNS)
    }

    /// Somebody writes the phase of a run.
    pub fn set_run_phase(&self, run: &str, phase: &str) {
        let patch = json!({"status": {"phase": phase, "message": "as written"}});
        self.server.ask(Method::PATCH, &format!("{RUNS}/{run}"), &patch).unwrap();
    }

    /// A run of this name that nobody controls.
    pub fn create_strangers_run(&self, run: &str) {
        let run = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": {"name": run}, "spec": {"metrics": []}});
        self.server.ask(Method::POST, RUNS, &run).unwrap();
    }

    pub fn delete_run(&self, run: &str) {
        self.server.ask(Method::DELETE, &format!("{RUNS}/{run}"), &Value::Null).unwrap();
    }

    /// A Rollout that asks for an analysis before promotion, and is promoted by itself.
    pub fn deploy_analysed(&self, name: &str) {
        self.create_services(name);
        let mut rollout = rollout(name);
        let strategy = &mut rollout["spec"]["strategy"]["blueGreen"];
        strategy["autoPromotionEnabled"] = json!(true);
        strategy["prePromotionAnalysis"] = json!({"templates": [{"templateName": "works"}]});
        self.create(&rollout);
    }

    pub fn rollout(&self, name: &str) -> Value {
        self.server.ask(Method::GET, &format!("{ROLLOUTS}/{name}"), &Value::Null).unwrap()
    }

    pub fn phase(&self, name: &str) -> String {
        self.rollout(name)["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    pub fn condition(&self, name: &str, type_: &str) -> Option<Value> {
        let rollout = self.rollout(name);
        let conditions = rollout["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == type_)
    }

    pub fn selected(&self, service: &str) -> String {
        let service = self.server.ask(Method::GET, &format!("{SERVICES}/{service}"), &Value::Null).unwrap();
        service["spec"]["selector"]["rollouts-pod-template-hash"].as_str().unwrap_or_default().to_owned()
    }

    pub fn replica_sets(&self) -> Vec<Value> {
        self.items("/apis/apps/v1/namespaces/default/replicasets")
    }

    /// Reason, message and count of all events about Rollouts, sorted.
    pub fn events(&self) -> Vec<(String, String, i64)> {
        let events = self.items("/api/v1/namespaces/default/events").into_iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut events: Vec<_> = events
            .map(|event| {
                (text(&event["reason"]), text(&event["message"]), event["count"].as_i64().unwrap_or_default())
            })
            .collect();
        events.sort();
        events
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let list = self.server.ask(Method::GET, path, &Value::Null).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until it is so; fails after ten virtual minutes.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let bound = Instant::now() + Duration::from_secs(600);
        while !is_so(self) {
            let sequence = self.server.write_count();
            let written = tokio::time::timeout_at(bound, self.server.writes_after(sequence)).await;
            assert!(
                written.is_ok(),
                "not within ten minutes: {what}. Calls:\n{}",
                listed(&self.wire.calls())
            );
        }
    }

    pub async fn until_phase(&self, name: &str, phase: &str) {
        self.until(&format!("{name} {phase}"), |world| world.phase(name) == phase).await;
    }

    /// Lets virtual time pass.
    pub async fn pass(&self, secs: u64) {
        tokio::time::sleep(Duration::from_secs(secs)).await;
    }

    /// A whole update: deployed, healthy, new image, paused, promoted, old version scaled down.
    pub async fn deploy_and_update(&self, name: &str) {
        self.deploy(name);
        self.until_phase(name, "Healthy").await;
        self.update(name, "example/app:2").await;
        self.pass(120).await;
    }

    pub async fn update(&self, name: &str, image: &str) {
        self.set_image(name, image);
        self.until_phase(name, "Paused").await;
        self.promote(name);
        self.until_phase(name, "Healthy").await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cluster.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"blueGreen": {"activeService": format!("{name}-active"), "previewService": format!("{name}-preview"),
                "autoPromotionEnabled": false, "scaleDownDelaySeconds": 6}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "example/app:1", "ports": [{"containerPort": 8080}]}]}},
        },
    })
}

pub fn listed(calls: &[Call]) -> String {
    let lines = calls
        .iter()
        .map(|call| format!("{:>8} ms {} {} {}", call.at_millis, call.method, call.path, call.body));
    lines.collect::<Vec<_>>().join("\n")
}
