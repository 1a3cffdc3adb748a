//! Whether generated histories come to what is rare.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::properties::{ANALYSES, Action, histories, histories_of, played};
use super::*;

/// The histories are worth something only if they reach what is rare.
#[test]
fn histories_reach_rare_states() {
    let marks = [
        "Initial deploy",
        "Completed blue-green update",
        "Full promotion requested",
        "Fast rollback",
        "Rollback within window",
        "it grows to its full size first",
        "At best",
        "Rollout aborted update",
        "Rollout is resumed",
        "restored",
        "refused",
        "and is left so",
        "its endpoints do not show it yet",
        "and no others",
        "within 60 s",
        "taken back by an abort",
        "Scaled down",
        "has timed out",
        "EvictPods",
        "LabelPod",
        "InvalidSpec",
        "ScaleWorkload",
        "ReleaseService",
        "SelectorOverlap",
        "deployments.apps \\\"app\\\" not found",
    ];
    reaches(histories(), &marks);
}

#[test]
fn histories_of_analyses_reach_rare_states() {
    let marks = [
        "waiting for analysis to complete",
        "nobody measures",
        "pre-promotion analysis phase error/failed",
        "post-promotion analysis phase error/failed",
        "InconclusiveAnalysisRun",
        "-post",
        "TerminateAnalysisRun",
    ];
    reaches(histories_of(prop::sample::select(ANALYSES.to_vec())), &marks);
}

/// Plays histories until each mark was reached; far fewer than the bound do.
fn reaches(histories: impl Strategy<Value = (&'static str, Vec<(Action, bool)>)>, marks: &[&'static str]) {
    let mut marks: BTreeMap<&str, usize> = marks.iter().map(|mark| (*mark, 0)).collect();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..4_000 {
        let (strategy, actions) = histories.new_tree(&mut runner).expect("a history").current();
        let cluster = played(strategy, &actions).expect("safe and at rest");
        let log = format!("{:?} {:?}", cluster.log, cluster.rollout.status);
        marks.iter_mut().for_each(|(mark, times)| *times += usize::from(log.contains(mark)));
        if marks.values().all(|times| *times > 0) {
            return;
        }
    }
    let missed: Vec<_> = marks.iter().filter(|(_, times)| **times == 0).collect();
    assert!(missed.is_empty(), "never reached: {missed:?} of {marks:?}");
}
