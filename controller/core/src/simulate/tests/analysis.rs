//! Analyses before and after promotion.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris_crds::keys;

use super::{deployed, updated};
use crate::decision::Write;
use crate::simulate::{Cluster, Measured};

const WORKS: &str = r#"{"templates": [{"templateName": "works"}]}"#;

fn pre() -> Value {
    json!({"autoPromotionEnabled": true, "prePromotionAnalysis": works()})
}

fn post() -> Value {
    json!({"autoPromotionEnabled": true, "postPromotionAnalysis": works()})
}

fn works() -> Value {
    serde_json::from_str(WORKS).expect("JSON")
}

fn with(mut strategy: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        strategy[key] = value.clone();
    }
    strategy
}

impl Cluster {
    fn run_named(&self, revision: u64, end: &str) -> String {
        format!("app-{}-{revision}-{end}", self.hash(revision))
    }

    fn phase_of(&self, name: &str) -> &str {
        self.analysis_runs.get(name).map_or("none", |run| run.phase.as_str())
    }

    fn is_ended(&self, name: &str) -> bool {
        self.analysis_runs.get(name).is_some_and(|run| run.terminating)
    }

    fn measured(&mut self, phase: &str) {
        self.settings.measured = Measured::Ends(3, phase.to_owned());
    }
}

#[test]
fn the_first_deploy_is_not_analysed() {
    let cluster = deployed(&with(pre(), &post()));
    assert_eq!(cluster.analysis_runs, BTreeMap::new());
    assert_eq!(cluster.told("Initial deploy"), 1);
}

#[test]
fn a_version_is_promoted_once_the_analysis_before_it_has_succeeded() {
    let mut cluster = updated(&pre());
    let run = cluster.run_named(2, "pre");
    assert_eq!(cluster.phase_of(&run), "Running");
    assert_eq!(cluster.phase(), ("Progressing", "active service cutover pending"));
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase(), ("Healthy", ""));
    let blue_green = cluster.status().blue_green.expect("blue-green");
    let status = blue_green.pre_promotion_analysis_run_status.expect("kept after promotion");
    assert_eq!((status.name.as_str(), status.status.as_str()), (run.as_str(), "Successful"));
    let text = format!("PrePromotion Analysis Run '{run}' Status New: 'Successful' Previous: 'Running'");
    assert_eq!(cluster.told(&text), 1);
}

#[test]
fn a_run_begins_when_all_pods_are_there_and_not_before() {
    let mut cluster = deployed(&pre());
    cluster.set_image("example/app:2");
    cluster.wait(1);
    assert_eq!(cluster.analysis_runs, BTreeMap::new());
    cluster.wait(1);
    assert_eq!(cluster.analysis_runs.len(), 1);
}

#[test]
fn names_labels_and_annotations_are_the_peers() {
    let analysis = json!({"templates": [{"templateName": "works"}], "analysisRunMetadata": {
        "labels": {"team": "a", "app": "mine", "rollout-type": "mine"}, "annotations": {"note": "b"}}});
    let mut cluster = deployed(&json!({"prePromotionAnalysis": analysis}));
    let labels = BTreeMap::from([(keys::INSTANCE_ID.to_owned(), "one".to_owned())]);
    cluster.rollout.metadata.labels = Some(labels);
    cluster.set_image("example/app:2");
    cluster.wait(3);
    let hash = cluster.hash(2);
    let run = &cluster.analysis_runs[&cluster.run_named(2, "pre")];
    assert_eq!(run.revision.as_deref(), Some("2"));
    let labels: Vec<(&str, &str)> =
        run.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("app", "app"),
            (keys::INSTANCE_ID, "one"),
            ("rollout-type", "PrePromotion"),
            (keys::POD_TEMPLATE_HASH, hash.as_str()),
            ("team", "a"),
        ]
    );
}

