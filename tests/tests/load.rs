//! The load that a release must survive notices a controller that does not take care.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};
use verdigris_controller::rules::Rules;
use verdigris_core::decision::{Decision, Outcome, Precondition, ReplicaSetChange, Write};
use verdigris_core::observed::Observed;
use verdigris_playground::{
    home::Home,
    load::{Load, LoadOptions, LoadReport},
    world::{World, WorldOptions},
};
use verdigris_tests::programs::program;

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_when_the_old_version_stays_until_the_switch_is_seen() {
    let report = switch_under_load("careful", Rules::default()).await;
    assert_eq!(report.failed, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_the_old_version_down_at_the_switch_is_noticed() {
    let report = switch_under_load("careless", careless()).await;
    assert!(report.failed > 0, "the load must notice: {report}");
}

/// The mutant: whenever the active Service is pointed elsewhere, everything that it does not select goes at once.
fn careless() -> Rules {
    let decide = |observed: &Observed, now| match verdigris_core::decide(observed, now) {
        Outcome::Decided(mut decision) => {
            let others = others_than_the_new_active(observed, &decision);
            decision.writes.extend(others.into_iter().map(Write::UpdateReplicaSet));
            Outcome::Decided(decision)
        }
        fresh @ Outcome::NeedFresh(_) => fresh,
    };
    Rules { decide: Arc::new(decide), guard: Arc::new(|_, _, _| Ok(())) }
}

fn others_than_the_new_active(observed: &Observed, decision: &Decision) -> Vec<ReplicaSetChange> {
    let pointed = decision.writes.iter().find_map(|write| match write {
        Write::PointService(point) if point.at.name == "active" => Some(point.hash.clone()),
        _ => None,
    });
    let Some(hash) = pointed else { return Vec::new() };
    let others = observed.replica_sets.values().filter(|set| !set.name.ends_with(&hash));
    let to_nothing = others.map(|set| ReplicaSetChange {
        at: Precondition {
            name: set.name.clone(),
            uid: set.uid.clone(),
            resource_version: set.resource_version.clone(),
        },
        replicas: Some(0),
        min_ready_seconds: None,
        annotations: Default::default(),
    });
    to_nothing.collect()
}

/// Deploys v1, updates to v2, promotes it, all under load, and stops the load a moment after v2 answers.
async fn switch_under_load(name: &str, rules: Rules) -> LoadReport {
    let folder = std::env::temp_dir().join(format!("verdigris-load-{name}-{}", std::process::id()));
    let home = Home::new(Some(&folder), &program("verdigris-playground")).expect("a folder");
    // Long enough that a proxy which still knows the old pods is met for certain.
    let options =
        WorldOptions { rules, programming_delay: Duration::from_millis(200), ..WorldOptions::default() };
    let world = World::start(&options, &home).await.expect("a world");
    for service in ["active", "preview"] {
        let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
        ask(&world, Method::POST, SERVICES, &json!({"metadata": {"name": service}, "spec": spec}));
    }
    ask(&world, Method::POST, ROLLOUTS, &rollout());
    phase(&world, "Healthy").await;
    let load = Load::start(&LoadOptions::new(world.service("default", "active").expect("an address")));
    seen(&load, "v1").await;
    let web = format!("{ROLLOUTS}/web");
    ask(&world, Method::PATCH, &web, &json!({"spec": {"template": template("v2")}}));
    phase(&world, "Paused").await;
    ask(&world, Method::PATCH, &format!("{web}/status"), &json!({"status": {"pauseConditions": null}}));
    seen(&load, "v2").await;
    phase(&world, "Healthy").await;
    load.stop().await
}

fn rollout() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("v1"),
            "strategy": {
                "blueGreen": {"activeService": "active", "previewService": "preview", "autoPromotionEnabled": false},
            },
        },
    })
}

fn template(version: &str) -> Value {
    let env = json!([{"name": "WELCOME", "value": version}]);
    let container =
        json!({"name": "web", "image": "example/web:1", "env": env, "ports": [{"containerPort": 8080}]});
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}})
}

fn ask(world: &World, method: Method, path: &str, body: &Value) -> Value {
    world.server().ask(method, path, body).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

async fn phase(world: &World, wanted: &str) {
    let path = format!("{ROLLOUTS}/web");
    until(wanted, || ask(world, Method::GET, &path, &Value::Null)["status"]["phase"] == wanted).await;
}

async fn seen(load: &Load, version: &str) {
    until(version, || load.so_far().versions.last().is_some_and(|(seen, _)| seen == version)).await;
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !reached() {
        assert!(Instant::now() < end, "waited {SOON:?} for {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
