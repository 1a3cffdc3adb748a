//! Rule 17, `antiAffinity`: a new version keeps off the nodes of the stable one.

use super::*;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn required() -> Value {
    json!({"antiAffinity": {REQUIRED: {}}})
}

fn term(hash: &str) -> Value {
    json!({"labelSelector": {"matchExpressions": [
            {"key": keys::POD_TEMPLATE_HASH, "operator": "In", "values": [hash]}]},
        "namespaces": ["demo"], "topologyKey": "kubernetes.io/hostname"})
}

fn affinity(cluster: &Cluster, revision: u64) -> Value {
    let template = &cluster.templates[&cluster.set(revision).name];
    template.pointer("/spec/affinity/podAntiAffinity").cloned().unwrap_or_default()
}

#[test]
fn rule_17_the_first_version_has_nobody_to_keep_off_and_the_second_the_first() {
    let mut cluster = updated(&required());
    assert_eq!(affinity(&cluster, 1), Value::Null);
    assert_eq!(affinity(&cluster, 2), json!({REQUIRED: [term(&cluster.hash(1))]}));
    cluster.promote();
    cluster.wait(1);
    assert_eq!(affinity(&cluster, 2), json!({REQUIRED: [term(&cluster.hash(1))]}), "it stays");
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn rule_17_a_wish_has_its_weight_and_comes_behind_the_users_own() {
    let mut cluster = shop(&json!({"antiAffinity": {PREFERRED: {"weight": 7}}}));
    let own = json!({"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}});
    cluster.edit(|rollout| {
        let template = rollout.spec.template.as_mut().expect("a template");
        template["spec"]["affinity"] = json!({"podAntiAffinity": {PREFERRED: [own.clone()]}});
    });
    cluster.wait(5);
    cluster.set_image("example/app:2");
    cluster.wait(5);
    let ours = json!({"weight": 7, "podAffinityTerm": term(&cluster.hash(1))});
    assert_eq!(affinity(&cluster, 2), json!({PREFERRED: [own.clone(), ours]}));
    assert_eq!(affinity(&cluster, 1), json!({PREFERRED: [own]}));
}

#[test]
fn rule_17_the_term_follows_when_another_version_is_stable() {
    let mut cluster = released(&required(), 3);
    assert_eq!(affinity(&cluster, 3), json!({REQUIRED: [term(&cluster.hash(2))]}));
    // Version 2 kept off version 1 when it was new; now version 3 is stable.
    cluster.set_image("example/app:2");
    cluster.wait(3);
    assert_eq!(affinity(&cluster, 4), json!({REQUIRED: [term(&cluster.hash(3))]}));
    // Version 1 had nobody to keep off, and gets a term with its pods.
    cluster.set_image("example/app:1");
    cluster.wait(3);
    assert_eq!(affinity(&cluster, 5), json!({REQUIRED: [term(&cluster.hash(3))]}));
    assert_eq!(cluster.replica_sets.len(), 3);
}

#[test]
fn mistakes_are_named_and_repairable() {
    for (mistake, text) in [
        (
            json!({}),
            "spec.strategy.antiAffinity: Invalid value: {}: AntiAffinity must have exactly one strategy",
        ),
        (
            json!({REQUIRED: {}, PREFERRED: {"weight": 1}}),
            "AntiAffinity must have exactly one strategy listed",
        ),
        (
            json!({PREFERRED: {"weight": 0}}),
            "spec.strategy.antiAffinity.weight: Invalid value: 0: AntiAffinity weight must be between 1-100",
        ),
        (json!({PREFERRED: {"weight": 101}}), "AntiAffinity weight must be between 1-100"),
        (json!({PREFERRED: {}}), "AntiAffinity weight must be between 1-100"),
    ] {
        let mut cluster = shop(&json!({"antiAffinity": mistake}));
        cluster.wait(5);
        assert!(cluster.phase().1.contains(text), "{}", cluster.phase().1);
        cluster.apply(&json!({"strategy": {"blueGreen": {"antiAffinity": null}}}));
        cluster.wait(5);
        assert_eq!(cluster.phase(), ("Healthy", ""));
    }
}
