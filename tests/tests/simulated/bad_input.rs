//! Broken Rollouts, Services and requests, each with the answer it must get: refused by the API server with the
//! field's name, or accepted and said to be invalid by the controller, or accepted and not acted on, in words.

use serde_json::{Value, json};
use verdigris_tests::world::World;

/// What a broken object must be answered with.
enum Answer {
    /// The API server refuses it: code, and what its message says.
    Refused(u16, &'static [&'static str]),
    /// The controller says InvalidSpec, and why.
    Invalid(&'static [&'static str]),
    /// The controller says, in the condition of this type, what it does not do.
    Condition(&'static str, &'static [&'static str]),
}
use Answer::{Condition, Invalid, Refused};

const NOT_HONOURED: &str = "verdigris.dev/NotHonoured";

fn rollout(change: Value) -> Value {
    let mut rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": "example/shop:1", "ports": [{"containerPort": 8080}]}]},
            },
            "strategy": {"blueGreen": {"activeService": "shop-active", "previewService": "shop-preview"}},
        },
    });
    json_patch::merge(&mut rollout, &change);
    rollout
}

fn service(name: &str, change: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    json_patch::merge(&mut service, &change);
    service
}

fn spec(change: Value) -> Value {
    rollout(json!({"spec": change}))
}

fn blue_green(change: Value) -> Value {
    spec(json!({"strategy": {"blueGreen": change}}))
}

fn containers(containers: Value) -> Value {
    spec(json!({"template": {"spec": {"containers": containers}}}))
}

