//! Broken requests, which get Kubernetes' own answers.

use serde_json::{Value, json};
use verdigris_tests::{any_world::AnyWorld, real_world::RealWorld, world::World};

use super::{says_all, service};

/// What is broken; method, path, content type and body; the code, and what the answer's message says.
type Case = (&'static str, [&'static str; 3], String, u16, &'static [&'static str]);

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    const JSON: &str = "application/json";
    const MERGE: &str = "application/merge-patch+json";
    const JSON_PATCH: &str = "application/json-patch+json";
    const MAPS: &str = "/api/v1/namespaces/default/configmaps";
    let map = |change: Value| {
        let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}});
        json_patch::merge(&mut map, &change);
        map.to_string()
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let huge = map(json!({"data": {"a": "x".repeat(4 << 20)}}));
    vec![
        ("no JSON", ["POST", MAPS, JSON], "{".into(), 400, &[]),
        ("an empty body", ["POST", MAPS, JSON], String::new(), 400, &[]),
        ("another kind", ["POST", MAPS, JSON], map(json!({"kind": "Secret"})), 400, &["Secret"]),
        (
            "another namespace",
            ["POST", MAPS, JSON],
            map(json!({"metadata": {"namespace": "elsewhere"}})),
            400,
            &["namespace"],
        ),
        ("a number for data", ["POST", MAPS, JSON], map(json!({"data": {"a": 1}})), 400, &[]),
        (
            "no name",
            ["POST", MAPS, JSON],
            map(json!({"metadata": {"name": null}})),
            422,
            &["name or generateName is required"],
        ),
        (
            "a name with a blank",
            ["POST", MAPS, JSON],
            map(json!({"metadata": {"name": "a b"}})),
            422,
            &["metadata.name"],
        ),
        (
            "a namespace that is not",
            ["POST", "/api/v1/namespaces/nowhere/configmaps", JSON],
            map(json!({})),
            404,
            &["nowhere"],
        ),
        (
            "a kind that is not",
            ["GET", "/apis/argoproj.io/v1alpha1/namespaces/default/shops", JSON],
            String::new(),
            404,
            &["404 page not found"],
        ),
        (
            "a group that is not",
            ["GET", "/apis/nowhere.io/v1/things", JSON],
            String::new(),
            404,
            &["404 page not found"],
        ),
        (
            "an object that is not",
            ["GET", "/api/v1/namespaces/default/configmaps/nil", JSON],
            String::new(),
            404,
            &["configmaps \"nil\" not found"],
        ),
        (
            "it exists already",
            ["POST", MAPS, JSON],
            map(json!({"metadata": {"name": "old"}})),
            409,
            &["configmaps \"old\" already exists"],
        ),
        (
            "an old version",
            ["PUT", "/api/v1/namespaces/default/configmaps/old", JSON],
            map(json!({"metadata": {"name": "old", "resourceVersion": "1"}})),
            409,
            &["the object has been modified"],
        ),
        (
            "another name in the body",
            ["PUT", "/api/v1/namespaces/default/configmaps/old", JSON],
            map(json!({})),
            400,
            &["name"],
        ),
        (
            "a method for lists only",
            ["POST", "/api/v1/namespaces/default/configmaps/old", JSON],
            map(json!({})),
            405,
            &[],
        ),
        (
            "an unknown patch type",
            ["PATCH", "/api/v1/namespaces/default/configmaps/old", "text/plain"],
            "x".into(),
            415,
            &[],
        ),
        (
            "a merge patch that is no object",
            ["PATCH", "/api/v1/namespaces/default/configmaps/old", MERGE],
            "[1".into(),
            400,
            &[],
        ),
        (
            "a JSON patch to nowhere",
            ["PATCH", "/api/v1/namespaces/default/configmaps/old", JSON_PATCH],
            json!([{"op": "replace", "path": "/data/none/deeper", "value": 1}]).to_string(),
            422,
            &[],
        ),
        (
            "a JSON patch whose test fails",
            ["PATCH", "/api/v1/namespaces/default/configmaps/old", JSON_PATCH],
            json!([{"op": "test", "path": "/metadata/name", "value": "new"}]).to_string(),
            422,
            &[],
        ),
        (
            "a broken label selector",
            ["GET", "/api/v1/namespaces/default/configmaps?labelSelector=a%20in%20(", JSON],
            String::new(),
            400,
            &[],
        ),
        (
            "a field that cannot be selected",
            ["GET", "/api/v1/namespaces/default/configmaps?fieldSelector=data.a%3D1", JSON],
            String::new(),
            400,
            &["field"],
        ),
        (
            "a limit in words",
            ["GET", "/api/v1/namespaces/default/configmaps?limit=few", JSON],
            String::new(),
            400,
            &[],
        ),
        (
            "a list from a version in words",
            ["GET", "/api/v1/namespaces/default/configmaps?resourceVersion=new", JSON],
            String::new(),
            400,
            &["resourceVersion", "new"],
        ),
        (
            "a Service without ports",
            ["POST", "/api/v1/namespaces/default/services", JSON],
            service("new", json!({"spec": {"ports": [{"port": 0}]}})).to_string(),
            422,
            &["spec.ports[0].port"],
        ),
        (
            "a Service whose two ports have no names",
            ["POST", "/api/v1/namespaces/default/services", JSON],
            service("new", json!({"spec": {"ports": [{"port": 80}, {"port": 81}]}})).to_string(),
            422,
            &["spec.ports[0].name", "Required value"],
        ),
        ("nested too deep", ["POST", MAPS, JSON], deep, 400, &[]),
        ("too large", ["POST", MAPS, JSON], huge, 413, &[]),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_request_gets_kubernetes_own_answer_and_changes_nothing() {
    let world = World::new(9).await;
    create_old(&world).await;
    let before = world.writes();
    for case in cases() {
        is_refused(&world, &case).await;
        assert_eq!(world.writes(), before, "{}: nothing may have been written", case.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_request_gets_that_answer_of_a_real_kubernetes() {
    let real = RealWorld::start(9).await.unwrap();
    create_old(&real).await;
    for case in cases() {
        is_refused(&real, &case).await;
    }
}

async fn create_old(world: &impl AnyWorld) {
    let old = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old", "namespace": "default"}, "data": {"a": "b"}});
    world.create(&old).await.expect("the ConfigMap that is there before");
}

async fn is_refused(world: &impl AnyWorld, (name, request, body, code, says): &Case) {
    let [method, path, content_type] = request;
    let (answered, status) = world.request(method, path, content_type, body.clone()).await;
    assert_eq!(answered, *code, "{name}: {status}");
    if status.is_string() {
        says_all(&status, says).expect(name);
    } else {
        assert_eq!(status["kind"], "Status", "{name}: {status}");
        assert_eq!(status["status"], "Failure", "{name}: {status}");
        assert_eq!(status["code"], *code, "{name}: {status}");
        says_all(&status["message"], says).expect(name);
    }
}
