//! Analyses on the page of a Rollout, and why it stands where it stands.

use http::Method;
use serde_json::json;

use crate::{
    live::Stream,
    world::{ABORTED, ANALYSED, PAUSED, RUNS, WARM, World},
};

const PAGE: &str = "/rollouts/rollout/shop/app";

/// Three measurements of one metric, the second of them bad.
fn measured() -> serde_json::Value {
    let measurement = |second: u32, phase: &str, value: &str| {
        json!({"phase": phase, "value": value, "startedAt": format!("2026-11-21T07:04:{second:02}Z"),
            "finishedAt": format!("2026-11-21T07:04:{second:02}Z")})
    };
    json!({
        "spec": {"metrics": [{"name": "errors", "count": 5, "interval": "10s", "successCondition": "result < 0.05",
            "provider": {"web": {"url": "http://metrics", "headers": [{"key": "Authorization", "value": "SECRET"}]}}}]},
        "status": {"phase": "Running", "metricResults": [{
            "name": "errors", "phase": "Running", "successful": 2, "failed": 1, "count": 3,
            "measurements": [measurement(10, "Successful", "0.01"), measurement(20, "Failed", "0.25"),
                measurement(30, "Successful", "0.02")],
        }]},
    })
}

#[tokio::test(start_paused = true)]
async fn analyses_stand_under_their_revision() {
    let world = World::of(ANALYSED).await;
    world.until(PAGE, |page| page.contains("app-54bc99754-2-post")).await;
    let page = world.get(PAGE).await.body;
    let first = page.find("Revision 2 <span").expect("revision 2");
    let before =
        page.find("Pre-promotion analysis <span class=\"came-to healthy\">Successful").expect("a run");
    let after =
        page.find("Post-promotion analysis <span class=\"came-to progressing\">Running").expect("a run");
    let second = page.find("Revision 1 <span").expect("revision 1");
    assert!(first < before && before < after && after < second, "{page}");
    assert_eq!(page.matches("the update waits for it").count(), 1, "the one that runs");
    assert!(page.contains(
        "Revision 2 waits for its post-promotion analysis app-54bc99754-2-post: Running, nothing measured yet"
    ));
    // The picture knows nothing of analyses: traffic is where the selector says.
    assert!(page.contains("The active Service app-active sends traffic to revision 2 (2 of 2 ready)."));
}

#[tokio::test(start_paused = true)]
async fn measurements_come_live_as_a_picture_and_as_a_table() {
    let world = World::of(ANALYSED).await;
    let mut stream = Stream::open(&world, "/rollouts/-/live/shop/app", None).await;
    stream.until("revisions").await;
    world.ask(Method::PATCH, &format!("{RUNS}/app-54bc99754-2-post"), &measured());
    let html = loop {
        let (_, html) = stream.until("revisions").await;
        if html.contains("errors") {
            break html;
        }
    };
    for wanted in [
        "aria-label=\"errors: 3 measurements; values 0.01 to 0.25; the last one 07:04:30: Successful, 0.02\"",
        "<polyline points=\"7.0,33.0 120.0,7.0 233.0,31.9\"/>",
        "3 of 5 measured: 2 successful, 1 failed",
        "good if <code>result &#60; 0.05</code>",
        "<summary data-item>Measurements of errors</summary>",
        "<td><span class=\"came-to degraded\">Failed</span></td><td><code>0.25</code></td>",
    ] {
        assert!(html.contains(wanted), "{wanted} is not in {html}");
    }
    assert_eq!(html.matches("<g class=\"measured healthy\"").count(), 2);
    assert_eq!(html.matches("<g class=\"measured degraded\"").count(), 1);
    assert!(!html.contains("SECRET"));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_analyses_is_no_trouble() {
    let world = World::without_analyses();
    world.until("/rollouts/", |page| !page.contains("Still reading")).await;
    world.load(PAUSED);
    world.until(PAGE, |page| page.contains("Revision 1")).await;
    // Longer than the watches wait before they say what is wrong.
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let page = world.get(PAGE).await.body;
    assert!(!page.contains("AnalysisRuns") && !page.contains("class=\"analyses\""), "{page}");
}

#[tokio::test(start_paused = true)]
async fn the_page_answers_why_as_the_terminal_does() {
    let world = World::of(PAUSED).await;
    let page = world.get(PAGE).await.body;
    for wanted in [
        "<section id=\"why\" class=\"block why paused\"",
        "<dt>Stands</dt><dd>Paused: BlueGreenPause</dd>",
        "<dt>Blocked by</dt><dd>Revision 2 waits for someone to promote it</dd>",
        "<dt>Next</dt><dd>Nothing by itself: revision 2 needs somebody&#39;s yes</dd>",
        "<code>kubectl rollouts promote app -n shop</code>",
        "id=\"copy-1\" aria-label=\"Copy kubectl rollouts promote app -n shop\"",
        "<span class=\"effect\">send traffic back to the stable version</span>",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
    }
    let aborted = World::of(ABORTED).await.get(PAGE).await.body;
    assert!(aborted.contains("class=\"block why degraded\"") && !aborted.contains("why-calm"));
    assert!(aborted.contains("<code>kubectl rollouts retry rollout app -n shop</code>"));
}

#[tokio::test(start_paused = true)]
async fn of_a_healthy_rollout_the_answer_is_there_for_those_who_ask() {
    let world = World::of(WARM).await;
    let page = world.get(PAGE).await.body;
    assert!(page.contains("<details class=\"card\" id=\"why-calm\">"), "{page}");
    assert!(page.contains("<dt>Blocked by</dt><dd>Nothing</dd>"));
}
