//! R2 and R6 for single pods.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::decision::{Evictions, PodAt, PodChange};

/// The world of the other tests, where a restart is due; its pods are of 1970.
fn restarting() -> Observed {
    let mut observed = world();
    observed.rollout.spec.restart_at = Some(Time(now()));
    observed
}

/// Evicts `most` of pods that are named like `h1-2`, the second of version h1.
fn evict(pods: &[&str], most: usize) -> Write {
    let at = |text: &&str| {
        let (hash, number) = text.split_once('-').expect("hash and number");
        let replica_set = format!("shop-{hash}");
        PodAt { uid: format!("{replica_set}-{number}"), replica_set, name: String::new() }
    };
    Write::EvictPods(Evictions { pods: pods.iter().map(at).collect(), most })
}

fn refusal(observed: &Observed, writes: &[Write]) -> Option<Rule> {
    verdict(observed, "h1", writes.to_vec())
}

#[test]
fn r2_ready_pods_are_evicted_only_within_max_unavailable() {
    let pods = ["h1-1", "h1-2", "h2-1"];
    for (most, wants, allowed) in
        [(json!(1), 1, true), (json!(1), 2, false), (json!("100%"), 2, true), (json!("100%"), 3, false)]
    {
        let mut observed = restarting();
        let strategy = observed.rollout.spec.strategy.as_mut().expect("a strategy");
        let blue_green = strategy.blue_green.as_mut().expect("blue-green");
        blue_green.max_unavailable = serde_json::from_value(most).expect("a number or a percentage");
        let refused = refusal(&observed, &[evict(&pods, wants)]);
        assert_eq!(refused, (!allowed).then_some(Rule::R2), "{wants}");
    }
}

#[test]
fn r2_pods_that_are_missing_already_count_and_so_do_two_evictions_of_one_plan() {
    let mut observed = restarting();
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), None);
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1), evict(&["h2-1"], 1)]), Some(Rule::R2));
    observed.pods.get_mut("shop-h2").expect("pods")[0].ready = false;
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::R2));
    assert_eq!(refusal(&observed, &[evict(&["h2-1"], 1)]), None, "one that is not ready is no loss");
}

#[test]
fn r2_nothing_is_evicted_without_a_restart_that_is_due_nor_what_is_younger() {
    let mut observed = restarting();
    for at in [None, Some(Time(now() + SignedDuration::from_secs(1)))] {
        observed.rollout.spec.restart_at = at;
        assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::R2));
    }
    observed.rollout.spec.restart_at = Some(Time(now()));
    observed.status().restarted_at = Some(Time(now()));
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::R2));
    observed.status().restarted_at = None;
    observed.pods.get_mut("shop-h1").expect("pods")[0].created = now();
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::R2));
}

#[test]
fn r6_only_pods_of_our_own_replica_sets_are_evicted() {
    let mut observed = restarting();
    assert_eq!(refusal(&observed, &[evict(&["h1-9"], 1)]), Some(Rule::R6));
    observed.set("h1").controller_uid = Some("somebody".into());
    assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::R6));
}

#[test]
fn evictions_need_live_reads_of_all_pods() {
    let pods = ["shop-h1", "shop-h2"].map(|name| Fresh::Pods(name.into()));
    for part in [Fresh::Rollout, Fresh::ReplicaSets].into_iter().chain(pods) {
        let mut observed = restarting();
        observed.fresh.remove(&part);
        assert_eq!(refusal(&observed, &[evict(&["h1-1"], 1)]), Some(Rule::Fresh), "{part:?}");
    }
}

fn labelled(key: &str) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([(key.to_owned(), Some("value".to_owned()))])
}

#[test]
fn r2_no_pod_loses_a_label_by_which_it_is_selected() {
    let mut observed = world();
    observed.rollout.spec.selector = serde_json::from_value(json!({"matchLabels": {"app": "shop"},
        "matchExpressions": [{"key": "tier", "operator": "Exists"}]}))
    .expect("a selector");
    let service = observed.services.get_mut("preview").and_then(Option::as_mut).expect("a Service");
    service.selector.insert("zone".into(), "a".into());
    for (key, allowed) in
        [("role", true), ("app", false), ("tier", false), ("zone", false), (keys::POD_TEMPLATE_HASH, false)]
    {
        let expected = (!allowed).then_some(Rule::R2);
        let Write::EvictPods(Evictions { mut pods, .. }) = evict(&["h1-1"], 1) else { panic!("an eviction") };
        let change = PodChange { at: pods.remove(0), labels: labelled(key), annotations: BTreeMap::new() };
        assert_eq!(refusal(&observed, &[Write::LabelPod(change)]), expected, "{key}");
        let template = TemplateChange { labels: labelled(key), ..TemplateChange::default() };
        let Write::UpdateReplicaSet(change) = scale("h1", 2) else { panic!("an update") };
        let change = Write::UpdateReplicaSet(ReplicaSetChange { template, ..change });
        assert_eq!(refusal(&observed, &[change]), expected, "{key}");
    }
}

#[test]
fn r6_only_pods_of_our_own_replica_sets_are_labelled() {
    let mut observed = world();
    let change = |name: &str| {
        let Write::EvictPods(Evictions { mut pods, .. }) = evict(&[name], 1) else { panic!("an eviction") };
        let (labels, annotations) = (labelled("role"), BTreeMap::new());
        Write::LabelPod(PodChange { at: pods.remove(0), labels, annotations })
    };
    assert_eq!(refusal(&observed, &[change("h1-1")]), None);
    assert_eq!(refusal(&observed, &[change("h1-9")]), Some(Rule::R6));
    observed.set("h1").controller_uid = None;
    assert_eq!(refusal(&observed, &[change("h1-1")]), Some(Rule::R6));
}