#[test]
fn pause_and_clock_begin_after_the_analysis_has_succeeded() {
    let more = json!({"autoPromotionSeconds": 20});
    let mut cluster = updated(&with(pre(), &more));
    cluster.settings.measured = Measured::ForEver;
    cluster.wait(100);
    assert_eq!(cluster.told("RolloutPaused"), 0);
    let run = cluster.run_named(2, "pre");
    cluster.set_run_phase(&run, "Successful", "");
    cluster.wait(19);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn an_approval_before_the_analysis_has_ended_is_kept() {
    let mut cluster = updated(&with(pre(), &json!({"autoPromotionEnabled": false})));
    cluster.wait(3);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_pod_that_is_unready_neither_ends_nor_completes_an_analysis() {
    let mut cluster = updated(&pre());
    let (run, set) = (cluster.run_named(2, "pre"), cluster.set(2).name.clone());
    cluster.break_pods(&set, 1);
    cluster.wait(30);
    assert_eq!((cluster.phase_of(&run), cluster.is_ended(&run)), ("Successful", false));
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.break_pods(&set, 0);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.analysis_runs.len(), 1);
}

#[test]
fn a4_a5_a_stripped_selector_skips_no_analysis() {
    let mut cluster = updated(&pre());
    cluster.measured("Failed");
    cluster.point_by_hand("app-active", None);
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(1));
    let second = cluster.hash(2);
    cluster.point_by_hand("app-active", Some(&second));
    cluster.wait(30);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert!(cluster.phase().1.contains("pre-promotion analysis phase error/failed"), "{}", cluster.phase().1);
}

#[test]
fn a_failed_analysis_aborts_in_the_peers_words() {
    for (phase, message) in [("Failed", ": too slow"), ("Error", "")] {
        let mut cluster = updated(&with(pre(), &json!({"abortScaleDownDelaySeconds": 5})));
        let run = cluster.run_named(2, "pre");
        cluster.set_run_phase(&run, phase, message.trim_start_matches(": "));
        cluster.wait(0);
        let text = format!(
            "RolloutAborted: Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase \
             error/failed{message}"
        );
        assert_eq!(cluster.phase(), ("Degraded", text.as_str()));
        cluster.wait(60);
        assert_eq!(cluster.phase(), ("Degraded", text.as_str()));
        assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 0)]));
        assert_eq!(cluster.told("RolloutAborted"), 1);
        assert_eq!(cluster.told(&format!("AnalysisRun{phase}")), 1);
    }
}

#[test]
fn after_the_switch_the_old_version_stays_stable_at_full_size_until_the_analysis_has_succeeded() {
    let mut cluster = deployed(&with(post(), &json!({"scaleDownDelaySeconds": 5})));
    cluster.settings.measured = Measured::ForEver;
    cluster.set_image("example/app:2");
    cluster.wait(300);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase(), ("Progressing", "waiting for analysis to complete"));
    assert_eq!(cluster.status().stable_rs, Some(cluster.hash(1)));
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 2)]));
    let run = cluster.run_named(2, "post");
    cluster.set_run_phase(&run, "Successful", "");
    cluster.wait(4);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.status().stable_rs, Some(cluster.hash(2)));
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 2)]));
    assert!(cluster.set(1).formerly_stable());
    cluster.wait(2);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 0), (2, 2)]));
}

#[test]
fn going_back_after_an_analysis_after_promotion_is_fast() {
    let mut cluster = deployed(&with(pre(), &post()));
    cluster.set_image("example/app:2");
    cluster.wait(60);
    cluster.set_image("example/app:3");
    cluster.wait(10);
    assert_eq!(cluster.status().stable_rs, Some(cluster.hash(3)));
    let runs = cluster.analysis_runs.len();
    cluster.set_image("example/app:2");
    cluster.wait(0);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.analysis_runs.len(), runs);
}

#[test]
fn a_failed_analysis_after_promotion_switches_back() {
    let mut cluster = deployed(&with(post(), &json!({"abortScaleDownDelaySeconds": 3})));
    cluster.measured("Failed");
    cluster.set_image("example/app:2");
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster.wait(3);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert!(
        cluster.phase().1.contains("post-promotion analysis phase error/failed"),
        "{}",
        cluster.phase().1
    );
    cluster.wait(10);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 0)]));
}

