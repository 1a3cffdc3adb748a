//! Workloads change hands while they are used: from a Deployment, from a canary, to nobody; and autoscalers take part.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::rules::Rules;
use verdigris_tests::playing::{Playing, Server, answers, rollout, template, until, until_within};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const HASH: &str = "rollouts-pod-template-hash";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
/// The garbage collector of kube-controller-manager looks for new kinds every half minute.
const COLLECTED: std::time::Duration = std::time::Duration::from_secs(90);
/// Longer than the proxies of these worlds take.
const PROXIES: std::time::Duration = std::time::Duration::from_secs(2);
const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_becomes_a_rollout_and_no_request_fails() {
    for mode in ["onsuccess", "progressively"] {
        from_a_deployment(mode, Server::Embedded).await.expect(mode);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_becomes_a_rollout_on_a_real_kubernetes_and_no_request_fails() {
    for mode in ["onsuccess", "progressively"] {
        from_a_deployment(mode, Server::Real).await.expect(mode);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_becomes_a_deployment_again_and_no_request_fails() {
    to_a_deployment(Server::Embedded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_becomes_a_deployment_again_on_a_real_kubernetes_and_no_request_fails() {
    to_a_deployment(Server::Real).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_a_rollout_that_is_deleted_are_let_go() {
    to_nobody(Server::Embedded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_a_rollout_that_is_deleted_on_a_real_kubernetes_are_let_go() {
    to_nobody(Server::Real).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_becomes_blue_green_and_no_request_fails() {
    from_a_canary(Server::Embedded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_becomes_blue_green_on_a_real_kubernetes_and_no_request_fails() {
    from_a_canary(Server::Real).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_the_scale_sizes_what_serves_and_disturbs_no_gate() {
    scaled_from_outside(Server::Embedded).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_the_scale_on_a_real_kubernetes_disturbs_no_gate() {
    scaled_from_outside(Server::Real).await.unwrap();
}

/// Migrated under load, then updated as a GitOps tool would: the Deployment is applied again, with its replicas.
async fn from_a_deployment(mode: &str, server: Server) -> anyhow::Result<()> {
    let playing = Playing::start(&format!("migrated-{mode}"), Rules::default(), server).await?;
    let spec =
        json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("v1")});
    playing.ask(Method::POST, DEPLOYMENTS, &json!({"metadata": {"name": "web"}, "spec": spec})).await?;
    let load = playing.steady_load("v1").await?;
    let mut rollout = rollout("v1");
    rollout["spec"]["template"] = Value::Null;
    rollout["spec"]["selector"] = Value::Null;
    rollout["spec"]["workloadRef"] =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": mode});
    playing.ask(Method::POST, ROLLOUTS, &rollout).await?;
    playing.phase("Healthy").await?;
    until("the Deployment to go", async || deployed(&playing).await == (0, 0)).await?;

    let applied = json!({"spec": {"replicas": 2, "template": template("v2")}});
    playing.ask(Method::PATCH, DEPLOYMENT, &applied).await?;
    playing.phase("Paused").await?;
    until("the Deployment to go again", async || deployed(&playing).await == (0, 0)).await?;
    playing.promote().await?;
    answers(&load, "v2").await?;
    playing.phase("Healthy").await?;
    let report = load.stop().await;
    anyhow::ensure!(report.failed == 0, "{mode}: {report}");
    let seen = playing.ask(Method::GET, ROLLOUT, &Value::Null).await?;
    let spec = &seen["spec"];
    anyhow::ensure!(spec.get("template").is_none() && spec.get("selector").is_none(), "{spec}");
    playing.nothing_was_refused()
}

/// As `docs/compatibility.md` says: the wheel is taken, and the Deployment's pods serve before the Rollout goes.
async fn to_a_deployment(server: Server) -> anyhow::Result<()> {
    let playing = Playing::start("back", Rules::default(), server).await?;
    let spec =
        json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("v1")});
    playing.ask(Method::POST, DEPLOYMENTS, &json!({"metadata": {"name": "web"}, "spec": spec})).await?;
    let mut rollout = rollout("v1");
    rollout["spec"]["template"] = Value::Null;
    rollout["spec"]["workloadRef"] =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": "onsuccess"});
    playing.ask(Method::POST, ROLLOUTS, &rollout).await?;
    playing.phase("Healthy").await?;
    until("the Deployment to go", async || deployed(&playing).await == (0, 0)).await?;
    let load = playing.steady_load("v1").await?;

    playing.ask(Method::PATCH, ROLLOUT, &json!({"spec": {"paused": true}})).await?;
    playing.ask(Method::PATCH, DEPLOYMENT, &json!({"spec": {"replicas": 2}})).await?;
    until("the Deployment's pods", async || {
        let seen = playing.ask(Method::GET, DEPLOYMENT, &Value::Null).await.unwrap_or_default();
        seen["status"]["availableReplicas"] == 2
    })
    .await?;
    let sets = playing.ask(Method::GET, REPLICA_SETS, &Value::Null).await?;
    let mut sets = sets["items"].as_array().into_iter().flatten();
    let own = sets.find_map(|set| set["metadata"]["labels"]["pod-template-hash"].as_str());
    let own = own.ok_or_else(|| anyhow::anyhow!("the Deployment has no ReplicaSet"))?;
    let pointed = json!({"spec": {"selector": {HASH: null, "pod-template-hash": own}}});
    playing.ask(Method::PATCH, &format!("{SERVICES}/active"), &pointed).await?;
    until("no endpoint but the Deployment's", async || endpoints(&playing, own).await).await?;
    // Proxies follow later than endpoints do.
    tokio::time::sleep(PROXIES).await;
    playing.ask(Method::DELETE, ROLLOUT, &Value::Null).await?;
    let unmarked = (Value::Null, Value::Null);
    until("the marks to go", async || marks(&playing, "active").await == unmarked).await?;
    until_within(COLLECTED, "the Rollout's ReplicaSet to go", async || {
        let sets = playing.ask(Method::GET, REPLICA_SETS, &Value::Null).await.unwrap_or_default();
        sets["items"].as_array().is_some_and(|sets| sets.len() == 1)
    })
    .await?;
    let report = load.stop().await;
    anyhow::ensure!(report.failed == 0, "{report}");
    anyhow::ensure!(deployed(&playing).await == (2, 2), "nobody takes the pods away again");
    playing.nothing_was_refused()
}

/// Whether all ready endpoints of the active Service are pods of the Deployment's ReplicaSet with this hash.
async fn endpoints(playing: &Playing, hash: &str) -> bool {
    let slices = playing.ask(Method::GET, SLICES, &Value::Null).await.unwrap_or_default();
    let endpoints = slices["items"].as_array().into_iter().flatten().flat_map(|slice| {
        let is_active = slice["metadata"]["labels"]["kubernetes.io/service-name"] == "active";
        slice["endpoints"].as_array().filter(|_| is_active).into_iter().flatten()
    });
    let names: Vec<&str> = endpoints.filter_map(|it| it["targetRef"]["name"].as_str()).collect();
    names.len() == 2 && names.iter().all(|name| name.starts_with(&format!("web-{hash}-")))
}

async fn to_nobody(server: Server) -> anyhow::Result<()> {
    let playing = Playing::start("left", Rules::default(), server).await?;
    playing.deploy("v1").await?;
    for service in ["active", "preview"] {
        let (hash, owner) = marks(&playing, service).await;
        anyhow::ensure!(hash.is_string() && owner == "web", "{service}: {hash} {owner}");
    }
    playing.ask(Method::DELETE, ROLLOUT, &Value::Null).await?;
    for service in ["active", "preview"] {
        let unmarked = (Value::Null, Value::Null);
        until("the marks to go", async || marks(&playing, service).await == unmarked).await?;
    }
    playing.deploy("v2").await?;
    playing.nothing_was_refused()
}

/// As the peer leaves a canary in its middle: two ReplicaSets, one Service for both, and a pause between steps.
async fn from_a_canary(server: Server) -> anyhow::Result<()> {
    let playing = Playing::start("canary", Rules::default(), server).await?;
    let mut canary = rollout("v2");
    canary["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}});
    let made = playing.ask(Method::POST, ROLLOUTS, &canary).await?;
    for (version, hash, revision) in [("v1", "stable5c7d", "1"), ("v2", "canary8f2b", "2")] {
        playing.ask(Method::POST, REPLICA_SETS, &replica_set(&made, version, hash, revision)).await?;
    }
    playing
        .ask(Method::PATCH, &format!("{ROLLOUT}/status"), &json!({"status": canary_status(&made)}))
        .await?;
    until("the pods", async || {
        let sets = playing.ask(Method::GET, REPLICA_SETS, &Value::Null).await;
        let ready = |set: &Value| set["status"]["readyReplicas"] == 1;
        sets.is_ok_and(|sets| sets["items"].as_array().is_some_and(|sets| sets.iter().all(ready)))
    })
    .await?;
    let load = playing.load()?;
    until("answers", async || load.so_far().sent > load.so_far().failed).await?;
    load.stop().await;
    let load = playing.load()?;
    let strategy = json!({"canary": null, "blueGreen": rollout("v2")["spec"]["strategy"]["blueGreen"]});
    playing.ask(Method::PATCH, ROLLOUT, &json!({"spec": {"strategy": strategy}})).await?;
    let hash_is = async |hash: &str| marks(&playing, "active").await.0 == hash;
    until("the stable version to have all traffic", async || hash_is("stable5c7d").await).await?;
    playing.phase("Paused").await?;
    anyhow::ensure!(hash_is("stable5c7d").await, "nobody promoted the canary");
    playing.promote().await?;
    until("the promotion", async || hash_is("canary8f2b").await).await?;
    playing.phase("Healthy").await?;
    let report = load.stop().await;
    anyhow::ensure!(report.failed == 0, "{report}");
    playing.nothing_was_refused()
}

fn replica_set(owner: &Value, version: &str, hash: &str, revision: &str) -> Value {
    let mut template = template(version);
    template["metadata"]["labels"][HASH] = hash.into();
    let labels = template["metadata"]["labels"].clone();
    let owner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web",
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true});
    json!({
        "metadata": {"name": format!("web-{hash}"), "labels": labels, "ownerReferences": [owner],
            "annotations": {"rollout.argoproj.io/revision": revision, "rollout.argoproj.io/desired-replicas": "2"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    })
}

fn canary_status(rollout: &Value) -> Value {
    let time = "2026-11-21T08:00:00Z";
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": reason,
            "lastUpdateTime": time, "lastTransitionTime": time})
    };
    json!({
        "observedGeneration": rollout["metadata"]["generation"].to_string(),
        "currentPodHash": "canary8f2b", "stableRS": "stable5c7d", "currentStepIndex": 1, "currentStepHash": "5f8c",
        "blueGreen": {}, "canary": {}, "phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": time}],
        "conditions": [condition("Available", "True", "AvailableReason"),
            condition("Completed", "False", "RolloutCompleted"),
            condition("Progressing", "Unknown", "RolloutPaused"), condition("Paused", "True", "RolloutPaused")],
    })
}

/// An autoscaler writes the scale while nothing happens, during an update, and in its pause.
async fn scaled_from_outside(server: Server) -> anyhow::Result<()> {
    let playing = Playing::start("scaled", Rules::default(), server).await?;
    playing.deploy("v1").await?;
    let load = playing.steady_load("v1").await?;
    scale(&playing, 3).await?;
    until("3 pods that serve", async || seen(&playing).await == (3, 3)).await?;
    playing.change("v2").await?;
    scale(&playing, 4).await?;
    playing.phase("Paused").await?;
    until("4 pods that serve", async || seen(&playing).await == (4, 4)).await?;
    let stable = marks(&playing, "active").await.0;
    for pods in [5, 6] {
        scale(&playing, pods).await?;
        until("the pods", async || seen(&playing).await == (pods, pods)).await?;
        let rollout = playing.ask(Method::GET, ROLLOUT, &Value::Null).await?;
        let (status, wanted) =
            (&rollout["status"], format!("app=web,{HASH}={}", stable.as_str().unwrap_or("")));
        anyhow::ensure!(status["phase"] == "Paused" && status["selector"] == wanted.as_str(), "{status}");
        anyhow::ensure!(status["pauseConditions"][0]["reason"] == "BlueGreenPause", "{status}");
    }
    playing.promote().await?;
    answers(&load, "v2").await?;
    playing.phase("Healthy").await?;
    let report = load.stop().await;
    anyhow::ensure!(report.failed == 0, "{report}");
    // Fewer pods of what serves end connections, whoever wants it so: not under load.
    scale(&playing, 2).await?;
    until("2 pods that serve", async || seen(&playing).await == (2, 2)).await?;
    playing.nothing_was_refused()
}

/// What an autoscaler reads of the scale: pods counted, and pods wanted.
async fn seen(playing: &Playing) -> (i64, i64) {
    let scale = playing.ask(Method::GET, &format!("{ROLLOUT}/scale"), &Value::Null).await.unwrap_or_default();
    let number = |value: &Value| value.as_i64().unwrap_or(-1);
    (number(&scale["status"]["replicas"]), number(&scale["spec"]["replicas"]))
}

async fn scale(playing: &Playing, pods: i64) -> anyhow::Result<()> {
    let change = json!({"spec": {"replicas": pods}});
    playing.ask(Method::PATCH, &format!("{ROLLOUT}/scale"), &change).await.map(drop)
}

/// Pods that the Deployment is to have, and that it has.
async fn deployed(playing: &Playing) -> (i64, i64) {
    let seen = playing.ask(Method::GET, DEPLOYMENT, &Value::Null).await.unwrap_or_default();
    (seen["spec"]["replicas"].as_i64().unwrap_or(-1), seen["status"]["replicas"].as_i64().unwrap_or(0))
}

/// Hash and mark of a Service.
async fn marks(playing: &Playing, service: &str) -> (Value, Value) {
    let path = format!("{SERVICES}/{service}");
    let seen = playing.ask(Method::GET, &path, &Value::Null).await.unwrap_or_default();
    (seen["spec"]["selector"][HASH].clone(), seen["metadata"]["annotations"][MANAGED_BY].clone())
}
