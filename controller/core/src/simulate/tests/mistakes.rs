//! Mistakes are data: each has its message, and it goes the moment its cause is gone.

use serde_json::json;
use verdigris_crds::keys;

use super::{shop, updated};
use crate::observed::Neighbour;
use crate::simulate::Cluster;

/// What the message must say of a Rollout whose spec has this merged into it.
const TABLE: [(&str, &str); 20] = [
    (r#"{"replicas": -1}"#, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
    (r#"{"selector": null}"#, "spec.selector: Required value: Rollout has missing field '.spec.selector'"),
    (r#"{"selector": {"matchLabels": null}}"#, "spec.selector: Invalid value: {}: empty selector is invalid"),
    (
        r#"{"selector": {"matchExpressions": [{"key": "app", "operator": "Is"}]}}"#,
        "spec.selector.matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator",
    ),
    (
        r#"{"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}}"#,
        "spec.selector.matchExpressions[0].values: Invalid value: \"\": must be specified when",
    ),
    (
        r#"{"selector": {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]}}"#,
        "spec.selector.matchExpressions[0].values: Invalid value: \"x\": may not be specified when",
    ),
    (
        r#"{"selector": {"matchLabels": {"app": "other"}}}"#,
        "spec.template.metadata.labels: Invalid value: {\"app\":\"app\"}: `selector` does not match template \
         `labels`; write labels that match `app=other`",
    ),
    (r#"{"template": null}"#, "spec.template: Required value: Rollout has missing field '.spec.template'"),
    (r#"{"template": {"spec": null}}"#, "spec.template.spec.containers: Required value: write at least one"),
    (
        r#"{"template": {"spec": {"containers": []}}}"#,
        "spec.template.spec.containers: Required value: write at least one container",
    ),
    (
        r#"{"template": {"metadata": {"labels": {"tier": 1}}}}"#,
        "spec.template.metadata.labels[tier]: Invalid value: 1: must be a string; write it in quotes",
    ),
    (r#"{"minReadySeconds": -5}"#, "spec.minReadySeconds: Invalid value: -5: must be greater than or equal"),
    (r#"{"revisionHistoryLimit": -1}"#, "spec.revisionHistoryLimit: Invalid value: -1: must be greater than"),
    (
        r#"{"progressDeadlineSeconds": -1}"#,
        "spec.progressDeadlineSeconds: Invalid value: -1: must be greater",
    ),
    (
        r#"{"minReadySeconds": 600}"#,
        "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds; write more",
    ),
    (
        r#"{"strategy": null}"#,
        "spec.strategy: Required value: Rollout has missing field '.spec.strategy.canary or \
         .spec.strategy.blueGreen'",
    ),
    (
        r#"{"strategy": {"canary": {}}}"#,
        "spec.strategy: Invalid value: \"blueGreen, canary\": Multiple Strat",
    ),
    (
        r#"{"strategy": {"blueGreen": {"previewService": "app-active"}}}"#,
        "spec.strategy.activeService: Invalid value: \"app-active\": This rollout uses the same service for the \
         active and preview services, but two different services are required.",
    ),
    (
        r#"{"revisionHistoryLimit": 3, "strategy": {"blueGreen": {"scaleDownDelayRevisionLimit": 4}}}"#,
        "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: 4: This rollout's revision history limit can \
         not be smaller than the rollout's scale down limit; write at most 3",
    ),
    (
        r#"{"strategy": {"blueGreen": {"autoPromotionSeconds": -3}}}"#,
        "spec.strategy.blueGreen.autoPromotionSeconds: Invalid value: -3: must be greater than or equal to 0",
    ),
];

fn with(cluster: &mut Cluster, patch: &str) {
    cluster.apply(&serde_json::from_str(patch).expect("JSON"));
}

#[test]
fn each_mistake_names_its_field_what_was_found_and_what_to_write() {
    for (patch, text) in TABLE {
        let mut cluster = shop(&json!({}));
        with(&mut cluster, patch);
        cluster.wait(60);
        let wanted = format!("InvalidSpec: The Rollout \"app\" is invalid: {text}");
        let (phase, message) = cluster.phase();
        assert_eq!(phase, "Degraded", "{patch}");
        assert!(message.starts_with(&wanted), "{patch}: {message}");
        assert!(cluster.replica_sets.is_empty() && cluster.writes() == 0, "{patch}: nothing else is done");
    }
}

fn message(change: impl FnOnce(&mut Cluster)) -> String {
    let mut cluster = shop(&json!({}));
    change(&mut cluster);
    cluster.wait(5);
    cluster.phase().1.to_owned()
}

#[test]
fn services_must_be_there_match_and_be_nobody_elses() {
    let missing = message(|cluster| drop(cluster.services.remove("app-preview")));
    assert!(
        missing.contains(
            "spec.strategy.blueGreen.previewService: Invalid value: \"app-preview\": service \"app-preview\" not \
             found; create it"
        ),
        "{missing}"
    );
    let label = message(|cluster| {
        let service = cluster.services.get_mut("app-active").expect("a Service");
        service.selector.insert("tier".into(), "front".into());
    });
    assert!(label.contains("Service \"app-active\" has unmatch label \"tier\" in rollout; give"), "{label}");
    let managed = message(|cluster| {
        let service = cluster.services.get_mut("app-active").expect("a Service");
        service.managed_by = Some("till".into());
        let services = std::collections::BTreeSet::from(["app-active".to_owned()]);
        let till = Neighbour { name: "till".into(), created: cluster.now, services, overlaps: false };
        cluster.neighbours.insert("till".into(), till);
    });
    assert!(managed.contains("Service \"app-active\" is managed by another Rollout"), "{managed}");
}

#[test]
fn it_goes_on_the_moment_the_cause_is_gone() {
    let mut cluster = updated(&json!({}));
    let service = cluster.services.remove("app-active").expect("a Service");
    cluster.wait(600);
    assert!(cluster.phase().1.starts_with("InvalidSpec"), "{}", cluster.phase().1);
    cluster.services.insert("app-active".into(), service);
    cluster.wait(0);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.condition("InvalidSpec"), None);
}

#[test]
fn another_mistake_replaces_the_message() {
    let mut cluster = shop(&json!({}));
    with(&mut cluster, r#"{"replicas": -1}"#);
    cluster.wait(1);
    with(&mut cluster, r#"{"replicas": -2}"#);
    cluster.wait(1);
    assert!(cluster.phase().1.contains("-2"), "{}", cluster.phase().1);
}

#[test]
fn fields_without_effect_are_named() {
    let mut cluster = shop(
        &json!({"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}, "newerThanUs": 1}}),
    );
    with(&mut cluster, r#"{"rollbackWindow": {"hours": 1}, "newerThanUs": true}"#);
    cluster.wait(5);
    let (_, reason, message) = cluster.condition(keys::NOT_HONOURED).expect("a condition");
    assert_eq!(reason, "NotHonoured");
    let wanted = ["antiAffinity.newerThanUs", "spec.rollbackWindow.hours"];
    for field in wanted.into_iter().chain(["spec.newerThanUs"]) {
        assert!(message.contains(field), "{message}");
    }
    with(
        &mut cluster,
        r#"{"rollbackWindow": null, "newerThanUs": null, "strategy": {"blueGreen":
            {"antiAffinity": null}}}"#,
    );
    cluster.wait(1);
    assert_eq!(cluster.condition(keys::NOT_HONOURED), None);
}

#[test]
fn canary_is_left_alone_and_says_so() {
    let mut cluster = shop(&json!({}));
    with(&mut cluster, r#"{"strategy": {"blueGreen": null, "canary": {}}}"#);
    cluster.wait(5);
    assert_eq!(cluster.writes(), 0);
    assert_eq!(cluster.phase().0, "Degraded");
    assert!(cluster.phase().1.starts_with("NotHonoured: not honoured by this version"));
}