#[test]
fn an_inconclusive_analysis_pauses_and_going_on_makes_another_run() {
    for (strategy, end, active) in [(pre(), "pre", 1), (post(), "post", 2)] {
        let mut cluster = deployed(&strategy);
        cluster.measured("Inconclusive");
        cluster.set_image("example/app:2");
        cluster.wait(30);
        assert_eq!(cluster.phase(), ("Paused", "InconclusiveAnalysisRun"));
        assert_eq!(cluster.active(), cluster.hash(active));
        cluster.measured("Successful");
        cluster.promote();
        cluster.wait(0);
        let second = cluster.run_named(2, &format!("{end}.1"));
        assert_eq!(cluster.phase_of(&second), "Running");
        assert_eq!(cluster.status().pause_conditions, None);
        cluster.wait(4);
        assert_eq!(cluster.phase(), ("Healthy", ""));
    }
}

#[test]
fn going_on_after_an_inconclusive_analysis_approves_nothing() {
    let mut cluster = deployed(&with(pre(), &json!({"autoPromotionEnabled": false})));
    cluster.measured("Inconclusive");
    cluster.set_image("example/app:2");
    cluster.wait(30);
    cluster.measured("Successful");
    cluster.promote();
    cluster.wait(30);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn nothing_old_goes_while_an_analysis_did_not_know() {
    let mut cluster = deployed(&with(post(), &json!({"scaleDownDelaySeconds": 20})));
    cluster.set_image("example/app:2");
    cluster.wait(10);
    cluster.measured("Inconclusive");
    cluster.set_image("example/app:3");
    cluster.wait(300);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 2), (3, 2)]));
}

#[test]
fn without_a_written_delay_nothing_old_goes_before_the_analysis_after_promotion_has_succeeded() {
    for (delay, first) in [(json!(null), 2), (json!(20), 0)] {
        let mut cluster = deployed(&with(post(), &json!({"scaleDownDelaySeconds": delay})));
        cluster.set_image("example/app:2");
        cluster.wait(10);
        cluster.settings.measured = Measured::ForEver;
        cluster.set_image("example/app:3");
        cluster.wait(300);
        assert_eq!(cluster.sizes(), BTreeMap::from([(1, first), (2, 2), (3, 2)]));
    }
}

#[test]
fn an_abort_a_full_promotion_and_a_new_template_end_the_run() {
    for what in ["abort", "full", "template"] {
        let mut cluster = updated(&pre());
        cluster.settings.measured = Measured::ForEver;
        let run = cluster.run_named(2, "pre");
        match what {
            "abort" => cluster.steer(|status| status.abort = Some(true)),
            "full" => cluster.steer(|status| status.promote_full = Some(true)),
            _ => cluster.set_image("example/app:3"),
        }
        cluster.wait(0);
        assert!(cluster.is_ended(&run), "{what}");
        assert_eq!(cluster.phase_of(&run), "Successful", "{what}: whoever measures calls an ended run so");
        assert_eq!(cluster.active() == cluster.hash(2), what == "full", "{what}");
        cluster.wait(30);
        assert_eq!(cluster.active() == cluster.hash(2), what == "full", "{what}");
    }
}

