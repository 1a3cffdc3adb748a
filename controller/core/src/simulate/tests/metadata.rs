//! Rule 17, `activeMetadata` and `previewMetadata`: labels and annotations of a role, on the template and then on pods.

use super::*;

fn roles() -> Value {
    json!({"activeMetadata": {"labels": {"role": "active"}, "annotations": {"by": "us"}},
        "previewMetadata": {"labels": {"role": "preview"}}})
}

/// Role of the template and of the pods of a revision, `-` where there is none.
fn role(cluster: &Cluster, revision: u64) -> (String, Vec<String>) {
    let name = &cluster.set(revision).name;
    let text = |role: Option<&str>| role.unwrap_or("-").to_owned();
    let template = cluster.templates[name].pointer("/metadata/labels/role").and_then(Value::as_str);
    let pods = cluster.pods.get(name).into_iter().flatten();
    (text(template), pods.map(|pod| text(pod.labels.get("role").map(String::as_str))).collect())
}

fn all(role: &str) -> (String, Vec<String>) {
    (role.to_owned(), vec![role.to_owned(); 2])
}

fn uids(cluster: &Cluster) -> Vec<String> {
    cluster.pods.values().flatten().map(|pod| pod.uid.clone()).collect()
}

#[test]
fn rule_17_pods_are_born_with_their_role_and_change_it_at_the_promotion() {
    let mut cluster = deployed(&roles());
    assert_eq!(role(&cluster, 1), all("active"));
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!((role(&cluster, 1), role(&cluster, 2)), (all("active"), all("preview")));
    assert!(!format!("{:?}", cluster.log).contains("LabelPod"));
    let before = uids(&cluster);
    cluster.promote();
    cluster.wait(1);
    assert_eq!((role(&cluster, 1), role(&cluster, 2)), (all("-"), all("active")));
    assert_eq!(uids(&cluster), before);
    assert_eq!(cluster.replica_sets.len(), 2);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    let annotations = &cluster.set(2).annotations;
    assert_eq!(
        annotations[keys::EPHEMERAL_METADATA],
        r#"{"labels":{"role":"active"},"annotations":{"by":"us"}}"#
    );
    assert!(!annotations.contains_key(keys::FORMER_METADATA));
    assert!(!cluster.set(1).annotations.contains_key(keys::EPHEMERAL_METADATA));
    assert_eq!(cluster.pods[&cluster.set(2).name][0].annotations["by"], "us");
    assert!(!cluster.pods[&cluster.set(1).name][0].annotations.contains_key("by"));
}

#[test]
fn rule_17_an_aborted_version_stays_the_preview() {
    let mut cluster = updated(&roles());
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(2);
    assert_eq!((role(&cluster, 1), role(&cluster, 2)), (all("active"), all("preview")));
}

#[test]
fn rule_17_a_cold_version_that_comes_back_gets_its_role_with_its_pods() {
    let mut cluster = released(&roles(), 2);
    cluster.set_image("example/app:1");
    cluster.wait(3);
    assert_eq!((role(&cluster, 2), role(&cluster, 3)), (all("active"), all("preview")));
    let labelled = cluster.log.iter().filter(|(_, entry)| matches!(entry, Entry::Write(Write::LabelPod(_))));
    assert_eq!(labelled.count(), 4, "at the one promotion before");
}

#[test]
fn rule_17_a_warm_version_that_comes_back_switches_at_once_all_the_same() {
    let mut cluster = promoted(&roles());
    cluster.set_image("example/app:1");
    cluster.settle().expect("safe and at rest");
    assert_eq!(cluster.active(), cluster.hash(3));
    assert_eq!((role(&cluster, 2), role(&cluster, 3)), (all("-"), all("active")));
}

