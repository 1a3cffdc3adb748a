//! Views of the peer's recordings: real objects in every phase of a blue-green update.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

/// The view of a recorded state, as of `now`.
pub(super) fn view(recording: &str, now: &str) -> RolloutView {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let rollout: Rollout = serde_json::from_value(recording["rollout"].clone()).unwrap();
    let (replica_sets, services) = (all(&recording["replicasets"]), all(&recording["services"]));
    let runs = recording["analysisruns"].as_array().into_iter().flatten();
    let analysis_runs: Vec<AnalysisRun> = runs
        .map(|run| AnalysisRun::new(serde_json::from_value(run["metadata"].clone()).unwrap(), run.clone()))
        .collect();
    let around = Around {
        replica_sets: &replica_sets,
        services: &services,
        analysis_runs: &analysis_runs,
        ..Around::default()
    };
    RolloutView::new(&rollout, &around, now.parse().unwrap())
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

/// A pod of one of the recorded ReplicaSets.
fn pod(name: &str, set: &Value, ready: bool) -> Pod {
    let ready = if ready { "True" } else { "False" };
    serde_json::from_value(serde_json::json!({
        "metadata": {
            "name": name, "namespace": set["metadata"]["namespace"], "labels": set["metadata"]["labels"],
            "creationTimestamp": "2026-11-21T07:04:07Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": set["metadata"]["uid"]}],
        },
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }))
    .unwrap()
}

#[test]
fn each_service_shows_the_pods_that_its_selector_matches() {
    let recording: Value = serde_json::from_str(recording!("manual/02-paused-r2.json")).unwrap();
    let rollout: Rollout = serde_json::from_value(recording["rollout"].clone()).unwrap();
    let (new, old) = (&recording["replicasets"][0], &recording["replicasets"][1]);
    let pods = [pod("new-1", new, true), pod("old-1", old, true), pod("old-2", old, false)];
    let mut services: Vec<Service> = all(&recording["services"]);
    let now = "2026-11-21T07:04:47Z".parse().unwrap();
    let selected = |services: &[Service]| -> Vec<(Role, Vec<(String, bool)>)> {
        let replica_sets: Vec<ReplicaSet> = all(&recording["replicasets"]);
        let around = Around { replica_sets: &replica_sets, pods: &pods, services, ..Around::default() };
        let view = RolloutView::new(&rollout, &around, now);
        let pods =
            |service: &ServiceView| service.pods.iter().map(|pod| (pod.name.clone(), pod.ready)).collect();
        view.services.iter().map(|service| (service.role, pods(service))).collect()
    };
    let pod = |name: &str, ready: bool| (name.to_owned(), ready);
    let active = vec![pod("old-1", true), pod("old-2", false)];
    assert_eq!(selected(&services), [(Role::Active, active), (Role::Preview, vec![pod("new-1", true)])]);

    // Somebody took the hash away: both stacks serve, and the picture must not hide it.
    services[0].spec.as_mut().unwrap().selector.as_mut().unwrap().remove(keys::POD_TEMPLATE_HASH);
    let both = vec![pod("new-1", true), pod("old-1", true), pod("old-2", false)];
    assert_eq!(selected(&services)[0], (Role::Active, both));
}

#[test]
fn of_many_pods_in_trouble_a_few_are_named() {
    let recording: Value = serde_json::from_str(recording!("manual/02-paused-r2.json")).unwrap();
    let rollout: Rollout = serde_json::from_value(recording["rollout"].clone()).unwrap();
    let mut replica_sets: Vec<ReplicaSet> = all(&recording["replicasets"]);
    replica_sets[0].status.as_mut().unwrap().available_replicas = Some(0);
    let pods: Vec<Pod> =
        (0..7).map(|number| pod(&format!("new-{number}"), &recording["replicasets"][0], false)).collect();
    let around = Around { replica_sets: &replica_sets, pods: &pods, ..Around::default() };
    let view = RolloutView::new(&rollout, &around, "2026-11-21T07:04:47Z".parse().unwrap());
    assert_eq!(view.waiting_for.len(), 8, "{:?}", view.waiting_for);
    assert_eq!(view.waiting_for[2], "pod new-0: Running, 0 of 1 containers ready");
    assert_eq!(view.waiting_for[7], "2 more pods are not ready");
}

