//! One test for each rule and each way to break it, on decisions that no decider made.

mod services;
mod workload;

mod analysis;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verdigris_crds::BlueGreenStatus;

use super::*;
use crate::decision::{NewReplicaSet, ReplicaSetChange, TemplateChange};
use crate::observed::analysis::{AnalysisRunSeen, AnalysisSeen};
use crate::observed::{EndpointSeen, PodSeen, ServiceSeen};

mod pods;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

fn replica_set(hash: &str, revision: u64, ready: i32) -> ReplicaSetSeen {
    let name = format!("shop-{hash}");
    ReplicaSetSeen {
        uid: format!("uid-{name}"),
        name,
        resource_version: "1".into(),
        generation: 1,
        observed_generation: 1,
        controller_uid: Some("uid-shop".into()),
        labels: BTreeMap::from([(keys::POD_TEMPLATE_HASH.into(), hash.into())]),
        annotations: BTreeMap::from([(keys::REVISION.into(), revision.to_string())]),
        replicas_wanted: 2,
        replicas: 2,
        ready_replicas: ready,
        available_replicas: ready,
        ..ReplicaSetSeen::default()
    }
}

fn service(name: &str, hash: &str) -> ServiceSeen {
    ServiceSeen {
        name: name.into(),
        uid: format!("uid-{name}"),
        resource_version: "1".into(),
        selector: BTreeMap::from([(keys::POD_TEMPLATE_HASH.into(), hash.into())]),
        managed_by: Some("shop".into()),
    }
}

/// Version h1 is stable and active, h2 is in preview and approved through the stock client; both have their 2 pods, and
/// everything was read live.
fn world() -> Observed {
    let rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "uid": "uid-shop", "generation": 2},
        "spec": {"replicas": 2, "strategy": {"blueGreen": {"activeService": "active",
            "previewService": "preview", "autoPromotionEnabled": false}}},
        "status": {"currentPodHash": "h2", "stableRS": "h1", "controllerPause": true,
            "blueGreen": {"activeSelector": "h1", "previewSelector": "h2"}},
    }))
    .expect("a Rollout");
    let sets = [replica_set("h1", 1, 2), replica_set("h2", 2, 2)];
    let services = [service("active", "h1"), service("preview", "h2")];
    let fresh = [Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets, Fresh::ActiveEndpoints];
    let pods = |name: &str| {
        let pod =
            |number: i32| PodSeen { uid: format!("{name}-{number}"), ready: true, ..PodSeen::default() };
        (name.to_owned(), vec![pod(1), pod(2)])
    };
    Observed {
        rollout,
        replica_sets: sets.into_iter().map(|seen| (seen.name.clone(), seen)).collect(),
        services: services.into_iter().map(|seen| (seen.name.clone(), Some(seen))).collect(),
        active_endpoints: Some(Vec::new()),
        pods: BTreeMap::from([pods("shop-h1"), pods("shop-h2")]),
        templates: None,
        workload: None,
        analysis: AnalysisSeen::default(),
        left_services: BTreeMap::new(),
        neighbours: BTreeMap::new(),
        gone: false,
        fresh: fresh.into_iter().chain(["shop-h1", "shop-h2"].map(|name| Fresh::Pods(name.into()))).collect(),
        refusals: Vec::new(),
    }
}

impl Observed {
    fn set(&mut self, hash: &str) -> &mut ReplicaSetSeen {
        self.replica_sets.get_mut(&format!("shop-{hash}")).expect("a ReplicaSet")
    }

    fn status(&mut self) -> &mut RolloutStatus {
        self.rollout.status.as_mut().expect("a status")
    }

    fn unapproved(mut self) -> Self {
        self.status().controller_pause = None;
        self
    }
}

fn at(name: &str) -> Precondition {
    Precondition { name: name.into(), uid: format!("uid-{name}"), resource_version: "1".into() }
}

fn point(service: &str, hash: &str) -> Write {
    Write::PointService(PointService { at: at(service), hash: hash.into(), managed_by: None })
}

fn scale(hash: &str, replicas: i32) -> Write {
    Write::UpdateReplicaSet(ReplicaSetChange {
        at: at(&format!("shop-{hash}")),
        replicas: Some(replicas),
        min_ready_seconds: None,
        annotations: BTreeMap::new(),
        template: TemplateChange::default(),
    })
}

fn create(hash: &str, sha256: &str) -> Write {
    Write::CreateReplicaSet(Box::new(NewReplicaSet {
        name: format!("shop-{hash}"),
        labels: BTreeMap::from([(keys::POD_TEMPLATE_HASH.into(), hash.into())]),
        annotations: BTreeMap::from([(keys::TEMPLATE_SHA256.into(), sha256.into())]),
        replicas: 2,
        min_ready_seconds: 0,
        selector: Value::Null,
        template: Value::Null,
    }))
}

