//! Rule 16, `restartAt`: what is older is evicted, within `maxUnavailable` and as budgets allow.

use super::*;
use crate::observed::PodSeen;

/// Asks for a restart now.
fn restart(cluster: &mut Cluster) {
    let now = cluster.now.to_string();
    cluster.apply(&json!({"restartAt": now}));
}

/// UIDs of all pods.
fn pods(cluster: &Cluster) -> BTreeSet<String> {
    cluster.pods.values().flatten().map(|pod| pod.uid.clone()).collect()
}

fn ready(cluster: &Cluster) -> usize {
    let ready =
        |(name, pods): (&String, &Vec<Pod>)| pods.iter().filter(|pod| cluster.is_ready(name, pod)).count();
    cluster.pods.iter().map(ready).sum()
}

/// Runs second by second until the restart is over, and answers how many pods were missing at most.
fn missing_at_most(cluster: &mut Cluster, wanted: usize) -> usize {
    let mut most = 0;
    for _ in 0..300 {
        if cluster.status().restarted_at.is_some() {
            return most;
        }
        cluster.settle().expect("safe and at rest");
        most = most.max(wanted.saturating_sub(ready(cluster)));
        cluster.wait(1);
    }
    panic!("never restarted: {:?}", cluster.status());
}

#[test]
fn rule_16_the_budget_is_max_unavailable() {
    for (replicas, most, missing) in [
        (1, json!(null), 1),
        (4, json!(null), 1),
        (9, json!(null), 2),
        (4, json!("50%"), 2),
        (4, json!("50"), 2),
        (3, json!("50%"), 1),
        (4, json!(3), 3),
        (4, json!(100), 4),
        (4, json!(0), 1),
        (4, json!("all"), 1),
    ] {
        let mut cluster = shop(&json!({"maxUnavailable": most}));
        cluster.apply(&json!({"replicas": replicas}));
        cluster.wait(5);
        let before = pods(&cluster);
        restart(&mut cluster);
        let wanted = usize::try_from(replicas).expect("a count");
        assert_eq!(missing_at_most(&mut cluster, wanted), missing, "{most} of {replicas}");
        cluster.wait(5);
        assert!(pods(&cluster).is_disjoint(&before), "{most} of {replicas}");
        assert_eq!(cluster.phase(), ("Healthy", ""));
        assert_eq!(cluster.condition(keys::RESTART), None);
        assert_eq!(cluster.told("evict"), 0);
    }
}

