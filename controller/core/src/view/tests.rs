//! Views of the peer's recordings: real objects in every phase of a blue-green update.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

/// The view of a recorded state, as of `now`.
fn view(recording: &str, now: &str) -> RolloutView {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let rollout: Rollout = serde_json::from_value(recording["rollout"].clone()).unwrap();
    RolloutView::new(
        &rollout,
        &all(&recording["replicasets"]),
        &[],
        &all(&recording["services"]),
        now.parse().unwrap(),
    )
}

fn all<T: DeserializeOwned>(list: &Value) -> Vec<T> {
    serde_json::from_value(list.clone()).unwrap()
}

macro_rules! recording {
    ($path:literal) => {
        include_str!(concat!("../../../../tests/fixtures/peer/", $path))
    };
}

#[test]
fn a_paused_update_shows_two_revisions_and_waits_for_someone() {
    let view = view(recording!("manual/02-paused-r2.json"), "2026-11-21T07:04:47Z");
    assert_eq!(
        (view.phase.as_str(), view.icon, view.message.as_str()),
        ("Paused", Icon::Paused, "BlueGreenPause")
    );
    let revisions: Vec<_> =
        view.replica_sets().map(|set| (set.revision, set.info(), set.age.as_str())).collect();
    assert_eq!(revisions, [(2, "preview".to_owned(), "40s"), (1, "stable,active".to_owned(), "42s")]);
    assert_eq!(view.current, Some(Version { hash: "54bc99754".into(), revision: 2 }));
    assert_eq!(view.waiting_for, ["revision 2 waits for someone to promote it"]);
    let services: Vec<_> = view.services.iter().map(|service| (service.role, service.revision)).collect();
    assert_eq!(services, [(Role::Active, Some(1)), (Role::Preview, Some(2))]);
    assert!(view.actions.promote.possible && view.actions.abort.possible && !view.actions.retry.possible);
    let tags: Vec<_> = view.images.iter().map(|image| (image.image.as_str(), image.tags.clone())).collect();
    assert_eq!(
        tags,
        [("example/app:1", vec![Tag::Stable, Tag::Active]), ("example/app:2", vec![Tag::Preview])]
    );
}

#[test]
fn a_pause_with_a_timer_says_how_long_it_lasts() {
    let view = view(recording!("seconds/02-paused-r2.json"), "2026-11-21T07:04:47Z");
    assert_eq!(view.waiting_for.len(), 1, "{:?}", view.waiting_for);
    assert!(
        view.waiting_for[0].starts_with("revision 2 is promoted by itself in "),
        "{:?}",
        view.waiting_for
    );
}

#[test]
fn a_promoted_version_has_nothing_left_to_promote_or_abort() {
    let view = view(recording!("manual/03-promoted-r2-old-warm.json"), "2026-11-21T07:04:12Z");
    assert_eq!(view.phase, Phase::Healthy);
    assert_eq!(view.waiting_for, Vec::<String>::new());
    assert!(
        !view.actions.promote.possible && !view.actions.abort.possible && !view.actions.promote_full.possible
    );
    let old = view.replica_sets().find(|set| set.revision == 1).unwrap();
    assert!(old.can_roll_back && old.warm);
    assert!(old.scale_down.as_ref().is_some_and(|scale_down| !scale_down.passed), "{:?}", old.scale_down);
}

#[test]
fn an_aborted_update_can_be_retried() {
    let view = view(recording!("abort/03-aborted.json"), "2026-11-21T07:10:00Z");
    assert_eq!(view.phase, Phase::Degraded);
    assert!(view.message.starts_with("RolloutAborted: "), "{}", view.message);
    assert!(view.actions.retry.possible && !view.actions.promote.possible && !view.actions.abort.possible);
    assert_eq!(view.waiting_for, ["revision 2 was aborted: retry it, roll back, or apply another template"]);
}

#[test]
fn a_missing_service_is_what_it_waits_for() {
    let view = view(recording!("invalid/01-no-active-service.json"), "2026-11-21T07:10:00Z");
    assert_eq!(view.phase, Phase::Degraded);
    assert!(view.waiting_for[0].contains("app-active"), "{:?}", view.waiting_for);
    assert_eq!(view.revisions, []);
}