/// The rule that these writes break; the status at the end says what is current and stable.
fn verdict(observed: &Observed, stable: &str, writes: Vec<Write>) -> Option<Rule> {
    let status = RolloutStatus {
        current_pod_hash: Some("h2".into()),
        stable_rs: Some(stable.into()),
        blue_green: Some(BlueGreenStatus::default()),
        conditions: observed.rollout.status.as_ref().and_then(|status| status.conditions.clone()),
        ..RolloutStatus::default()
    };
    let decision = Decision { writes, status, ..Decision::default() };
    guard(observed, &decision, now()).err().map(|refused| refused.rule)
}

fn switching(observed: &mut Observed, from: &str) {
    let condition = serde_json::from_value(json!({
        "type": keys::TRAFFIC_SWITCHED, "status": "False", "reason": "Switching",
        "message": format!("Service 'active' was switched from '{from}' to 'h2'; wait"),
        "lastUpdateTime": now(), "lastTransitionTime": now(),
    }));
    observed.status().conditions = Some(vec![condition.expect("a condition")]);
}

#[test]
fn an_approved_version_with_all_its_pods_is_promoted() {
    assert_eq!(verdict(&world(), "h2", vec![point("active", "h2")]), None);
}

#[test]
fn r1_no_traffic_to_a_version_that_is_not_fully_available() {
    let mut observed = world();
    observed.set("h2").available_replicas = 1;
    assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::R1));
    let mut observed = world();
    observed.set("h2").replicas_wanted = 3;
    assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::R1));
    let mut observed = world();
    observed.set("h2").generation = 2;
    assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::R1), "counts are of old");
    assert_eq!(verdict(&world(), "h2", vec![point("active", "h3")]), Some(Rule::R1), "no such version");
}

#[test]
fn r1_counts_the_writes_before_the_switch() {
    let mut observed = world();
    observed.rollout.spec.replicas = Some(3);
    observed.set("h2").available_replicas = 3;
    let writes = vec![scale("h2", 3), point("active", "h2")];
    assert_eq!(verdict(&observed, "h2", writes), Some(Rule::R1), "a resize is not yet observed");
}

#[test]
fn r1_the_recorded_selector_may_always_be_restored() {
    let mut observed = world().unapproved();
    observed.set("h1").available_replicas = 0;
    observed.services.insert("active".into(), Some(service("active", "h2")));
    assert_eq!(verdict(&observed, "h1", vec![point("active", "h1")]), None);
}

#[test]
fn r1_an_abort_goes_back_to_a_stable_version_with_no_fewer_ready_pods() {
    let mut observed = world();
    observed.status().abort = Some(true);
    observed.status().blue_green.as_mut().expect("blue-green").active_selector = Some("h2".into());
    observed.services.insert("active".into(), Some(service("active", "h2")));
    *observed.set("h1") = replica_set("h1", 1, 1);
    assert_eq!(verdict(&observed, "h1", vec![point("active", "h1")]), Some(Rule::R1), "1 ready instead of 2");
    *observed.set("h2") = replica_set("h2", 2, 1);
    assert_eq!(verdict(&observed, "h1", vec![point("active", "h1")]), None);
    *observed.set("h1") = replica_set("h1", 1, 0);
    *observed.set("h2") = replica_set("h2", 2, 0);
    assert_eq!(verdict(&observed, "h1", vec![point("active", "h1")]), Some(Rule::R1), "nobody is ready");
}

#[test]
fn r2_what_is_active_or_stable_keeps_what_is_desired() {
    assert_eq!(verdict(&world(), "h1", vec![scale("h1", 1)]), Some(Rule::R2));
    assert_eq!(verdict(&world(), "h1", vec![Write::DeleteReplicaSet(at("shop-h1"))]), Some(Rule::R2));
    let mut observed = world();
    observed.rollout.spec.replicas = Some(1);
    assert_eq!(verdict(&observed, "h1", vec![scale("h1", 1)]), None, "one is all that is desired");
}

#[test]
fn r2_what_was_just_left_keeps_its_pods() {
    let writes = vec![point("active", "h2"), scale("h1", 0)];
    assert_eq!(verdict(&world(), "h2", writes), Some(Rule::R2));
}

/// h2 was promoted: h1 is old.
fn promoted() -> Observed {
    let mut observed = world();
    observed.status().stable_rs = Some("h2".into());
    observed.status().blue_green.as_mut().expect("blue-green").active_selector = Some("h2".into());
    observed.services.insert("active".into(), Some(service("active", "h2")));
    observed
}