#[test]
fn rule_17_other_keys_are_left_alone_and_what_the_user_wrote_comes_back() {
    let mut cluster = shop(&roles());
    cluster.edit(|rollout| {
        let template = rollout.spec.template.as_mut().expect("a template");
        template["metadata"]["labels"]["role"] = json!("any");
        template["metadata"]["labels"]["team"] = json!("blue");
    });
    cluster.wait(5);
    assert_eq!(role(&cluster, 1), all("active"));
    cluster.apply(&json!({"strategy": {"blueGreen": {"activeMetadata": {"labels": null}}}}));
    cluster.wait(1);
    assert_eq!(role(&cluster, 1), all("any"));
    let pod = cluster.pods[&cluster.set(1).name][0].clone();
    assert_eq!((pod.labels["team"].as_str(), pod.labels["app"].as_str()), ("blue", "app"));
    assert_eq!(cluster.replica_sets.len(), 1);
}

#[test]
fn rule_17_without_the_fields_nothing_is_touched() {
    let mut cluster = deployed(&roles());
    let writes = cluster.writes();
    cluster.apply(&json!({"strategy": {"blueGreen": {"activeMetadata": null, "previewMetadata": null}}}));
    cluster.wait(5);
    assert_eq!(cluster.writes(), writes);
    assert_eq!(role(&cluster, 1), all("active"));
}

#[test]
fn rule_17_many_pods_are_changed_a_few_at_a_time() {
    let mut cluster = shop(&json!({}));
    cluster.apply(&json!({"replicas": 50}));
    cluster.wait(5);
    cluster.apply(&json!({"strategy": {"blueGreen": roles()}}));
    let mut most = 0;
    for _ in 0..10 {
        cluster.act();
        let (_, decision) = cluster.decide().expect("safe");
        let labels = decision.writes.iter().filter(|write| matches!(write, Write::LabelPod(_))).count();
        if labels > 0 && cluster.set(1).annotations.contains_key(keys::FORMER_METADATA) {
            assert!(labels == 10 || decision.look_again == Some(cluster.now), "the rest is done at once");
        }
        most = most.max(labels);
        cluster.carry_out(decision);
    }
    assert_eq!(most, 20);
    assert_eq!(role(&cluster, 1).1, vec!["active"; 50]);
}

#[test]
fn rule_17_labels_that_select_pods_are_a_mistake_and_repairable() {
    for (field, label) in [("activeMetadata", "app"), ("previewMetadata", keys::POD_TEMPLATE_HASH)] {
        let mut cluster = shop(&json!({field: {"labels": {label: "another"}}}));
        cluster.wait(5);
        assert!(cluster.phase().1.contains(&format!("{field}.labels[{label}]")), "{}", cluster.phase().1);
        assert_eq!(cluster.writes(), 0);
        cluster.apply(&json!({"strategy": {"blueGreen": {field: {"labels": {label: null}}}}}));
        cluster.wait(5);
        assert_eq!(cluster.phase(), ("Healthy", ""));
    }
    assert_eq!(deployed(&json!({"activeMetadata": {"labels": {"app": "app"}}})).phase(), ("Healthy", ""));
}

#[test]
fn a23_injected_metadata_and_terms_make_no_new_version_when_it_is_taken_over() {
    let mut strategy = roles();
    strategy["antiAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution": {}});
    for promotes in [false, true] {
        let mut cluster = updated(&strategy);
        if promotes {
            cluster.promote();
            cluster.wait(1);
        }
        // As the peer leaves them; and the status speaks of another generation, so that templates are compared.
        for seen in cluster.replica_sets.values_mut() {
            seen.annotations.retain(|key, _| !key.starts_with(keys::OWN_PREFIX));
        }
        let templates: Vec<Value> = cluster.templates.values().cloned().collect();
        cluster.apply(&json!({"revisionHistoryLimit": 5}));
        cluster.wait(1);
        cluster.set_image("example/app:1");
        cluster.wait(10);
        cluster.set_image("example/app:2");
        cluster.wait(10);
        assert_eq!(cluster.replica_sets.len(), templates.len(), "{promotes}");
    }
}
