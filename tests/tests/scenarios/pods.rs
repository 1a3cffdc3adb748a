//! What is done to single pods, under load: a restart beside a PodDisruptionBudget, and labels that move with a promotion.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use verdigris_controller::rules::Rules;
use verdigris_playground::load::LoadReport;
use verdigris_tests::playing::{Playing, Server, answers, rollout, template, until};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const WEB: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
const PODS: &str = "/api/v1/namespaces/default/pods";
const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_beside_a_disruption_budget_fails_nothing() {
    assert_restart_fails_nothing(Server::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_beside_a_disruption_budget_fails_nothing_on_a_real_kubernetes() {
    assert_restart_fails_nothing(Server::Real).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_of_a_role_move_with_the_promotion() {
    assert_labels_move(Server::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_of_a_role_move_with_the_promotion_on_a_real_kubernetes() {
    assert_labels_move(Server::Real).await;
}

async fn assert_restart_fails_nothing(server: Server) {
    let report = restart_under_load(server).await.expect("a restart");
    assert_eq!(report.failed, 0, "{report}");
}

async fn assert_labels_move(server: Server) {
    let report = promote_with_labels(server).await.expect("a promotion");
    assert_eq!(report.failed, 0, "{report}");
}

/// A pod that ends well: it serves for a second after it was asked to go, while the proxies learn of it.
fn polite(version: &str) -> Value {
    let mut template = template(version);
    template["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 1}}});
    template
}

async fn restart_under_load(server: Server) -> anyhow::Result<LoadReport> {
    let playing = Playing::start("restart", Rules::default(), server).await?;
    let mut web = rollout("v1");
    web["spec"]["template"] = polite("v1");
    playing.ask(Method::POST, ROLLOUTS, &web).await?;
    playing.phase("Healthy").await?;
    let spec = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"}, "spec": spec});
    playing.ask(Method::POST, BUDGETS, &budget).await?;
    let before = staying(&playing).await?;
    let load = playing.steady_load("v1").await?;

    // Times have whole seconds, so this one is due in a second at most.
    let newest =
        pods(&playing).await?.iter().filter_map(|pod| text(pod, "creationTimestamp").parse().ok()).max();
    let newest: Timestamp = newest.context("no pods")?;
    let restart_at = (newest + SignedDuration::from_secs(1)).to_string();
    playing.ask(Method::PATCH, WEB, &json!({"spec": {"restartAt": restart_at}})).await?;
    until("the restart", async || {
        if server == Server::Embedded {
            // The playground has nobody who counts for budgets.
            count(&playing).await.expect("the budget's status");
        }
        let web = playing.ask(Method::GET, WEB, &Value::Null).await.unwrap_or_default();
        web["status"]["restartedAt"] == restart_at.as_str() && web["status"]["phase"] == "Healthy"
    })
    .await?;
    let after = staying(&playing).await?;
    anyhow::ensure!(after.is_disjoint(&before), "{after:?} beside {before:?}");
    playing.nothing_was_refused()?;
    Ok(load.stop().await)
}

/// What the disruption controller does: how many pods may go now.
async fn count(playing: &Playing) -> anyhow::Result<()> {
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        pod["metadata"]["deletionTimestamp"].is_null() && conditions.iter().any(ready)
    };
    let ready = pods(playing).await?.iter().filter(is_ready).count();
    let path = format!("{BUDGETS}/web");
    let budget = playing.ask(Method::GET, &path, &Value::Null).await?;
    let status = json!({"observedGeneration": budget["metadata"]["generation"], "expectedPods": 2,
        "currentHealthy": ready, "desiredHealthy": 1, "disruptionsAllowed": ready.saturating_sub(1)});
    playing.ask(Method::PATCH, &format!("{path}/status"), &json!({"status": status})).await.map(drop)
}

async fn promote_with_labels(server: Server) -> anyhow::Result<LoadReport> {
    let playing = Playing::start("labels", Rules::default(), server).await?;
    let mut web = rollout("v1");
    let blue_green = &mut web["spec"]["strategy"]["blueGreen"];
    blue_green["activeMetadata"] = json!({"labels": {"role": "active"}});
    blue_green["previewMetadata"] = json!({"labels": {"role": "preview"}});
    blue_green["antiAffinity"] = json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}});
    blue_green["scaleDownDelaySeconds"] = json!(600);
    playing.ask(Method::POST, ROLLOUTS, &web).await?;
    playing.phase("Healthy").await?;
    anyhow::ensure!(roles(&playing).await? == counted(&[("v1", "active")]), "{:?}", roles(&playing).await?);
    let load = playing.steady_load("v1").await?;
    playing.update("v2").await?;
    let preview = counted(&[("v1", "active"), ("v2", "preview")]);
    anyhow::ensure!(roles(&playing).await? == preview, "{:?}", roles(&playing).await?);
    let before = staying(&playing).await?;
    playing.promote().await?;
    answers(&load, "v2").await?;
    let promoted = counted(&[("v1", ""), ("v2", "active")]);
    until("the roles after the promotion", async || {
        roles(&playing).await.is_ok_and(|found| found == promoted)
    })
    .await?;
    playing.phase("Healthy").await?;
    let after = staying(&playing).await?;
    anyhow::ensure!(after == before, "no pod was restarted: {after:?}, before {before:?}");
    playing.nothing_was_refused()?;
    Ok(load.stop().await)
}

async fn pods(playing: &Playing) -> anyhow::Result<Vec<Value>> {
    let list = playing.ask(Method::GET, PODS, &Value::Null).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// UIDs of the pods that are not on their way out.
async fn staying(playing: &Playing) -> anyhow::Result<BTreeSet<String>> {
    let pods = pods(playing).await?;
    let staying = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    Ok(staying.map(|pod| text(pod, "uid")).collect())
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

/// How many pods of each version play each role.
async fn roles(playing: &Playing) -> anyhow::Result<BTreeMap<(String, String), usize>> {
    let mut roles = BTreeMap::new();
    for pod in pods(playing).await? {
        let version = pod["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap_or_default().to_owned();
        let role = pod["metadata"]["labels"]["role"].as_str().unwrap_or_default().to_owned();
        *roles.entry((version, role)).or_insert(0) += 1;
    }
    Ok(roles)
}

fn counted(roles: &[(&str, &str)]) -> BTreeMap<(String, String), usize> {
    roles.iter().map(|(version, role)| (((*version).to_owned(), (*role).to_owned()), 2)).collect()
}
