//! Broken Rollouts that a real server refuses by our definition's schema: the embedded one answers the same, and writes
//! nothing.
//!
//! Recorded from Kubernetes 1.36.3, which had loaded `crds/yaml/rollouts.argoproj.io.yaml`.

use std::sync::Arc;

use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};
use verdigris_control_plane::{ControlPlane, Options};
use verdigris_playground_apiserver::server::ApiServer;

const DEFINITION: &str = include_str!("../../../crds/yaml/rollouts.argoproj.io.yaml");
const RECORDED: &str = include_str!("../../fixtures/refused-rollouts.json");
/// How long a server may take to serve a new definition.
const ESTABLISHED_MAX: Duration = Duration::from_secs(30);
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";

#[test]
fn broken_rollouts_are_refused_in_a_real_servers_words() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let server = ApiServer::new(Arc::new(|| Timestamp::UNIX_EPOCH), 1);
    server.apply_crd(DEFINITION).unwrap();
    for rollout in recorded["world"].as_array().unwrap() {
        server.ask(Method::POST, ROLLOUTS, rollout).unwrap();
    }
    let answers = recorded["answers"].as_array().unwrap();
    assert!(answers.len() >= 30, "the recording is cut short: {}", answers.len());
    let writes = server.write_count();
    for answer in answers {
        let text = |field: &str| answer[field].as_str().unwrap();
        let method: Method = text("method").parse().unwrap();
        let error = server.ask(method, text("path"), &answer["body"]).unwrap_err();
        let wanted = (answer["code"].as_u64().unwrap(), text("message"));
        assert_eq!((u64::from(error.code), error.message.as_str()), wanted, "{}", answer["body"]);
    }
    assert_eq!(server.write_count(), writes);
}

#[tokio::test]
async fn a_real_kubernetes_still_refuses_them_in_these_words() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let plane = ControlPlane::start(Options::without_controllers()).await.unwrap();
    let client = plane.client().await.unwrap();
    let ask = async |method: &str, path: &str, body: &Value| {
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, content_type(method));
        client.request::<Value>(request.body(serde_json::to_vec(body).unwrap()).unwrap()).await
    };
    let definition: Value = serde_saphyr::from_str(DEFINITION).unwrap();
    ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await.unwrap();
    let until = Instant::now() + ESTABLISHED_MAX;
    for rollout in recorded["world"].as_array().unwrap() {
        while let Err(error) = ask("POST", ROLLOUTS, rollout).await {
            assert!(Instant::now() < until, "waited {ESTABLISHED_MAX:?} for Rollouts to be served: {error}");
            sleep(Duration::from_millis(100)).await;
        }
    }
    for answer in recorded["answers"].as_array().unwrap() {
        let text = |field: &str| answer[field].as_str().unwrap();
        let error = match ask(text("method"), text("path"), &answer["body"]).await {
            Err(kube::Error::Api(status)) => status,
            other => panic!("{}: {other:?}", answer["body"]),
        };
        let wanted = (answer["code"].as_u64().unwrap(), text("message"));
        assert_eq!((u64::from(error.code), error.message.as_str()), wanted, "{}", answer["body"]);
    }
}

fn content_type(method: &str) -> &'static str {
    if method == "PATCH" { "application/merge-patch+json" } else { "application/json" }
}
