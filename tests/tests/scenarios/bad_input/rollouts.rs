//! Broken Rollouts, beside good Services and a good Rollout.

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use verdigris_tests::{any_world::AnyWorld, real_world::RealWorld, world::World};

use super::{condition, rollout, says_all, service, within};

/// What a broken object must be answered with.
pub(super) enum Answer {
    /// The API server refuses it: code, and what its message says.
    Refused(u16, &'static [&'static str]),
    /// The controller says InvalidSpec, and why.
    Invalid(&'static [&'static str]),
    /// The controller says, in the condition of this type, what it does not do.
    Condition(&'static str, &'static [&'static str]),
}
use Answer::{Condition, Invalid, Refused};

const NOT_HONOURED: &str = "verdigris.dev/NotHonoured";

fn spec(change: Value) -> Value {
    rollout(json!({"spec": change}))
}

fn blue_green(change: Value) -> Value {
    spec(json!({"strategy": {"blueGreen": change}}))
}

fn containers(containers: Value) -> Value {
    spec(json!({"template": {"spec": {"containers": containers}}}))
}

/// What is broken, the Rollout, and the answer.
type Case = (&'static str, Value, Answer);

/// In real time most of a case is waiting: so many at once.
const PLAYS_AT_ONCE: usize = 8;

/// All of them.
pub(super) fn cases() -> Vec<Case> {
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
            "analysis by a template that there is not",
            blue_green(json!({"prePromotionAnalysis": {"templates": [{"templateName": "smoke"}]}})),
            Invalid(&["prePromotionAnalysis", "smoke", "not found"]),
        ),
        (
            "a template from elsewhere, where there is none",
            spec(
                json!({"template": null, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}}),
            ),
            Condition("InvalidSpec", &["spec.workloadRef", "\"shop\" not found", "create it"]),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_rollout_is_told_what_is_wrong_and_harms_no_other() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut world = World::with_cluster(7).await;
        world.start_controller();
        wrong.extend(play(&world, "default", &case).await.err());
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rollout_on_a_real_kubernetes_is_told_what_is_wrong_and_harms_no_other() {
    let world = RealWorld::start(7).await.unwrap();
    let _controller = world.start_controller();
    let cases = cases();
    let plays = cases.iter().enumerate().map(|(number, case)| {
        let world = &world;
        async move {
            let namespace = format!("broken-{number}");
            world.create_namespace(&namespace).await;
            play(world, &namespace, case).await
        }
    });
    let played: Vec<_> = stream::iter(plays).buffer_unordered(PLAYS_AT_ONCE).collect().await;
    let wrong: Vec<String> = played.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
    world.real().nothing_was_refused().unwrap();
}

async fn play(world: &impl AnyWorld, namespace: &str, (name, broken, answer): &Case) -> Result<(), String> {
    let mut objects = vec![service("shop-active", json!({})), service("shop-preview", json!({}))];
    for other in ["other-active", "other-preview"] {
        objects.push(service(other, json!({"spec": {"selector": {"app": "other"}}})));
    }
    for object in objects {
        world.create(&within(namespace, &object)).await.expect(name);
    }
    let answered = check(world, &within(namespace, broken), answer).await;
    world.create(&within(namespace, &good_neighbour())).await.expect(name);
    let neighbour = async || {
        let neighbour = world.get_rollout(namespace, "other").await;
        let status = &neighbour["status"];
        if status["phase"] == "Healthy" { Ok(()) } else { Err(format!("the Rollout beside it: {status}")) }
    };
    answered.and(world.comes_to(neighbour).await).map_err(|why| format!("{name}: {why}"))
}

async fn check(world: &impl AnyWorld, broken: &Value, answer: &Answer) -> Result<(), String> {
    let answered = world.create(broken).await;
    if let Refused(code, says) = answer {
        let status = answered.err().ok_or("it was accepted")?;
        return if status["code"] == *code {
            says_all(&status["message"], says)
        } else {
            Err(status.to_string())
        };
    }
    answered.map_err(|status| format!("it was refused: {status}"))?;
    let namespace = broken["metadata"]["namespace"].as_str().unwrap_or_default();
    let told = async || {
        let rollout = world.get_rollout(namespace, "shop").await;
        match answer {
            Condition(kind, says) => says_all(&condition(&rollout, kind)["message"], says),
            Invalid(says) if rollout["status"]["phase"] == "Degraded" => {
                says_all(&condition(&rollout, "InvalidSpec")["message"], says)
            }
            Invalid(_) | Refused(..) => Err(rollout["status"].to_string()),
        }
    };
    world.comes_to(told).await
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
