//! What a client can do wrong, and the answer it gets. Nothing of it changes anything.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::Service;

use crate::common::{CONFIG_MAPS, World};

/// One request with any body and headers; gives code, reason and message.
async fn answer(
    world: &World,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> (u16, String, String) {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = world.server.clone().call(request).await.unwrap();
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let status: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
    (code, text("reason"), text("message"))
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

#[tokio::test]
async fn bodies_that_are_no_objects() {
    let world = World::new();
    let prefix = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; \
                  json parse error: ";
    for body in ["", "{", "[]", "\"text\"", "nonsense", "{\"metadata\":", "\u{0}"] {
        let (code, reason, message) = answer(&world, "POST", CONFIG_MAPS, JSON, body).await;
        assert_eq!((code, reason.as_str()), (400, "BadRequest"), "{body}");
        assert!(message.starts_with(prefix), "{body}: {message}");
    }
    let yaml = [("content-type", "application/yaml")];
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, \
                *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, \
                *e, *e, *e, *e]\ng: &g [*f, *f, *f, *f, *f, *f, *f]\nh: [*g, *g, *g, *g, *g, *g, *g]\n";
    assert_eq!(answer(&world, "POST", CONFIG_MAPS, &yaml, bomb).await.0, 400);
    assert_eq!(answer(&world, "POST", CONFIG_MAPS, &yaml, "[".repeat(100_000)).await.0, 400);
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(answer(&world, "POST", CONFIG_MAPS, JSON, deep).await.0, 400);
    let huge = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(4 << 20));
    let (code, reason, message) = answer(&world, "POST", CONFIG_MAPS, JSON, huge).await;
    assert_eq!((code, reason.as_str()), (413, "RequestEntityTooLarge"));
    assert_eq!(message, "Request entity too large: limit is 3145728");
    assert_eq!(world.ok("GET", CONFIG_MAPS, Value::Null)["items"], json!([]));
}

#[tokio::test]
async fn objects_of_another_kind_name_or_namespace() {
    let world = World::new();
    world.config_map("a", json!({}));
    let path = &format!("{CONFIG_MAPS}/a");
    let cases = [
        ("POST", CONFIG_MAPS, json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "b"}}), 400),
        (
            "POST",
            CONFIG_MAPS,
            json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "b"}}),
            400,
        ),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "namespace": "kube-system"}}), 400),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "B"}}), 422),
        ("POST", CONFIG_MAPS, json!({"metadata": {}}), 422),
        ("POST", CONFIG_MAPS, json!({"metadata": []}), 400),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": 5}}), 400),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "labels": {"a b": "c"}}}), 422),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "labels": {"a": 5}}}), 400),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "finalizers": ["x y"]}}), 422),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "ownerReferences": [{"name": "x"}]}}), 422),
        ("POST", CONFIG_MAPS, json!({"metadata": {"name": "b", "resourceVersion": "5"}}), 500),
        ("POST", "/api/v1/configmaps", json!({"metadata": {"name": "b"}}), 405),
        ("PUT", path, json!({"metadata": {"name": "b"}}), 400),
        ("PUT", path, json!({"metadata": {"name": "a", "uid": "5"}}), 409),
        ("PUT", path, json!({"metadata": {"name": "a", "resourceVersion": "x"}}), 500),
        ("PUT", path, json!({"metadata": {"name": "a", "resourceVersion": "1"}}), 409),
        ("PATCH", path, json!({"metadata": {"name": "b"}}), 400),
        ("PATCH", path, json!({"metadata": {"uid": "5"}}), 422),
        ("PATCH", path, json!({"data": {"a": 5}}), 422),
        ("PATCH", path, json!([]), 400),
        ("DELETE", path, json!({"preconditions": {"uid": "5"}}), 409),
        ("DELETE", path, json!({"propagationPolicy": "x"}), 422),
        ("DELETE", path, json!({"gracePeriodSeconds": "x"}), 400),
        ("DELETE", "/api/v1/configmaps", Value::Null, 405),
        ("GET", "/api/v1/namespaces/default/nothings", Value::Null, 404),
        ("GET", "/apis/no.such/v1/things", Value::Null, 404),
        ("GET", "/api/v1/namespaces/default/configmaps/a/status", Value::Null, 404),
        ("PUT", CONFIG_MAPS, json!({}), 405),
        ("POST", "/version", json!({}), 405),
    ];
    let before = world.ok("GET", path, Value::Null);
    for (method, path, body, code) in cases {
        let refused = world.refused(method, path, body.clone());
        assert_eq!(refused.0, code, "{method} {path} {body}: {}", refused.2);
    }
    assert_eq!(world.ok("GET", path, Value::Null), before);
}

