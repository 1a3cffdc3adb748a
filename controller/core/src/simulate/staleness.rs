//! Caches lag. Whatever they still show, no dangerous write comes of it: what such a write depends on is read live.

use proptest::prelude::*;

use serde_json::json;

use super::properties::{Action, action, carry_out, config, histories, played};
use super::tests::shop;
use super::*;
use crate::observed::analysis::AnalysisSeen;

/// What users and the world do while the controller is not looking.
fn unseen() -> impl Strategy<Value = Vec<Action>> {
    let quiet = action().prop_filter("needs the controller", |action| {
        !matches!(
            action,
            Action::Update(_) | Action::Promote | Action::Release(_) | Action::Crash(_) | Action::Wait(_)
        )
    });
    prop::collection::vec(quiet, 1..5)
}

/// A view in which each part that was not read live may be of old.
fn observe(old: &Cluster, new: &Cluster, parts: [bool; 4], fresh: &BTreeSet<Fresh>) -> Observed {
    let (past, truth) = (old.observe(fresh), new.observe(fresh));
    let lags = |part: Fresh, lags: bool| lags && !fresh.contains(&part);
    Observed {
        rollout: if lags(Fresh::Rollout, parts[0]) { past.rollout } else { truth.rollout },
        services: if lags(Fresh::Services, parts[1]) { past.services } else { truth.services },
        left_services: if lags(Fresh::Services, parts[1]) { past.left_services } else { truth.left_services },
        neighbours: if lags(Fresh::Neighbours, parts[0]) { past.neighbours } else { truth.neighbours },
        gone: false,
        replica_sets: if lags(Fresh::ReplicaSets, parts[2]) { past.replica_sets } else { truth.replica_sets },
        active_endpoints: if lags(Fresh::ActiveEndpoints, parts[1]) {
            past.active_endpoints
        } else {
            truth.active_endpoints
        },
        pods: truth.pods,
        templates: truth.templates,
        workload: if lags(Fresh::Workload, parts[0]) { past.workload } else { truth.workload },
        analysis: analysis(past.analysis, truth.analysis, parts[3], fresh),
        fresh: fresh.clone(),
        refusals: Vec::new(),
    }
}

/// Runs of old, but for those that were read live.
fn analysis(past: AnalysisSeen, truth: AnalysisSeen, lags: bool, fresh: &BTreeSet<Fresh>) -> AnalysisSeen {
    if !lags {
        return truth;
    }
    let is_fresh = |name: &String| fresh.contains(&Fresh::AnalysisRun(name.clone()));
    let old = past.runs.into_iter().filter(|(name, _)| !is_fresh(name));
    let live = truth.runs.into_iter().filter(|(name, _)| is_fresh(name));
    AnalysisSeen { runs: old.chain(live).collect(), ..past }
}

fn decide(old: &Cluster, new: &Cluster, parts: [bool; 4]) -> Result<Decision, TestCaseError> {
    let mut fresh = BTreeSet::new();
    loop {
        let observed = observe(old, new, parts, &fresh);
        match crate::decide(&observed, new.now) {
            Outcome::Decided(decision) => {
                guard(&observed, &decision, new.now)
                    .map_err(|refused| TestCaseError::fail(refused.to_string()))?;
                return Ok(*decision);
            }
            Outcome::NeedFresh(needs) => fresh.extend(needs),
        }
    }
}

/// The writes of a decision that could hurt, and that the API server would not refuse as outdated.
fn dangerous(decision: &Decision, truth: &Cluster) -> Vec<Write> {
    let has = |name: &str, version: &str| {
        truth.replica_sets.get(name).is_some_and(|seen| seen.resource_version == version)
    };
    let could_hurt = |write: &&Write| match write {
        Write::PointService(point) => {
            let service = truth.services.get(&point.at.name);
            point.at.name == "app-active"
                && service.is_some_and(|service| service.resource_version == point.at.resource_version)
        }
        Write::UpdateReplicaSet(change) => {
            let wanted = truth.replica_sets.get(&change.at.name).map_or(0, |seen| seen.replicas_wanted);
            change.replicas.is_some_and(|replicas| replicas < wanted)
                && has(&change.at.name, &change.at.resource_version)
        }
        Write::ScaleWorkload(scale) => matches!(&truth.workload, Some(Workload::There(seen))
            if seen.resource_version == scale.at.resource_version),
        Write::ReleaseService(at) => truth
            .services
            .get(&at.name)
            .is_some_and(|service| service.resource_version == at.resource_version),
        Write::DeleteReplicaSet(at) => has(&at.name, &at.resource_version),
        Write::EvictPods(_) => true,
        Write::DeleteAnalysisRun(at) => {
            truth.analysis_runs.get(&at.name).is_some_and(|run| run.resource_version == at.resource_version)
        }
        _ => false,
    };
    decision.writes.iter().filter(could_hurt).cloned().collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_dangerous_write_comes_of_a_stale_cache(
        (strategy, actions) in histories(),
        unseen in unseen(),
        parts in any::<[bool; 4]>(),
    ) {
        let mut old = played(strategy, &actions)?;
        old.settle().map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
        let mut new = old.clone();
        for action in &unseen {
            carry_out(&mut new, action).map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
        }
        new.act();
        let decision = decide(&old, &new, parts)?;
        let writes = dangerous(&decision, &new);
        let pods = new.replica_sets.keys().map(|name| Fresh::Pods(name.clone()));
        let runs = new.analysis_runs.keys().map(|name| Fresh::AnalysisRun(name.clone()));
        let all = [Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets, Fresh::ActiveEndpoints, Fresh::Workload, Fresh::Neighbours];
        let truth = new.observe(&all.into_iter().chain(pods).chain(runs).collect());
        let decision = Decision { writes, ..decision };
        prop_assert_eq!(guard(&truth, &decision, new.now), Ok(()), "{:?}", decision.writes);
    }
}

/// The switch is decided on the Service as the cache shows it. Where that is of old, the write names an old version, and
/// the server refuses it.
#[test]
fn a_switch_that_is_decided_on_an_outdated_service_names_that_version() {
    let mut old = shop(&json!({}));
    old.run(10).expect("deployed");
    old.set_image("example/app:2");
    old.run(10).expect("paused");
    old.promote();
    let mut new = old.clone();
    let hash = new.current();
    new.point_by_hand("app-active", Some(&hash));
    let point = |decision: &Decision| {
        let writes = decision.writes.iter();
        writes
            .filter(|write| matches!(write, Write::PointService(point) if point.at.name == "app-active"))
            .count()
    };
    let lagging = decide(&old, &new, [false, true, false, false]).expect("the guard accepts it");
    assert_eq!(point(&lagging), 1, "it does not know that somebody else has moved it");
    assert_eq!(dangerous(&lagging, &new), [], "and cannot hurt");
    assert_eq!(dangerous(&decide(&old, &old, [false; 4]).expect("accepted"), &old).len(), 1);
}