/// Broken Rollouts beside two good Services.
fn rollouts() -> Vec<(&'static str, Value, Answer)> {
    vec![
        (
            "negative replicas",
            spec(json!({"replicas": -1})),
            Refused(422, &["spec.replicas", "greater than or equal to 0"]),
        ),
        (
            "replicas in words",
            spec(json!({"replicas": "two"})),
            Refused(422, &["spec.replicas", "integer", "string"]),
        ),
        ("half a replica", spec(json!({"replicas": 2.5})), Refused(422, &["spec.replicas", "integer"])),
        (
            "more replicas than 32 bits hold",
            spec(json!({"replicas": 4_294_967_296_i64})),
            Refused(422, &["spec.replicas"]),
        ),
        ("no spec", rollout(json!({"spec": null})), Refused(422, &["spec", "Required value"])),
        (
            "no strategy",
            spec(json!({"strategy": {"blueGreen": null}})),
            Refused(422, &["spec.strategy", "blueGreen"]),
        ),
        (
            "both strategies",
            spec(json!({"strategy": {"canary": {}}})),
            Refused(422, &["spec.strategy", "canary"]),
        ),
        (
            "an unknown strategy",
            spec(json!({"strategy": {"blueGreen": null, "recreate": {}}})),
            Refused(422, &["spec.strategy", "blueGreen"]),
        ),
        (
            "no active Service named",
            blue_green(json!({"activeService": null})),
            Refused(422, &["spec.strategy.blueGreen.activeService", "Required value"]),
        ),
        (
            "an empty name for the active Service",
            blue_green(json!({"activeService": ""})),
            Refused(422, &["spec.strategy.blueGreen.activeService"]),
        ),
        (
            "a number for the active Service",
            blue_green(json!({"activeService": 5})),
            Refused(422, &["spec.strategy.blueGreen.activeService", "string", "integer"]),
        ),
        (
            "negative minReadySeconds",
            spec(json!({"minReadySeconds": -1})),
            Refused(422, &["spec.minReadySeconds"]),
        ),
        (
            "negative history",
            spec(json!({"revisionHistoryLimit": -1})),
            Refused(422, &["spec.revisionHistoryLimit"]),
        ),
        (
            "negative progress deadline",
            spec(json!({"progressDeadlineSeconds": -5})),
            Refused(422, &["spec.progressDeadlineSeconds"]),
        ),
        ("paused in words", spec(json!({"paused": "yes"})), Refused(422, &["spec.paused", "boolean"])),
        (
            "a quoted boolean, which would read as true elsewhere",
            blue_green(json!({"autoPromotionEnabled": "false"})),
            Refused(422, &["spec.strategy.blueGreen.autoPromotionEnabled", "boolean"]),
        ),
        (
            "negative autoPromotionSeconds",
            blue_green(json!({"autoPromotionSeconds": -3})),
            Refused(422, &["spec.strategy.blueGreen.autoPromotionSeconds"]),
        ),
        (
            "a delay with a unit",
            blue_green(json!({"scaleDownDelaySeconds": "30s"})),
            Refused(422, &["spec.strategy.blueGreen.scaleDownDelaySeconds", "integer"]),
        ),
        (
            "a time in words",
            spec(json!({"restartAt": "tomorrow"})),
            Refused(422, &["spec.restartAt", "date-time"]),
        ),
        (
            "a template that is a list",
            spec(json!({"template": []})),
            Refused(422, &["spec.template", "object"]),
        ),
        (
            "a name with capitals",
            rollout(json!({"metadata": {"name": "Shop_1"}})),
            Refused(422, &["metadata.name", "RFC 1123"]),
        ),
        (
            "an active Service that is not there",
            blue_green(json!({"activeService": "shop-actve"})),
            Invalid(&["spec.strategy.blueGreen.activeService", "shop-actve", "not found"]),
        ),
        (
            "a preview Service that is not there",
            blue_green(json!({"previewService": "nowhere"})),
            Invalid(&["spec.strategy.blueGreen.previewService", "nowhere", "not found"]),
        ),
        (
            "one Service for both",
            blue_green(json!({"previewService": "shop-active"})),
            Invalid(&["spec.strategy", "activeService", "two different services are required"]),
        ),
        (
            "a selector that does not match the template",
            spec(json!({"selector": {"matchLabels": {"app": "sop"}}})),
            Invalid(&["spec.template.metadata.labels", "selector", "match"]),
        ),
        (
            "an empty selector",
            spec(json!({"selector": {"matchLabels": null}})),
            Invalid(&["spec.selector", "empty selector is invalid"]),
        ),
        ("no selector", spec(json!({"selector": null})), Invalid(&["spec.selector", "Required value"])),
        (
            "an operator that no selector has",
            spec(
                json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Equals", "values": ["shop"]}]}}),
            ),
            Invalid(&["spec.selector", "Equals"]),
        ),
        ("no template", spec(json!({"template": null})), Invalid(&["spec.template"])),
        ("no containers", containers(json!([])), Invalid(&["containers", "Required value"])),
        (
            "a container without a name",
            containers(json!([{"image": "a:1"}])),
            Refused(422, &["containers[0].name", "Required value"]),
        ),
        (
            "two containers of one name",
            containers(json!([{"name": "a", "image": "a:1"}, {"name": "a", "image": "b:1"}])),
            Invalid(&["containers[1].name", "Duplicate value"]),
        ),
        (
            "a port beyond the last",
            containers(json!([{"name": "a", "image": "a:1", "ports": [{"containerPort": 70_000}]}])),
            Invalid(&["containers[0].ports[0].containerPort", "70000"]),
        ),
        (
            "an impossible quantity",
            containers(
                json!([{"name": "a", "image": "a:1", "resources": {"limits": {"memory": "128 megs"}}}]),
            ),
            Invalid(&["quantit"]),
        ),
        (
            "a deadline before pods can be available",
            spec(json!({"minReadySeconds": 60, "progressDeadlineSeconds": 60})),
            Invalid(&["spec.progressDeadlineSeconds", "must be greater than minReadySeconds"]),
        ),
        (
            "more warm revisions than history",
            rollout(json!({"spec": {
                "revisionHistoryLimit": 2,
                "strategy": {"blueGreen": {"scaleDownDelayRevisionLimit": 5}},
            }})),
            Invalid(&["scaleDownDelayRevisionLimit", "revision history limit"]),
        ),
        (
            "canary, which is not acted on yet",
            spec(json!({"strategy": {"blueGreen": null, "canary": {"steps": []}}})),
            Condition(NOT_HONOURED, &["spec.strategy.canary"]),
        ),
        (
            "analysis before promotion, which nobody measures yet",
            blue_green(json!({"prePromotionAnalysis": {"templates": [{"templateName": "smoke"}]}})),
            Condition(NOT_HONOURED, &["prePromotionAnalysis"]),
        ),
        (
            "a template from elsewhere, which is not read yet",
            spec(
                json!({"template": null, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}}),
            ),
            Condition(NOT_HONOURED, &["spec.workloadRef"]),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_rollout_is_told_what_is_wrong_and_harms_no_other() {
    let mut wrong = Vec::new();
    for (name, broken, answer) in rollouts() {
        let mut world = World::with_cluster(7).await;
        world.create(&service("shop-active", json!({}))).await.expect(name);
        world.create(&service("shop-preview", json!({}))).await.expect(name);
        for other in ["other-active", "other-preview"] {
            world.create(&service(other, json!({"spec": {"selector": {"app": "other"}}}))).await.expect(name);
        }
        world.start_controller();
        if let Err(why) = check(&world, &broken, answer).await {
            wrong.push(format!("{name}: {why}"));
        }
        world.create(&good_neighbour()).await.expect(name);
        world.rest().await;
        let neighbour = world.get_rollout("default", "other").await;
        assert_eq!(neighbour["status"]["phase"], "Healthy", "{name}: the Rollout beside it");
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

async fn check(world: &World, broken: &Value, answer: Answer) -> Result<(), String> {
    let answered = world.create(broken).await;
    if let Refused(code, says) = answer {
        let status = answered.err().ok_or("it was accepted")?;
        return if status["code"] == code {
            says_all(&status["message"], says)
        } else {
            Err(status.to_string())
        };
    }
    answered.map_err(|status| format!("it was refused: {status}"))?;
    world.rest().await;
    let rollout = world.get_rollout("default", "shop").await;
    match answer {
        Condition(kind, says) => says_all(&condition(&rollout, kind)["message"], says),
        Invalid(says) if rollout["status"]["phase"] == "Degraded" => {
            says_all(&condition(&rollout, "InvalidSpec")["message"], says)
        }
        Invalid(_) | Refused(..) => Err(rollout["status"].to_string()),
    }
}

fn good_neighbour() -> Value {
    let mut rollout = rollout(json!({
        "metadata": {"name": "other"},
        "spec": {"strategy": {"blueGreen": {"activeService": "other-active", "previewService": "other-preview"}}},
    }));
    rollout["spec"]["selector"]["matchLabels"]["app"] = "other".into();
    rollout["spec"]["template"]["metadata"]["labels"]["app"] = "other".into();
    rollout
}

fn condition<'a>(rollout: &'a Value, kind: &str) -> &'a Value {
    rollout["status"]["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == kind))
        .unwrap_or(&Value::Null)
}

fn says_all(message: &Value, says: &[&str]) -> Result<(), String> {
    let text = message.as_str().unwrap_or_default();
    match says.iter().find(|word| !text.contains(**word)) {
        Some(word) => Err(format!("{word:?} is not in {text:?}")),
        None => Ok(()),
    }
}

/// Broken Services beside a good Rollout: what the condition says, and the change that mends it.
fn services() -> Vec<(&'static str, Value, Value, &'static [&'static str])> {
    vec![
        (
            "a label that the template lacks",
            json!({"spec": {"selector": {"app": "shop", "tier": "web"}}}),
            json!({"spec": {"selector": {"tier": null}}}),
            &["Service \"shop-active\"", "unmatch label \"tier\""],
        ),
        (
            "a label with another value",
            json!({"spec": {"selector": {"app": "shoop"}}}),
            json!({"spec": {"selector": {"app": "shop"}}}),
            &["Service \"shop-active\"", "unmatch label \"app\""],
        ),
        (
            "a Service that another Rollout manages",
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "till"}}}),
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": null}}}),
            &["Service \"shop-active\"", "managed by another Rollout"],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_service_is_named_and_the_rollout_goes_on_the_moment_it_is_mended() {
    for (name, broken, mended, says) in services() {
        let mut world = World::with_cluster(8).await;
        world.create(&service("shop-active", broken)).await.expect(name);
        world.create(&service("shop-preview", json!({}))).await.expect(name);
        world.create(&spec(json!({}))).await.expect(name);
        world.start_controller();
        world.rest().await;
        let rollout = world.get_rollout("default", "shop").await;
        says_all(&condition(&rollout, "InvalidSpec")["message"], says).expect(name);
        // Long enough for any back-off to have grown to its ceiling: recovery must not wait for one.
        world.wait_seconds(120).await;
        world.merge("/api/v1/namespaces/default/services/shop-active", &mended).await.expect(name);
        world.wait_milliseconds(900).await;
        let rollout = world.get_rollout("default", "shop").await;
        assert_eq!(condition(&rollout, "InvalidSpec"), &Value::Null, "{name}");
        assert_eq!(rollout["status"]["phase"], "Healthy", "{name}: {}", rollout["status"]);
    }
}

/// Broken requests: method, path, content type, body, code, and what the answer's message says.
fn requests()
-> Vec<(&'static str, &'static str, &'static str, &'static str, String, u16, &'static [&'static str])> {
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
        ("no JSON", "POST", MAPS, JSON, "{".into(), 400, &[]),
        ("an empty body", "POST", MAPS, JSON, String::new(), 400, &[]),
        ("another kind", "POST", MAPS, JSON, map(json!({"kind": "Secret"})), 400, &["Secret"]),
        (
            "another namespace",
            "POST",
            MAPS,
            JSON,
            map(json!({"metadata": {"namespace": "elsewhere"}})),
            400,
            &["namespace"],
        ),
        ("a number for data", "POST", MAPS, JSON, map(json!({"data": {"a": 1}})), 400, &[]),
        (
            "no name",
            "POST",
            MAPS,
            JSON,
            map(json!({"metadata": {"name": null}})),
            422,
            &["name or generateName is required"],
        ),
        (
            "a name with a blank",
            "POST",
            MAPS,
            JSON,
            map(json!({"metadata": {"name": "a b"}})),
            422,
            &["metadata.name"],
        ),
        (
            "a namespace that is not",
            "POST",
            "/api/v1/namespaces/nowhere/configmaps",
            JSON,
            map(json!({})),
            404,
            &["nowhere"],
        ),
        (
            "a kind that is not",
            "GET",
            "/apis/argoproj.io/v1alpha1/namespaces/default/shops",
            JSON,
            String::new(),
            404,
            &["404 page not found"],
        ),
        (
            "a group that is not",
            "GET",
            "/apis/nowhere.io/v1/things",
            JSON,
            String::new(),
            404,
            &["404 page not found"],
        ),
        (
            "an object that is not",
            "GET",
            "/api/v1/namespaces/default/configmaps/nil",
            JSON,
            String::new(),
            404,
            &["configmaps \"nil\" not found"],
        ),
        (
            "it exists already",
            "POST",
            MAPS,
            JSON,
            map(json!({"metadata": {"name": "old"}})),
            409,
            &["configmaps \"old\" already exists"],
        ),
        (
            "an old version",
            "PUT",
            "/api/v1/namespaces/default/configmaps/old",
            JSON,
            map(json!({"metadata": {"name": "old", "resourceVersion": "1"}})),
            409,
            &["the object has been modified"],
        ),
        (
            "another name in the body",
            "PUT",
            "/api/v1/namespaces/default/configmaps/old",
            JSON,
            map(json!({})),
            400,
            &["name"],
        ),
        (
            "a method for lists only",
            "POST",
            "/api/v1/namespaces/default/configmaps/old",
            JSON,
            map(json!({})),
            405,
            &[],
        ),
        (
            "an unknown patch type",
            "PATCH",
            "/api/v1/namespaces/default/configmaps/old",
            "text/plain",
            "x".into(),
            415,
            &[],
        ),
        (
            "a merge patch that is no object",
            "PATCH",
            "/api/v1/namespaces/default/configmaps/old",
            MERGE,
            "[1".into(),
            400,
            &[],
        ),
        (
            "a JSON patch to nowhere",
            "PATCH",
            "/api/v1/namespaces/default/configmaps/old",
            JSON_PATCH,
            json!([{"op": "replace", "path": "/data/none/deeper", "value": 1}]).to_string(),
            422,
            &[],
        ),
        (
            "a JSON patch whose test fails",
            "PATCH",
            "/api/v1/namespaces/default/configmaps/old",
            JSON_PATCH,
            json!([{"op": "test", "path": "/metadata/name", "value": "new"}]).to_string(),
            422,
            &[],
        ),
        (
            "a broken label selector",
            "GET",
            "/api/v1/namespaces/default/configmaps?labelSelector=a%20in%20(",
            JSON,
            String::new(),
            400,
            &[],
        ),
        (
            "a field that cannot be selected",
            "GET",
            "/api/v1/namespaces/default/configmaps?fieldSelector=data.a%3D1",
            JSON,
            String::new(),
            400,
            &["field"],
        ),
        (
            "a limit in words",
            "GET",
            "/api/v1/namespaces/default/configmaps?limit=few",
            JSON,
            String::new(),
            400,
            &[],
        ),
        (
            "a list from a version in words",
            "GET",
            "/api/v1/namespaces/default/configmaps?resourceVersion=new",
            JSON,
            String::new(),
            400,
            &["resourceVersion", "new"],
        ),
        (
            "a Service without ports",
            "POST",
            "/api/v1/namespaces/default/services",
            JSON,
            service("new", json!({"spec": {"ports": [{"port": 0}]}})).to_string(),
            422,
            &["spec.ports[0].port"],
        ),
        (
            "a Service whose two ports have no names",
            "POST",
            "/api/v1/namespaces/default/services",
            JSON,
            service("new", json!({"spec": {"ports": [{"port": 80}, {"port": 81}]}})).to_string(),
            422,
            &["spec.ports[0].name", "Required value"],
        ),
        ("nested too deep", "POST", MAPS, JSON, deep, 400, &[]),
        ("too large", "POST", MAPS, JSON, huge, 413, &[]),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_request_gets_kubernetes_own_answer_and_changes_nothing() {
    let world = World::new(9).await;
    let old = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old", "namespace": "default"}, "data": {"a": "b"}});
    world.create(&old).await.expect("the ConfigMap that is there before");
    let before = world.writes();
    for (name, method, path, content_type, body, code, says) in requests() {
        let (answered, status) = world.request(method, path, content_type, body).await;
        assert_eq!(answered, code, "{name}: {status}");
        if status.is_string() {
            says_all(&status, says).expect(name);
        } else {
            assert_eq!(status["kind"], "Status", "{name}: {status}");
            assert_eq!(status["status"], "Failure", "{name}: {status}");
            assert_eq!(status["code"], code, "{name}: {status}");
            says_all(&status["message"], says).expect(name);
        }
        assert_eq!(world.writes(), before, "{name}: nothing may have been written");
    }
}

#[test]
fn there_are_at_least_forty_of_them() {
    let all = rollouts().len() + services().len() + requests().len();
    assert!(all >= 40, "{all}");
}