#[test]
fn questions_that_make_no_sense() {
    let world = World::new();
    let cases = [
        ("labelSelector=a%3D%3D%3Db", 400),
        ("labelSelector=%28", 400),
        ("fieldSelector=spec.x%3Dy", 400),
        ("fieldSelector=nothing", 400),
        ("limit=x", 400),
        ("continue=x", 400),
        ("resourceVersion=x", 400),
        ("resourceVersion=999999", 504),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=x", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("sendInitialEvents=true", 422),
        ("watch=true&resourceVersionMatch=NotOlderThan", 422),
        ("watch=true&sendInitialEvents=true", 422),
        ("watch=true&resourceVersion=x", 500),
    ];
    for (query, code) in cases {
        let refused = world.refused("GET", &format!("{CONFIG_MAPS}?{query}"), Value::Null);
        assert_eq!(refused.0, code, "{query}: {}", refused.2);
    }
}

#[tokio::test]
async fn media_types_that_are_not_taken_or_not_served() {
    let world = World::new();
    world.config_map("a", json!({}));
    let path = format!("{CONFIG_MAPS}/a");
    let text = [("content-type", "text/plain")];
    assert_eq!(answer(&world, "POST", CONFIG_MAPS, &text, "{}").await.0, 415);
    let (code, _, message) = answer(&world, "PATCH", &path, JSON, "{}").await;
    assert_eq!(code, 415);
    assert_eq!(message, "415: Unsupported Media Type");
    assert_eq!(answer(&world, "GET", &path, &[("accept", "image/png")], "").await.0, 406);
    let json_patch = [("content-type", "application/json-patch+json")];
    let absent = r#"[{"op": "remove", "path": "/data/no"}]"#;
    let (code, reason, message) = answer(&world, "PATCH", &path, &json_patch, absent).await;
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(message, "the server rejected our request due to an error in our request");
    assert_eq!(answer(&world, "PATCH", &path, &json_patch, "{}").await.0, 400);
    let apply = [("content-type", "application/apply-patch+yaml")];
    let (code, _, message) = answer(&world, "PATCH", &path, &apply, "{}").await;
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
    let other = "{apiVersion: v1, kind: Secret, metadata: {name: a}}";
    let (code, _, message) = answer(&world, "PATCH", &format!("{path}?fieldManager=m"), &apply, other).await;
    assert_eq!((code, message.as_str()), (400, "invalid object type: /v1, Kind=Secret"));
}

#[test]
fn unknown_fields_are_refused_warned_of_or_dropped() {
    let world = World::new();
    let body = |name: &str| json!({"metadata": {"name": name}, "colour": "red"});
    let refused = world.refused("POST", &format!("{CONFIG_MAPS}?fieldValidation=Strict"), body("a"));
    assert_eq!(
        refused.2,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"colour\""
    );
    let made = world.ok("POST", &format!("{CONFIG_MAPS}?fieldValidation=Ignore"), body("b"));
    assert_eq!(made["colour"], Value::Null);
    assert_eq!(world.refused("POST", &format!("{CONFIG_MAPS}?fieldValidation=x"), body("c")).0, 422);
}

