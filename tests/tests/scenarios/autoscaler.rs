//! A HorizontalPodAutoscaler, the one of kube-controller-manager, sizes a Rollout by the load on what serves.

use http::Method;
use serde_json::{Value, json};
use tokio::time::Duration;
use verdigris_control_plane::Options;
use verdigris_controller::rules::Rules;
use verdigris_tests::{
    metrics::Metrics,
    playing::{Playing, answers, rollout, until, until_within},
    real::Real,
};

const AUTOSCALERS: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const HASH: &str = "rollouts-pod-template-hash";
/// kube-controller-manager learns of new kinds every half minute; and how long it looks back before it scales down.
const LONG: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autoscaler_of_a_real_kubernetes_sizes_what_serves_and_no_request_fails() {
    scaled_by_load().await.unwrap();
}

async fn scaled_by_load() -> anyhow::Result<()> {
    let arguments = ["sync-period=1s", "downscale-stabilization=8s", "initial-readiness-delay=0s"];
    let arguments = arguments.iter().chain(&["cpu-initialization-period=0s"]);
    let options = Options {
        manager_arguments: arguments.map(|it| format!("--horizontal-pod-autoscaler-{it}")).collect(),
        ..Options::default()
    };
    let playing = Playing::on("autoscaled", Rules::default(), Real::start_with(options).await?).await?;
    let metrics = Metrics::start(playing.world.client(), "active").await?;
    metrics.set_load(200);
    let mut small = rollout("v1");
    small["spec"]["strategy"]["blueGreen"]["previewReplicaCount"] = 1.into();
    playing.ask(Method::POST, ROLLOUTS, &small).await?;
    playing.phase("Healthy").await?;
    playing.ask(Method::POST, AUTOSCALERS, &autoscaler()).await?;
    until_within(LONG, "the autoscaler to know 2 pods and their load", async || {
        autoscaled(&playing).await == (2, 2, "100m".to_owned())
    })
    .await?;
    let load = playing.steady_load("v1").await?;

    // Twice the load while an update waits for its promotion: what serves grows, the preview does not.
    playing.update("v2").await?;
    metrics.set_load(400);
    until("4 pods that serve", async || pods(&playing).await == [("v1".into(), 4), ("v2".into(), 1)]).await?;
    until("the autoscaler to be content", async || autoscaled(&playing).await == (4, 4, "100m".to_owned()))
        .await?;
    let before = scale(&playing).await?;
    let paused = playing.ask(Method::GET, ROLLOUT, &Value::Null).await?;
    anyhow::ensure!(paused["status"]["phase"] == "Paused", "{paused}");

    playing.promote().await?;
    answers(&load, "v2").await?;
    playing.phase("Healthy").await?;
    let after = scale(&playing).await?;
    anyhow::ensure!(before != after, "the autoscaler is still told of the pods of {before}");
    // The same load on other pods: nothing is to be scaled.
    until("the autoscaler to be content with v2", async || {
        autoscaled(&playing).await == (4, 4, "100m".to_owned())
    })
    .await?;

    metrics.set_load(600);
    until("6 pods that serve, and v1 to go", async || {
        pods(&playing).await == [("v1".into(), 0), ("v2".into(), 6)]
    })
    .await?;
    playing.phase("Healthy").await?;
    let report = load.stop().await;
    anyhow::ensure!(report.failed == 0, "{report}");
    // Fewer pods of what serves end connections, whoever wants it so: not under load.
    metrics.set_load(150);
    until_within(LONG, "2 pods that serve", async || {
        pods(&playing).await == [("v1".into(), 0), ("v2".into(), 2)]
    })
    .await?;
    playing.nothing_was_refused()
}

fn autoscaler() -> Value {
    let target = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"});
    let cpu = json!({"name": "cpu", "target": {"type": "AverageValue", "averageValue": "100m"}});
    json!({"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6,
        "metrics": [{"type": "Resource", "resource": cpu}]}})
}

/// Pods that the autoscaler counts, pods that it wants, and what it believes that each uses.
async fn autoscaled(playing: &Playing) -> (i64, i64, String) {
    let path = format!("{AUTOSCALERS}/web");
    let seen = playing.ask(Method::GET, &path, &Value::Null).await.unwrap_or_default();
    let status = &seen["status"];
    let used = &status["currentMetrics"][0]["resource"]["current"]["averageValue"];
    (
        status["currentReplicas"].as_i64().unwrap_or(-1),
        status["desiredReplicas"].as_i64().unwrap_or(-1),
        used.as_str().unwrap_or_default().to_owned(),
    )
}

/// Which pods the autoscaler is told of.
async fn scale(playing: &Playing) -> anyhow::Result<String> {
    let scale = playing.ask(Method::GET, &format!("{ROLLOUT}/scale"), &Value::Null).await?;
    let selector = scale["status"]["selector"].as_str().unwrap_or_default().to_owned();
    anyhow::ensure!(selector.contains(HASH) && scale["status"]["replicas"] == 4, "{scale}");
    Ok(selector)
}

/// Versions, and how many of their pods are ready, where that is how many there are to be; oldest version first.
async fn pods(playing: &Playing) -> Vec<(String, i64)> {
    let sets = playing.ask(Method::GET, REPLICA_SETS, &Value::Null).await.unwrap_or_default();
    let sets = sets["items"].as_array().into_iter().flatten();
    let mut found: Vec<(String, i64)> = sets
        .map(|set| {
            let version = &set["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"];
            let ready = set["status"]["readyReplicas"].as_i64().unwrap_or(0);
            let is_settled = set["spec"]["replicas"] == ready;
            (version.as_str().unwrap_or_default().to_owned(), if is_settled { ready } else { -1 })
        })
        .collect();
    found.sort();
    found
}