#[test]
fn what_the_controller_says_of_itself_is_what_it_waits_for() {
    let mut recording: Value = serde_json::from_str(recording!("manual/02-paused-r2.json")).unwrap();
    let conditions = recording["rollout"]["status"]["conditions"].as_array_mut().unwrap();
    for (type_, status, reason, message) in [
        (keys::APPROVAL_CONDITION, "False", "Refused", "Approval refused: it names revision 1"),
        (
            keys::NOT_HONOURED,
            "True",
            "NotHonoured",
            "not honoured by this version of Verdigris: spec.analysis",
        ),
        (keys::TRAFFIC_SWITCHED, "True", "Switched", "is not a reason to wait"),
    ] {
        conditions.push(serde_json::json!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": "2026-11-21T07:04:07Z", "lastTransitionTime": "2026-11-21T07:04:07Z",
        }));
    }
    let view = view(&recording.to_string(), "2026-11-21T07:04:47Z");
    let expected = [
        "revision 2 waits for someone to promote it",
        "Approval refused: it names revision 1",
        "not honoured by this version of Verdigris: spec.analysis",
    ];
    assert_eq!(view.waiting_for, expected);
}

#[test]
fn an_analysis_stands_under_its_revision_and_is_what_the_update_waits_for() {
    let running = view(recording!("analysis/02-pre-running.json"), "2026-11-21T07:07:20Z");
    let runs: Vec<_> =
        running.analysis_runs().map(|run| (run.name.as_str(), run.revision, run.awaited)).collect();
    assert_eq!(runs, [("app-54bc99754-2-pre", 2, true)]);
    assert_eq!(
        running.waiting_for,
        [
            "revision 2 waits for its pre-promotion analysis app-54bc99754-2-pre: Running, nothing measured yet"
        ]
    );
    let jobs: Vec<_> = running.analysis_runs().flat_map(|run| &run.jobs).collect();
    assert_eq!((jobs.len(), jobs[0].phase.as_str(), jobs[0].age.as_str()), (1, "Running", "7s"));

    let failed = view(recording!("analysis/04-post-failed-switched-back.json"), "2026-11-21T07:07:30Z");
    let runs: Vec<_> =
        failed.analysis_runs().map(|run| (run.moment, run.phase.as_str(), run.counts.info())).collect();
    let expected =
        [("pre-promotion", "Successful", "✔ 1".to_owned()), ("post-promotion", "Failed", "✖ 1".to_owned())];
    assert_eq!(runs, expected);
    assert_eq!(
        failed.waiting_for,
        [
            "revision 2 was aborted: retry it, roll back, or apply another template",
            "its post-promotion analysis app-54bc99754-2-post came to Failed"
        ]
    );
    let moments: Vec<_> = failed.timeline.iter().map(|moment| moment.what.as_str()).collect();
    assert!(moments.contains(&"post-promotion analysis of revision 2: Failed"), "{moments:?}");
}

#[test]
fn a_run_whose_replica_set_is_gone_still_shows_its_revision() {
    let mut recording: Value =
        serde_json::from_str(recording!("analysis/04-post-failed-switched-back.json")).unwrap();
    recording["replicasets"].as_array_mut().unwrap().retain(|set| set["metadata"]["name"] != "app-54bc99754");
    let view = view(&recording.to_string(), "2026-11-21T07:07:30Z");
    let revisions: Vec<_> = view
        .revisions
        .iter()
        .map(|revision| (revision.number, revision.replica_sets.len(), revision.analysis_runs.len()))
        .collect();
    assert_eq!(revisions, [(2, 0, 2), (1, 1, 0)]);
}

#[test]
fn a_view_can_be_sent_to_a_browser() {
    let view = view(recording!("manual/02-paused-r2.json"), "2026-11-21T07:04:47Z");
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["phase"], "Paused");
    assert_eq!(json["revisions"][0]["replicaSets"][0]["tags"][0], "preview");
    assert_eq!(json["services"][0]["role"], "active");
}
