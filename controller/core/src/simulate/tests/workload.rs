//! `spec.workloadRef`: the template comes from a Deployment, which goes once the Rollout serves.

use super::*;
use crate::workload::Workload;

/// The shop, migrated from a Deployment of two pods.
fn migrated(scale_down: &str) -> Cluster {
    let mut cluster = shop(&json!({}));
    cluster.reference_deployment(2, scale_down);
    cluster
}

fn deployed(cluster: &Cluster) -> i32 {
    match &cluster.workload {
        Some(Workload::There(seen)) => seen.replicas.unwrap_or(0),
        _ => panic!("no Deployment"),
    }
}

fn annotation(cluster: &Cluster) -> Option<&str> {
    let annotations = cluster.rollout.metadata.annotations.as_ref()?;
    annotations.get(keys::WORKLOAD_GENERATION).map(String::as_str)
}

/// Pods that the Deployment was given over time by us.
fn steps(cluster: &Cluster) -> Vec<i32> {
    let scaled = |entry: &Entry| match entry {
        Entry::Write(Write::ScaleWorkload(scale)) => Some(scale.replicas),
        _ => None,
    };
    cluster.log.iter().filter_map(|(_, entry)| scaled(entry)).collect()
}

#[test]
fn template_and_selector_come_from_the_deployment_and_are_never_written_into_the_rollout() {
    let mut cluster = migrated("never");
    cluster.rollout.spec.selector = None;
    let spec = cluster.rollout.spec.clone();
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.rollout.spec, spec);
    assert_eq!(annotation(&cluster), Some("1"));
    assert_eq!(cluster.status().other["workloadObservedGeneration"], json!("1"));
    let set = cluster.set(1);
    assert_eq!(set.annotations.get(keys::WORKLOAD_GENERATION).map(String::as_str), Some("1"));
    assert_eq!(deployed(&cluster), 2, "never");
}

#[test]
fn a_new_template_of_the_deployment_is_an_update() {
    let mut cluster = migrated("onsuccess");
    cluster.wait(5);
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!((cluster.active(), annotation(&cluster)), (cluster.hash(1).as_str(), Some("3")));
}

#[test]
fn a_deployment_that_is_only_scaled_makes_no_replica_set_and_asks_the_server_nothing() {
    let mut cluster = migrated("never");
    cluster.wait(5);
    cluster.edit_workload(|it| it.replicas = Some(7));
    let asked = cluster.observe(&BTreeSet::new());
    assert!(matches!(crate::decide(&asked, cluster.now), Outcome::Decided(_)));
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 1);
    assert_eq!((cluster.phase().0, annotation(&cluster)), ("Healthy", Some("2")));
}

#[test]
fn moving_the_template_into_a_deployment_restarts_no_pod() {
    let mut cluster = shop(&json!({}));
    cluster.wait(5);
    cluster.reference_deployment(0, "onsuccess");
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 1);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn on_success_the_deployment_goes_once_the_endpoints_show_the_rollouts_pods_and_no_others() {
    let mut cluster = migrated("onsuccess");
    cluster.settings.endpoints_follow = false;
    cluster.wait(30);
    assert_eq!((cluster.phase().0, deployed(&cluster)), ("Healthy", 2), "endpoints still show its pods");
    cluster.settings.endpoints_follow = true;
    cluster.wait(1);
    assert_eq!((deployed(&cluster), steps(&cluster)), (0, vec![0]));
}

#[test]
fn proxies_follow_later_than_endpoints_so_it_stays_as_long_as_an_old_version_would() {
    let mut cluster = migrated("onsuccess");
    cluster.wait(7);
    assert_eq!((cluster.phase().0, deployed(&cluster)), ("Healthy", 2), "scaleDownDelaySeconds is 6");
    cluster.wait(3);
    assert_eq!(deployed(&cluster), 0);
}

#[test]
fn without_endpoints_it_goes_a_minute_after_the_rollouts_pods_serve() {
    let mut cluster = migrated("onsuccess");
    cluster.settings.endpoints_readable = false;
    cluster.wait(50);
    assert_eq!(deployed(&cluster), 2);
    cluster.wait(20);
    assert_eq!(deployed(&cluster), 0);
}

#[test]
fn progressively_it_goes_as_pods_of_the_rollout_come_to_serve() {
    let mut cluster = migrated("progressively");
    cluster.wait(1);
    cluster.break_pods(&cluster.replica_sets.keys().next().cloned().expect("a set"), 1);
    cluster.settings.endpoints_follow = true;
    // Not followed yet: the active Service selects by labels alone.
    cluster.act();
    cluster.followed = cluster.services["app-active"].selector.clone();
    cluster.wait(5);
    assert_eq!(deployed(&cluster), 1, "one of two pods of the Rollout is ready");
    cluster.break_pods(&cluster.replica_sets.keys().next().cloned().expect("a set"), 0);
    cluster.wait(15);
    assert_eq!((deployed(&cluster), cluster.phase().0), (0, "Healthy"));
}

