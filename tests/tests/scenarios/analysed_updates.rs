//! Analyses under load: a version that is promoted after one, and traffic that comes back when the next one fails.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::rules::Rules;
use verdigris_playground::load::LoadReport;
use verdigris_tests::playing::{Playing, Server, answers, rollout, until};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const TEMPLATES: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysistemplates";
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
    playing.nothing_was_refused()?;
    Ok(load.stop().await)
}

/// Writes the phase of the run whose name ends so, once it is there.
async fn write(playing: &Playing, end: &str, phase: &str) -> anyhow::Result<()> {
    let mut name = String::new();
    until(end, async || {
        let runs = playing.ask(Method::GET, RUNS, &Value::Null).await.unwrap_or_default();
        let names = runs["items"].as_array().into_iter().flatten();
        let mut names = names.filter_map(|run| run["metadata"]["name"].as_str());
        name = names.find(|name| name.ends_with(end)).unwrap_or_default().to_owned();
        !name.is_empty()
    })
    .await?;
    let status = json!({"status": {"phase": phase}});
    playing.ask(Method::PATCH, &format!("{RUNS}/{name}"), &status).await.map(drop)
}