#[test]
fn r2_the_old_version_goes_when_its_drain_time_is_over() {
    assert_eq!(verdict(&promoted(), "h2", vec![scale("h1", 0)]), None);

    let mut observed = promoted();
    switching(&mut observed, "h1");
    assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::R2), "the switch is not proven");

    let mut observed = promoted();
    let deadline = crate::seen::after(now(), 1).to_string();
    observed.set("h1").annotations.insert(keys::SCALE_DOWN_DEADLINE.into(), deadline);
    assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::R2), "a second to go");

    let mut observed = promoted();
    let endpoint = EndpointSeen { pod_uid: Some("shop-h1-2".into()), pod_name: None, ready: true };
    observed.active_endpoints = Some(vec![endpoint]);
    assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::R2), "it still gets traffic");
}

#[test]
fn r3_a_manual_gate_needs_an_approval_of_that_hash_and_revision() {
    let promote = || vec![point("active", "h2")];
    assert_eq!(verdict(&world().unapproved(), "h2", promote()), Some(Rule::R3));

    let approved = |text: &str| {
        let mut observed = world().unapproved();
        let annotations = BTreeMap::from([(keys::APPROVAL.to_owned(), text.to_owned())]);
        observed.rollout.metadata.annotations = Some(annotations);
        observed
    };
    assert_eq!(verdict(&approved(r#"{"hash":"h2","revision":2}"#), "h2", promote()), None);
    for wrong in [r#"{"hash":"h2","revision":1}"#, r#"{"hash":"h1","revision":2}"#, r#"{"hash":"h2"}"#, "yes"]
    {
        assert_eq!(verdict(&approved(wrong), "h2", promote()), Some(Rule::R3), "{wrong}");
    }

    let mut cleared_for_another = world();
    cleared_for_another.status().current_pod_hash = Some("h1".into());
    assert_eq!(verdict(&cleared_for_another, "h2", promote()), Some(Rule::R3), "cleared before h2 was seen");
}

#[test]
fn r3_no_gate_at_the_first_deploy_by_full_promotion_or_back_to_a_warm_stable_version() {
    let promote = || vec![point("active", "h2")];
    let mut first = world().unapproved();
    first.status().blue_green = None;
    first.status().stable_rs = None;
    first
        .services
        .insert("active".into(), Some(ServiceSeen { selector: BTreeMap::new(), ..service("active", "") }));
    assert_eq!(verdict(&first, "h2", promote()), None);

    let mut lost = world().unapproved();
    lost.rollout.status = Some(RolloutStatus::default());
    assert_eq!(verdict(&lost, "h2", promote()), Some(Rule::R3), "a lost status is not a first deploy");

    let mut full = world().unapproved();
    full.status().promote_full = Some(true);
    assert_eq!(verdict(&full, "h2", promote()), None);

    let mut warm = world().unapproved();
    warm.set("h2").annotations.insert(keys::FORMERLY_STABLE.into(), now().to_string());
    assert_eq!(verdict(&warm, "h2", promote()), None);
}

#[test]
fn r3_the_rollback_window_reaches_so_many_versions_back_and_only_what_was_stable() {
    let promote = || vec![point("active", "h2")];
    let windowed = |revisions: i32, between: u32| {
        let mut observed = world().unapproved();
        observed.rollout.spec.rollback_window =
            Some(verdigris_crds::RollbackWindow { revisions: Some(revisions), ..Default::default() });
        observed.set("h1").created = now();
        observed.set("h2").created = crate::seen::after(now(), -100);
        observed.set("h2").annotations.insert(keys::ONCE_STABLE.into(), now().to_string());
        for number in 0..between {
            let mut seen = replica_set(&format!("h{}", number + 3), 3, 0);
            seen.created = crate::seen::after(now(), -50);
            observed.replica_sets.insert(seen.name.clone(), seen);
        }
        observed
    };
    assert_eq!(verdict(&windowed(1, 0), "h2", promote()), None);
    assert_eq!(verdict(&windowed(2, 1), "h2", promote()), None);
    assert_eq!(verdict(&windowed(1, 1), "h2", promote()), Some(Rule::R3), "too far back");
    assert_eq!(verdict(&windowed(0, 0), "h2", promote()), Some(Rule::R3), "no window");
    let mut never = windowed(1, 0);
    never.set("h2").annotations.remove(keys::ONCE_STABLE);
    assert_eq!(verdict(&never, "h2", promote()), Some(Rule::R3), "it was never promoted");
    let mut younger = windowed(1, 0);
    younger.set("h2").created = crate::seen::after(now(), 1);
    assert_eq!(verdict(&younger, "h2", promote()), Some(Rule::R3), "forward is not back");
}

#[test]
fn r3_an_approval_is_remembered_while_its_version_grows() {
    let noted = |reason: &str, revision: u64| {
        let mut observed = world().unapproved();
        let condition = serde_json::from_value(json!({
            "type": keys::APPROVAL_CONDITION, "status": "True", "reason": reason,
            "message": format!("Approval of h2 (revision {revision}) by somebody: it grows"),
            "lastUpdateTime": now(), "lastTransitionTime": now(),
        }));
        observed.status().conditions = Some(vec![condition.expect("a condition")]);
        verdict(&observed, "h2", vec![point("active", "h2")])
    };
    assert_eq!(noted("Approved", 2), None);
    assert_eq!(noted("Approved", 1), Some(Rule::R3));
    assert_eq!(noted("Withdrawn", 2), Some(Rule::R3));
}

#[test]
fn r4_nothing_else_grows() {
    let mut observed = promoted();
    observed.rollout.spec.replicas = Some(3);
    assert_eq!(verdict(&observed, "h2", vec![scale("h2", 3)]), None);
    assert_eq!(verdict(&observed, "h2", vec![scale("h1", 3)]), Some(Rule::R4), "h1 is of no use");
    assert_eq!(verdict(&observed, "h2", vec![scale("h2", 4)]), Some(Rule::R4), "more than desired");
    assert_eq!(verdict(&observed, "h2", vec![create("h3", "s3")]), Some(Rule::R4), "h3 is not current");
}

#[test]
fn r5_one_replica_set_for_one_template() {
    let mut observed = world();
    observed.set("h1").annotations.insert(keys::TEMPLATE_SHA256.into(), "s1".into());
    assert_eq!(verdict(&observed, "h1", vec![create("h2", "s9")]), Some(Rule::R5), "the same hash");
    observed.replica_sets.remove("shop-h2");
    assert_eq!(verdict(&observed, "h1", vec![create("h2", "s1")]), Some(Rule::R5), "the same template");
    assert_eq!(verdict(&observed, "h1", vec![create("h2", "s2")]), None);
    assert_eq!(verdict(&observed, "h1", vec![create("h2", "s2"), create("h2", "s2")]), Some(Rule::R5));
}

#[test]
fn r6_only_what_is_ours() {
    let mut observed = promoted();
    observed.set("h1").controller_uid = Some("uid-other".into());
    assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::R6), "another Rollout's");
    assert_eq!(verdict(&observed, "h2", vec![Write::AdoptReplicaSet(at("shop-h1"))]), Some(Rule::R6));
    observed.set("h1").controller_uid = None;
    assert_eq!(verdict(&observed, "h2", vec![Write::AdoptReplicaSet(at("shop-h1"))]), None);
    assert_eq!(verdict(&observed, "h2", vec![Write::ReleaseReplicaSet(at("shop-h1"))]), Some(Rule::R6));

    let mut observed = world();
    observed.services.insert("till".into(), Some(service("till", "h1")));
    assert_eq!(verdict(&observed, "h2", vec![point("till", "h2")]), Some(Rule::R6), "not named");
    let managed = ServiceSeen { managed_by: Some("other".into()), ..service("active", "h1") };
    observed.services.insert("active".into(), Some(managed));
    assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::R6), "another manages it");
    let mut observed = world();
    observed
        .services
        .insert("active".into(), Some(ServiceSeen { uid: "new".into(), ..service("active", "h1") }));
    assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::R6), "made again since");
}