#[test]
fn a_deployment_that_gitops_scales_up_again_is_scaled_down_again_at_any_revision() {
    for mode in ["onsuccess", "progressively"] {
        let mut cluster = migrated(mode);
        cluster.wait(5);
        cluster.set_image("example/app:2");
        cluster.wait(5);
        cluster.promote();
        cluster.wait(40);
        assert_eq!(cluster.active(), cluster.hash(2));
        cluster.edit_workload(|it| it.replicas = Some(2));
        cluster.wait(1);
        assert_eq!((deployed(&cluster), cluster.phase().0), (0, "Healthy"), "{mode}");
    }
}

#[test]
fn during_an_update_the_version_that_serves_is_what_counts() {
    let mut cluster = migrated("onsuccess");
    cluster.wait(5);
    cluster.set_image("example/app:2");
    cluster.edit_workload(|it| it.replicas = Some(2));
    cluster.wait(5);
    assert_eq!((cluster.phase().1, deployed(&cluster)), ("BlueGreenPause", 0));
}

#[test]
fn a_deployment_is_not_scaled_down_while_the_operator_has_the_wheel() {
    let mut cluster = migrated("onsuccess");
    cluster.wait(5);
    cluster.edit(|rollout| rollout.spec.paused = Some(true));
    cluster.edit_workload(|it| it.replicas = Some(2));
    cluster.wait(5);
    assert_eq!(deployed(&cluster), 2);
}

/// What goes wrong, and the words it is told in.
type Case<'a> = (&'a dyn Fn(&mut Cluster), &'a str);

#[test]
fn mistakes_are_told_and_over_the_moment_their_cause_is() {
    let missing = |cluster: &mut Cluster| cluster.lose_workload(Workload::Missing);
    let forbidden = |cluster: &mut Cluster| cluster.lose_workload(Workload::Unreadable("no".into()));
    let kind = |cluster: &mut Cluster| cluster.apply(&json!({"workloadRef": {"kind": "DaemonSet"}}));
    let template = |cluster: &mut Cluster| {
        cluster.apply(&json!({"template": {"metadata": {"labels": {"app": "app"}}}}));
    };
    let cases: [Case<'_>; 4] = [
        (&missing, "deployments.apps \"app\" not found"),
        (&forbidden, "deployments.apps cannot be read: no; allow get, list and watch"),
        (&kind, "workload of type apps/DaemonSet is not supported"),
        (&template, "template must be empty for workload reference rollout"),
    ];
    for (spoil, words) in cases {
        let mut cluster = migrated("onsuccess");
        cluster.wait(5);
        let (writes, active) = (cluster.writes(), cluster.active().to_owned());
        spoil(&mut cluster);
        cluster.wait(5);
        let (phase, message) = cluster.phase();
        let start = "InvalidSpec: The Rollout \"app\" is invalid: spec.workloadRef: Invalid value: \"app\": ";
        assert!(phase == "Degraded" && message.starts_with(start) && message.contains(words), "{message}");
        assert_eq!((cluster.writes(), cluster.active()), (writes, active.as_str()));
        let (_, decision) = cluster.decide().expect("safe");
        assert_eq!(decision.look_again, None, "{words}: an event is waited for");
        cluster.find_workload();
        cluster.apply(&json!({"workloadRef": {"kind": "Deployment"}, "template": null}));
        cluster.settle().expect("at rest");
        assert_eq!((cluster.phase(), cluster.replica_sets.len()), (("Healthy", ""), 1), "{words}");
    }
}

#[test]
fn a_refusal_to_scale_the_deployment_stops_nothing_else() {
    let mut cluster = migrated("onsuccess");
    cluster.wait(5);
    cluster.edit_workload(|it| it.replicas = Some(2));
    cluster.set_image("example/app:2");
    let mut observed = cluster.observe(&BTreeSet::new());
    observed.refusals = vec![crate::observed::Refusal {
        what: "scale Deployment app to 0".into(),
        code: 403,
        reason: "Forbidden".into(),
        message: "no".into(),
    }];
    let Outcome::Decided(decision) = crate::decide(&observed, cluster.now) else { panic!("all is there") };
    assert!(matches!(decision.writes.first(), Some(Write::CreateReplicaSet(_))), "{:?}", decision.writes);
    let told = decision.status.conditions.into_iter().flatten().any(|it| it.type_ == keys::WRITE_REFUSED);
    assert!(told);
}
