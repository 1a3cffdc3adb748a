//! Broken Rollouts that a real server refuses by our definition's schema: the embedded one answers the same, and writes
//! nothing.
//!
//! Recorded from Kubernetes 1.36.3, which had loaded `crds/yaml/rollouts.argoproj.io.yaml`.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use verdigris_playground_apiserver::server::ApiServer;

const DEFINITION: &str = include_str!("../../crds/yaml/rollouts.argoproj.io.yaml");
const RECORDED: &str = include_str!("../fixtures/refused-rollouts.json");
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
