//! Answers about the peer's recordings: real objects in every phase.

use serde_json::Value;

use super::*;
use crate::view::tests::view;

/// The answer about a recorded state, as of `now`.
fn why(recording: &str, now: &str) -> Why {
    Why::of(&view(recording, now))
}

macro_rules! recording {
    ($path:literal) => {
        include_str!(concat!("../../../../../tests/fixtures/peer/", $path))
    };
}

fn commands(why: &Why) -> Vec<&str> {
    why.you_can.iter().map(|choice| choice.command.as_str()).collect()
}

fn next(why: &Why) -> Vec<(Option<&str>, &str)> {
    why.next.iter().map(|next| (next.when.as_deref(), next.what.as_str())).collect()
}

#[test]
fn a_manual_gate_needs_somebodys_yes() {
    let why = why(recording!("manual/02-paused-r2.json"), "2026-11-21T07:04:47Z");
    assert_eq!(why.phase, "Paused: BlueGreenPause");
    assert_eq!(why.stands.len(), 2);
    assert!(
        why.stands[0].starts_with("active service app-active sends traffic to revision 1 ("),
        "{:?}",
        why.stands
    );
    assert_eq!(why.blocked_by, ["revision 2 waits for someone to promote it"]);
    assert_eq!(next(&why), [(None, "nothing by itself: revision 2 needs somebody's yes")]);
    assert_eq!(commands(&why), ["promote app", "promote --full app", "abort app", "undo app"]);
}

#[test]
fn a_timed_gate_says_when_it_opens() {
    let why = why(recording!("seconds/02-paused-r2.json"), "2026-11-21T07:04:41Z");
    let next = next(&why);
    assert!(
        next.iter().any(|(when, what)| when.is_some() && *what == "the new version is promoted"),
        "{next:?}"
    );
    assert_eq!(next.len(), 1, "{next:?}");
}

#[test]
fn an_aborted_update_stays_so_until_somebody_acts() {
    let why = why(recording!("abort/03-aborted.json"), "2026-11-21T07:10:00Z");
    assert_eq!(next(&why).last(), Some(&(None, "nothing: revision 2 stays aborted until somebody acts")));
    assert!(commands(&why).contains(&"retry rollout app") && !commands(&why).contains(&"abort app"));
}

#[test]
fn after_a_promotion_only_the_old_version_is_still_to_go() {
    let why = why(recording!("manual/03-promoted-r2-old-warm.json"), "2026-11-21T07:04:12Z");
    assert_eq!(why.blocked_by, Vec::<String>::new());
    assert_eq!(next(&why).iter().map(|(_, what)| *what).collect::<Vec<_>>(), ["revision 1 is scaled down"]);
    assert_eq!(commands(&why), ["undo app"]);
}

#[test]
fn an_analysis_is_what_comes_next_depends_on() {
    let before = why(recording!("analysis/02-pre-running.json"), "2026-11-21T07:07:20Z");
    let what = "if its analysis succeeds, revision 2 goes on; if it fails, the update is aborted";
    assert_eq!(next(&before), [(None, what)]);
    let after = why(recording!("analysis/03-switched-post-running.json"), "2026-11-21T07:07:20Z");
    let what =
        "if its analysis succeeds, revision 2 becomes the stable version; if it fails, traffic goes back";
    assert!(next(&after).contains(&(None, what)), "{:?}", after.next);
}

#[test]
fn each_question_has_an_answer() {
    let healthy = why(recording!("manual/01-healthy-r1.json"), "2026-11-21T07:04:47Z");
    let answers = healthy.answers("kubectl rollouts", "");
    let text = |text: &str| vec![Line::Text(text.to_owned())];
    assert_eq!(answers.each_ref().map(|answer| answer.heading), ["Stands", "Blocked by", "Next", "You can"]);
    assert_eq!(answers[1].lines, text("nothing"));
    assert_eq!(answers[2].lines, text("nothing: it is where its spec wants it"));
    assert_eq!(answers[3].lines, text("apply another template to begin an update"));
    let stopped = {
        let mut recording: Value = serde_json::from_str(recording!("manual/01-healthy-r1.json")).unwrap();
        recording["rollout"]["spec"]["paused"] = true.into();
        why(&recording.to_string(), "2026-11-21T07:04:47Z")
    };
    assert_eq!(next(&stopped), [(None, "nothing, until spec.paused is false")]);
    assert_eq!(commands(&stopped), ["promote app"]);
    assert_eq!(stopped.you_can[0].effect, "set spec.paused to false");
    let invalid = why(recording!("invalid/01-no-active-service.json"), "2026-11-21T07:10:00Z");
    let [.., you_can] = invalid.answers("kubectl rollouts", "");
    assert_eq!(you_can.lines, text("apply a spec without this mistake: it is acted on at once"));
    assert_eq!(next(&invalid), [(None, "nothing, until its spec is right")]);
    assert_eq!(invalid.phase, "Degraded: InvalidSpec", "the mistake itself is what blocks it");
    let paused = why(recording!("manual/02-paused-r2.json"), "2026-11-21T07:04:47Z");
    let [.., you_can] = paused.answers("kubectl rollouts", "-n shop");
    let first = Line::Command {
        typed: "kubectl rollouts promote app -n shop".to_owned(),
        effect: "let revision 2 go on; asked early, it is remembered".to_owned(),
    };
    assert_eq!(you_can.lines[0], first);
}