#[test]
fn rule_16_both_stacks_share_the_budget_and_the_stable_one_goes_first() {
    let mut cluster = updated(&json!({"maxUnavailable": "50%"}));
    let (old, new) = (cluster.set(1).name.clone(), cluster.set(2).name.clone());
    restart(&mut cluster);
    cluster.settle().expect("safe and at rest");
    let young = |cluster: &Cluster, set: &str| {
        cluster.pods[set].iter().filter(|pod| pod.created == cluster.now).count()
    };
    assert_eq!((young(&cluster, &old), young(&cluster, &new)), (1, 0));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert!(missing_at_most(&mut cluster, 4) <= 1);
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn rule_16_a_future_restart_waits_for_its_time() {
    let mut cluster = deployed(&json!({}));
    let at = after(cluster.now, 60);
    cluster.apply(&json!({"restartAt": at.to_string()}));
    assert_eq!(cluster.settle().expect("at rest"), Some(at));
    assert_eq!(cluster.phase(), ("Progressing", "rollout is restarting"));
    let before = pods(&cluster);
    cluster.wait(59);
    assert_eq!(pods(&cluster), before);
    cluster.wait(10);
    assert!(pods(&cluster).is_disjoint(&before));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn rule_16_a_new_template_is_a_restart() {
    let mut cluster = deployed(&json!({}));
    let at = after(cluster.now, 60).to_string();
    cluster.apply(&json!({"restartAt": at}));
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.status().restarted_at, cluster.rollout.spec.restart_at);
    cluster.wait(100);
    assert!(!format!("{:?}", cluster.log).contains("EvictPods"));
}

#[test]
fn rule_16_a_disruption_budget_is_asked_again_and_again_and_never_often() {
    let mut cluster = deployed(&json!({}));
    cluster.settings.min_available = 2;
    let before = pods(&cluster);
    restart(&mut cluster);
    cluster.wait(100);
    assert_eq!(pods(&cluster), before);
    assert_eq!(cluster.phase(), ("Progressing", "rollout is restarting"));
    let asked = cluster.log.iter().filter(|(_, entry)| matches!(entry, Entry::Write(Write::EvictPods(_))));
    assert_eq!(asked.count(), 8, "after 0, 1, 3, 7, 15, 31, 61 and 91 seconds");
    let (_, _, text) = cluster.condition(keys::RESTART).expect("a condition");
    assert_eq!(text, "2 pods are older than spec.restartAt; asked 8 times since one left");
    cluster.settings.min_available = 1;
    cluster.wait(40);
    assert!(pods(&cluster).is_disjoint(&before));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn rule_16_pods_that_are_not_ready_go_at_once_and_the_last_ready_one_waits_for_them() {
    let mut cluster = deployed(&json!({}));
    cluster.apply(&json!({"replicas": 4}));
    cluster.wait(5);
    let set = cluster.set(1).name.clone();
    cluster.break_pods(&set, 3);
    cluster.settle().expect("at rest");
    let last = cluster.pods[&set][3].uid.clone();
    restart(&mut cluster);
    cluster.settle().expect("safe and at rest");
    let young = cluster.pods[&set].iter().filter(|pod| pod.created == cluster.now).count();
    assert_eq!(young, 3);
    assert!(pods(&cluster).contains(&last));
    cluster.wait(20);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert!(!pods(&cluster).contains(&last));
}

#[test]
fn rule_16_what_a_shrinking_stack_has_left_replaces_nothing() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 0}));
    cluster.wait(3);
    let old = cluster.set(1).name.clone();
    assert_eq!(cluster.replica_sets[&old].replicas_wanted, 0);
    // Its pods are still there although it is to have none.
    let created = after(cluster.now, -100);
    let left = |number: i32| {
        let name = format!("left-{number}");
        Pod {
            uid: name.clone(),
            name,
            created,
            broken: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    };
    cluster.pods.insert(old, (0..2).map(left).collect());
    restart(&mut cluster);
    let (observed, decision) = cluster.decide().expect("safe");
    let evicted = decision.writes.iter().find_map(|write| match write {
        Write::EvictPods(evictions) => Some(evictions.most),
        _ => None,
    });
    assert_eq!(evicted, Some(1), "{observed:?}");
}

#[test]
fn rule_16_available_is_ready_for_min_ready_seconds() {
    let since = |seconds: i64| PodSeen {
        ready: true,
        ready_since: Timestamp::from_second(seconds).ok(),
        ..PodSeen::default()
    };
    let now = Timestamp::from_second(100).expect("a time");
    for (pod, min_ready_seconds, available) in [
        (since(100), 0, true),
        (since(91), 10, false),
        (since(90), 10, true),
        (PodSeen { ready_since: None, ..since(0) }, 10, false),
        (PodSeen { ready: false, ..since(0) }, 0, false),
    ] {
        assert_eq!(pod.is_available(min_ready_seconds, now), available, "{pod:?}");
    }
}

#[test]
fn rule_16_a_crash_before_the_status_is_written_evicts_no_more_than_is_allowed() {
    let mut cluster = deployed(&json!({}));
    cluster.apply(&json!({"replicas": 4}));
    cluster.wait(5);
    restart(&mut cluster);
    for _ in 0..10 {
        cluster.act();
        let (_, decision) = cluster.decide().expect("safe");
        for write in decision.writes {
            let without_status =
                Decision { writes: vec![write, Write::DefaultReplicas], ..Decision::default() };
            cluster.carry_out_some(without_status, 1);
        }
        assert!(ready(&cluster) >= 3, "{}", ready(&cluster));
        cluster.now = after(cluster.now, 1);
    }
}