#[test]
fn dangerous_writes_need_live_reads() {
    for part in [Fresh::Rollout, Fresh::ReplicaSets] {
        let mut observed = world();
        observed.fresh.remove(&part);
        assert_eq!(verdict(&observed, "h2", vec![point("active", "h2")]), Some(Rule::Fresh), "{part:?}");
    }
    for part in [Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets] {
        let mut observed = promoted();
        observed.fresh.remove(&part);
        assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::Fresh), "{part:?}");
    }
    for part in [Fresh::ActiveEndpoints, Fresh::Pods("shop-h1".into())] {
        let mut observed = promoted();
        observed.fresh.remove(&part);
        assert_eq!(verdict(&observed, "h2", vec![scale("h1", 0)]), Some(Rule::Fresh), "{part:?}");
    }
    let mut cached = world();
    cached.fresh.remove(&Fresh::Services);
    assert_eq!(verdict(&cached, "h2", vec![point("active", "h2")]), None, "its own version is the proof");
    for name in ["active", "preview"] {
        cached.services.get_mut(name).and_then(Option::as_mut).expect("a Service").resource_version =
            "2".into();
        assert_eq!(
            verdict(&cached, "h2", vec![point(name, "h2")]),
            Some(Rule::Fresh),
            "{name}: not what was seen"
        );
    }
    let mut cached = world();
    cached.fresh = BTreeSet::new();
    assert_eq!(verdict(&cached, "h1", vec![point("preview", "h1")]), None, "preview is not dangerous");
}
