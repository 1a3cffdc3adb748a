//! What buttons write.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{ABORTED, Form, PAUSED, Sent, WARM, World, read};

const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app";
const STATUS: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app/status";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";

fn approval(sent: &Sent) -> Value {
    let text = sent.2["metadata"]["annotations"]["verdigris.dev/approval"].as_str().expect("an approval");
    serde_json::from_str(text).expect("JSON")
}

fn status(body: &Value) -> Sent {
    (STATUS.to_owned(), MERGE.to_owned(), json!({ "status": body }))
}

/// A change of the status that is refused if the version has become another.
fn status_of_the_version_shown(changes: &[Value]) -> Sent {
    let same = json!({"op": "test", "path": "/status/currentPodHash", "value": "54bc99754"});
    let body = std::iter::once(&same).chain(changes).cloned().collect();
    (STATUS.to_owned(), JSON.to_owned(), body)
}

#[tokio::test(start_paused = true)]
async fn promote_approves_the_version_that_was_shown_and_ends_the_pause() {
    let world = World::of(PAUSED).await;
    let answer = world.press("promote").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(answer.headers["location"], "/rollouts/rollout/shop/app?done=promote");
    let patches = world.patches();
    assert_eq!((patches[0].0.as_str(), patches[0].1.as_str()), (ROLLOUT, MERGE));
    assert!(patches[0].2["metadata"]["resourceVersion"].is_string(), "an approval is for what was read");
    let approval = approval(&patches[0]);
    assert_eq!((&approval["hash"], &approval["revision"]), (&json!("54bc99754"), &json!(2)));
    assert_eq!(approval["by"], "dashboard");
    let clear = status_of_the_version_shown(&[
        json!({"op": "test", "path": "/status/pauseConditions/0/reason", "value": "BlueGreenPause"}),
        json!({"op": "remove", "path": "/status/pauseConditions"}),
    ]);
    assert_eq!(patches[1..], [clear]);
    let done = world.get("/rollouts/rollout/shop/app?done=promote").await.body;
    assert!(done.contains("Promoted."));
}

#[tokio::test(start_paused = true)]
async fn full_promotion_abort_and_retry_write_the_peers_fields() {
    let world = World::of(PAUSED).await;
    world.press("promote-full").await;
    let patches = world.patches();
    assert_eq!(approval(&patches[0])["hash"], "54bc99754");
    let full = json!({"op": "add", "path": "/status/promoteFull", "value": true});
    assert_eq!(patches[1..], [status_of_the_version_shown(&[full])]);

    let world = World::of(PAUSED).await;
    world.press("abort").await;
    assert_eq!(world.patches(), [status(&json!({"abort": true}))]);

    let world = World::of(ABORTED).await;
    world.press("retry").await;
    assert_eq!(world.patches(), [status(&json!({"abort": false}))]);
}

#[tokio::test(start_paused = true)]
async fn rolling_back_brings_the_template_of_that_revision_back() {
    let world = World::of(WARM).await;
    world.press("undo").await;
    let patches = world.patches();
    assert_eq!((patches.len(), patches[0].0.as_str(), patches[0].1.as_str()), (1, ROLLOUT, JSON));
    let operation = &patches[0].2[0];
    assert_eq!((&operation["op"], &operation["path"]), (&json!("replace"), &json!("/spec/template")));
    assert_eq!(operation["value"]["spec"]["containers"][0]["image"], "example/app:1");
    assert_eq!(operation["value"]["metadata"]["labels"], json!({"app": "app"}), "without the hash");
    let rollout = world.ask(Method::GET, ROLLOUT, &Value::Null);
    assert_eq!(rollout["spec"]["template"]["spec"]["containers"][0]["image"], "example/app:1");
}

#[tokio::test(start_paused = true)]
async fn rolling_back_now_approves_the_new_revision_in_the_same_request() {
    let world = World::of(WARM).await;
    let answer = world.press("undo-now").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let patches = world.patches();
    assert_eq!(patches.len(), 1, "template and approval go together");
    assert_eq!(patches[0].2[0]["op"], "test");
    let rollout = world.ask(Method::GET, ROLLOUT, &Value::Null);
    assert_eq!(rollout["spec"]["template"]["spec"]["containers"][0]["image"], "example/app:1");
    let approval =
        rollout["metadata"]["annotations"]["verdigris.dev/approval"].as_str().expect("an approval");
    let approval: Value = serde_json::from_str(approval).expect("JSON");
    assert_eq!((&approval["hash"], &approval["revision"]), (&json!("7cb7d7cbd7"), &json!(3)));
}

#[tokio::test(start_paused = true)]
async fn a_click_on_an_old_page_does_not_promote_a_newer_version() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/rollout/shop/app").await;
    let form = Form::find(&page, "promote").expect("a form");
    world.set_status(&json!({"status": {"currentPodHash": "7cb7d7cbd7", "stableRS": "54bc99754"}}));
    let mut request = form.request("127.0.0.1:3100");
    request.headers_mut().insert("x-requested-with", "fetch".parse().expect("a header"));
    let answer = read(world.send(request).await).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("superseded") && !answer.body.contains('<'), "{}", answer.body);
    assert_eq!(world.patches(), []);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_is_answered_in_a_sentence() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/rollout/shop/app").await;
    let mut form = Form::find(&page, "undo").expect("a form");
    let to = form.fields.iter_mut().find(|(name, _)| name == "to").expect("a revision");
    to.1 = "77".to_owned();
    let answer = read(world.send(form.request("127.0.0.1:3100")).await).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("unable to find specified revision 77 in history (there are 2, 1)"));
    form.fields.retain(|(name, _)| name != "to");
    let answer = read(world.send(form.request("127.0.0.1:3100")).await).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for (path, code) in
        [("/rollouts/rollout/shop/app/explode", 404), ("/rollouts/rollout/shop/gone/abort", 404)]
    {
        form.action = path.to_owned();
        let answer = read(world.send(form.request("127.0.0.1:3100")).await).await;
        assert_eq!(answer.status.as_u16(), code, "{path}: {}", answer.body);
    }
    assert_eq!(world.patches(), []);
}
