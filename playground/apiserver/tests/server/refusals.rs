//! Requests that a real server has refused: ours must refuse them with the same code and the same words.
//!
//! `refusals.json` was recorded from Kubernetes 1.36.3: a world of objects, then requests with the answers they got.

use serde_json::Value;

use crate::common::World;

const RECORDED: &str = include_str!("refusals.json");

/// Where objects of a recorded world are created.
fn collection(object: &Value) -> String {
    let registry = verdigris_playground_apiserver::builtin::registry();
    let api_version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = registry.by_kind(group, version, kind).unwrap();
    let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{api_version}") };
    let scope = if resource.namespaced { "/namespaces/default" } else { "" };
    format!("{root}{scope}/{}", resource.plural)
}

#[test]
fn what_a_real_server_refuses_is_refused_in_the_same_words() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let world = World::new();
    for object in recorded["world"].as_array().unwrap() {
        world.ok("POST", &collection(object), object.clone());
    }
    let answers = recorded["answers"].as_array().unwrap();
    assert!(answers.len() >= 60, "the recording is cut short: {}", answers.len());
    for answer in answers {
        let text = |field: &str| answer[field].as_str().unwrap();
        let (method, path, body) = (text("method"), text("path"), &answer["body"]);
        let versions = world.server.write_count();
        let (code, _, message) = world.refused(method, path, body.clone());
        assert_eq!(
            (u64::from(code), message.as_str()),
            (answer["code"].as_u64().unwrap(), text("message")),
            "{method} {path} {body}"
        );
        assert_eq!(world.server.write_count(), versions, "{method} {path} {body} has written something");
    }
}