#[test]
fn a_fast_rollback_ends_the_run_and_is_not_analysed() {
    let mut cluster = deployed(&with(pre(), &json!({"scaleDownDelaySeconds": 600})));
    cluster.set_image("example/app:2");
    cluster.wait(10);
    cluster.settings.measured = Measured::ForEver;
    cluster.set_image("example/app:3");
    cluster.wait(5);
    let run = cluster.run_named(3, "pre");
    cluster.set_image("example/app:1");
    cluster.wait(0);
    assert!(cluster.is_ended(&run));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn a_retry_makes_another_run_once_all_pods_are_there() {
    let mut cluster = updated(&with(pre(), &json!({"abortScaleDownDelaySeconds": 3})));
    let first = cluster.run_named(2, "pre");
    cluster.set_run_phase(&first, "Failed", "");
    cluster.wait(30);
    cluster.steer(|status| status.abort = Some(false));
    cluster.wait(1);
    assert_eq!(cluster.analysis_runs.len(), 1, "its pods are not there yet");
    cluster.wait(1);
    assert_eq!(cluster.phase_of(&cluster.run_named(2, "pre.1")), "Running");
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_run_that_was_made_and_not_recorded_is_used() {
    let mut cluster = deployed(&pre());
    cluster.set_image("example/app:2");
    cluster.wait(1);
    cluster.now = crate::seen::after(cluster.now, 1);
    cluster.act();
    let (_, decision) = cluster.decide().expect("accepted");
    let Some(Write::CreateAnalysisRun(new)) = decision.writes.into_iter().next() else { panic!("no run") };
    cluster.create_run(*new);
    assert_eq!(cluster.analysis_runs.len(), 1);
    cluster.wait(5);
    assert_eq!(cluster.analysis_runs.len(), 1);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn a_run_that_was_deleted_is_made_again() {
    let mut cluster = updated(&pre());
    let run = cluster.run_named(2, "pre");
    cluster.analysis_runs.clear();
    cluster.wait(0);
    assert_eq!(cluster.phase_of(&run), "Running");
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_run_that_nobody_measures_is_told_and_the_message_stays() {
    let mut cluster = deployed(&pre());
    cluster.settings.measured = Measured::Never;
    cluster.set_image("example/app:2");
    cluster.wait(11);
    assert_eq!(cluster.condition(keys::ANALYSIS_STALLED), None);
    cluster.wait(1000);
    let (_, reason, message) = cluster.condition(keys::ANALYSIS_STALLED).expect("a condition");
    assert_eq!(reason, "NotMeasured");
    assert!(message.starts_with(&format!("nobody measures AnalysisRun {}", cluster.run_named(2, "pre"))));
    assert_eq!(cluster.phase(), ("Progressing", "active service cutover pending"), "a wait is no failure");
    assert_eq!(cluster.told("AnalysisStalled"), 1);
    cluster.measured("Successful");
    cluster.wait(1);
    assert_eq!(cluster.condition(keys::ANALYSIS_STALLED), None);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn where_runs_cannot_be_read_the_gate_holds_and_says_so() {
    let mut cluster = deployed(&pre());
    cluster.analysis_unreadable = Some("the API server does not know AnalysisRuns".into());
    cluster.set_image("example/app:2");
    cluster.wait(30);
    let (_, reason, _) = cluster.condition(keys::ANALYSIS_STALLED).expect("a condition");
    assert_eq!(reason, "Unreadable");
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.steer(|status| status.promote_full = Some(true));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_template_that_is_missing_is_a_mistake_until_it_is_there() {
    let mut cluster = deployed(&pre());
    let templates = std::mem::take(&mut cluster.analysis_templates);
    cluster.set_image("example/app:2");
    cluster.wait(30);
    let text = "spec.strategy.blueGreen.prePromotionAnalysis.templates: Invalid value: \"works\": AnalysisTemplate \
                'works' not found";
    assert!(cluster.phase().1.contains(text), "{}", cluster.phase().1);
    cluster.analysis_templates = templates;
    cluster.wait(10);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn history_keeps_so_many_runs_of_either_kind_and_none_without_its_replica_set() {
    let mut cluster = deployed(&with(pre(), &json!({"scaleDownDelaySeconds": 0})));
    cluster.edit(|rollout| {
        rollout.spec.analysis =
            Some(json!({"successfulRunHistoryLimit": 2, "unsuccessfulRunHistoryLimit": 1}));
    });
    for (image, phase) in
        [(2, "Successful"), (3, "Failed"), (4, "Error"), (5, "Successful"), (6, "Successful")]
    {
        cluster.measured(phase);
        cluster.set_image(&format!("example/app:{image}"));
        cluster.wait(40);
    }
    // Revision 6 is current; of the others two successful ones are kept, and one that is not.
    let revisions = |cluster: &Cluster| -> Vec<String> {
        let mut all: Vec<String> =
            cluster.analysis_runs.values().filter_map(|run| run.revision.clone()).collect();
        all.sort();
        all
    };
    assert_eq!(revisions(&cluster), ["2", "4", "5", "6"]);
    cluster.edit(|rollout| rollout.spec.revision_history_limit = Some(1));
    cluster.wait(1);
    assert_eq!(revisions(&cluster), ["5", "6"]);
}
