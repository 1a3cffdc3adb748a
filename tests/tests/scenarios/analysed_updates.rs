//! Analyses under load: a version that is promoted after one, and traffic that comes back when the next one fails.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::rules::Rules;
use verdigris_playground::load::LoadReport;
use verdigris_tests::playing::{Playing, Server, answers, rollout, until};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const TEMPLATES: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysistemplates";
const WEB: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysisruns";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analyses_promote_and_take_back_and_fail_no_request() {
    let report = analysed_under_load(Server::Embedded).await.expect("two updates");
    assert_eq!(report.failed, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analyses_promote_and_take_back_and_fail_no_request_on_a_real_kubernetes() {
    let report = analysed_under_load(Server::Real).await.expect("two updates");
    assert_eq!(report.failed, 0, "{report}");
}

async fn analysed_under_load(server: Server) -> anyhow::Result<LoadReport> {
    let playing = Playing::start("analysed", Rules::default(), server).await?;
    let metric = json!({"name": "errors", "provider": {"web": {"url": "http://metrics"}}});
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "errors"}, "spec": {"metrics": [metric]}});
    playing.ask(Method::POST, TEMPLATES, &template).await?;
    let mut web = rollout("v1");
    let blue_green = &mut web["spec"]["strategy"]["blueGreen"];
    blue_green["autoPromotionEnabled"] = json!(true);
    for field in ["prePromotionAnalysis", "postPromotionAnalysis"] {
        blue_green[field] = json!({"templates": [{"templateName": "errors"}]});
    }
    web["spec"]["analysis"] = json!({"successfulRunHistoryLimit": 0});
    playing.ask(Method::POST, ROLLOUTS, &web).await?;
    playing.phase("Healthy").await?;
    let load = playing.steady_load("v1").await?;

    playing.change("v2").await?;
    write(&playing, "2-pre", "Successful").await?;
    answers(&load, "v2").await?;
    write(&playing, "2-post", "Successful").await?;
    playing.phase("Healthy").await?;

    playing.change("v3").await?;
    write(&playing, "3-pre", "Successful").await?;
    answers(&load, "v3").await?;
    write(&playing, "3-post", "Failed").await?;
    answers(&load, "v2").await?;
    playing.phase("Degraded").await?;

    // What measures an update that is aborted is ended; of what succeeded nothing is kept.
    playing.change("v4").await?;
    until("a run of v4", async || find(&playing, "4-pre").await.is_some()).await?;
    playing.ask(Method::PATCH, &format!("{WEB}/status"), &json!({"status": {"abort": true}})).await?;
    until("its end", async || {
        find(&playing, "4-pre").await.is_some_and(|run| run["spec"]["terminate"] == json!(true))
    })
    .await?;
    until("no successful run", async || {
        let [one, two] = ["2-pre", "2-post"].map(|end| find(&playing, end));
        one.await.is_none() && two.await.is_none()
    })
    .await?;
    playing.nothing_was_refused()?;
    Ok(load.stop().await)
}

/// Writes the phase of the run whose name ends so, once it is there.
async fn write(playing: &Playing, end: &str, phase: &str) -> anyhow::Result<()> {
    let mut name = String::new();
    until(end, async || {
        let run = find(playing, end).await.unwrap_or_default();
        name = run["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        !name.is_empty()
    })
    .await?;
    let status = json!({"status": {"phase": phase}});
    playing.ask(Method::PATCH, &format!("{RUNS}/{name}"), &status).await.map(drop)
}

/// The run whose name ends so.
async fn find(playing: &Playing, end: &str) -> Option<Value> {
    let runs = playing.ask(Method::GET, RUNS, &Value::Null).await.ok()?;
    let ends_so = |run: &&Value| run["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(end));
    runs["items"].as_array()?.iter().find(ends_so).cloned()
}