/// A value made of parts that mean something somewhere, put where they may not.
fn any_value(dice: &mut fastrand::Rng, depth: u8) -> Value {
    const WORDS: [&str; 16] = [
        "a",
        "",
        "v1",
        "apps/v1",
        "ConfigMap",
        "Pod",
        "All",
        "$patch",
        "delete",
        "f:data",
        "FieldsV1",
        "Update",
        "2026-01-02T03:04:05Z",
        "80",
        "\u{0}",
        "ä/%",
    ];
    const NAMES: [&str; 24] = [
        "metadata",
        "spec",
        "status",
        "data",
        "name",
        "namespace",
        "labels",
        "finalizers",
        "ownerReferences",
        "managedFields",
        "fieldsV1",
        "resourceVersion",
        "uid",
        "replicas",
        "selector",
        "template",
        "containers",
        "ports",
        "kind",
        "apiVersion",
        "$patch",
        "$retainKeys",
        "$setElementOrder/containers",
        "preconditions",
    ];
    match dice.u8(..if depth == 0 { 4 } else { 8 }) {
        0 => Value::Null,
        1 => json!(dice.i64(-2..3)),
        2 => json!(dice.bool()),
        3 => json!(WORDS[dice.usize(..WORDS.len())]),
        4 => (0..dice.usize(..3)).map(|_| any_value(dice, depth - 1)).collect(),
        _ => {
            let fields = (0..dice.usize(..6))
                .map(|_| (NAMES[dice.usize(..NAMES.len())].to_owned(), any_value(dice, depth - 1)));
            Value::Object(fields.collect())
        }
    }
}

#[tokio::test]
async fn whatever_comes_gets_an_answer_and_lists_still_work() {
    const PATHS: [&str; 12] = [
        "/api/v1/namespaces/default/configmaps",
        "/api/v1/namespaces/default/configmaps/a",
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/pods/a",
        "/api/v1/namespaces/default/pods/a/status",
        "/api/v1/namespaces/default/pods/a/eviction",
        "/api/v1/namespaces/default/pods/a/binding",
        "/apis/apps/v1/namespaces/default/deployments",
        "/apis/apps/v1/namespaces/default/deployments/a",
        "/apis/apps/v1/namespaces/default/deployments/a/scale",
        "/api/v1/namespaces/a",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ];
    const QUERIES: [&str; 6] = [
        "",
        "?dryRun=All",
        "?fieldManager=m&force=true",
        "?fieldManager=m",
        "?fieldValidation=Strict",
        "?limit=1",
    ];
    const MEDIA: [&str; 5] = [
        "application/json",
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];
    let mut dice = fastrand::Rng::with_seed(5);
    let world = World::new();
    world.config_map("a", json!({"k": "v"}));
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    world.ok("POST", PATHS[2], json!({"metadata": {"name": "a"}, "spec": template["spec"]}));
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    world.ok("POST", PATHS[7], json!({"metadata": {"name": "a"}, "spec": spec}));
    for _ in 0..3000 {
        let method = ["GET", "POST", "PUT", "PATCH", "PATCH", "DELETE"][dice.usize(..6)];
        let path = PATHS[dice.usize(..PATHS.len())];
        let query = QUERIES[dice.usize(..QUERIES.len())];
        let media = MEDIA[if method == "PATCH" { dice.usize(..5) } else { 0 }];
        let mut body = any_value(&mut dice, 4);
        if body.is_object() && dice.bool() {
            // Near misses reach further than nonsense.
            body["metadata"] = json!({"name": "a", "labels": any_value(&mut dice, 1)});
        }
        let asked = format!("{method} {path}{query} {media} {body}");
        let headers = [("content-type", media)];
        let (code, ..) = answer(&world, method, &format!("{path}{query}"), &headers, body.to_string()).await;
        assert!((200..505).contains(&code), "{asked}: {code}");
    }
    for path in [PATHS[0], PATHS[2], PATHS[7]] {
        assert!(world.ok("GET", path, Value::Null)["items"].is_array());
    }
}
