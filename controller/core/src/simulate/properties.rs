//! What holds in every state that users, crashes and a faulty cluster can lead to.

mod acting;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use verdigris_crds::keys;

use super::tests::shop;
use super::*;
use crate::approval::Approval;
use crate::injected;

use self::acting::approve;
pub(super) use self::acting::carry_out;

/// Something that users or the world do.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Image(&'static str),
    /// A new image, and time for its pods.
    Update(&'static str),
    /// An approval of the current version, and time for the switch.
    Promote,
    /// A new image, an approval, and time until the version before is gone.
    Release(&'static str),
    DropService(&'static str),
    ClearPause,
    Approve {
        stale: bool,
    },
    PromoteFull,
    Abort,
    Retry,
    Scale(i32),
    Pause(bool),
    PreviewWhenReady(bool),
    /// `restartAt`, so many seconds from now.
    Restart(i64),
    /// `minAvailable` of a PodDisruptionBudget.
    Budget(usize),
    Strategy(&'static str),
    /// Fields beside the strategy.
    Spec(&'static str),
    /// Somebody edits a Service: `None` strips the hash, `Some` points it at some ReplicaSet.
    Selector(&'static str, Option<Index>),
    NewService(&'static str),
    BreakPods(Index, usize),
    DeleteSet(Index),
    StripAnnotation(Index, &'static str),
    LoseStatus,
    Endpoints {
        readable: bool,
        follow: bool,
    },
    /// The template moves into a Deployment with so many pods.
    Reference(i32, &'static str),
    /// A GitOps tool scales that Deployment.
    ScaleDeployment(i32),
    /// The Deployment is deleted, or may not be read any more.
    LoseDeployment(bool),
    /// It is there again.
    FindDeployment,
    /// How runs are measured from now on.
    Measured(&'static str),
    /// Somebody writes the phase of a run.
    Phase(Index, &'static str),
    DeleteRun(Index),
    /// Somebody takes all templates away, or brings them back.
    Templates(bool),
    /// Another Rollout names this Service, or does no more.
    Neighbour(&'static str, bool),
    /// The controller dies after so many writes of a pass.
    Crash(usize),
    Wait(i64),
}

const SPECS: [&str; 6] = [
    r#"{"analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 0}}"#,
    r#"{"rollbackWindow": {"revisions": 1}}"#,
    r#"{"rollbackWindow": {"revisions": 3}}"#,
    r#"{"progressDeadlineSeconds": 20, "progressDeadlineAbort": true}"#,
    r#"{"progressDeadlineSeconds": 5, "progressDeadlineAbort": null, "minReadySeconds": 3}"#,
    r#"{"rollbackWindow": null, "progressDeadlineSeconds": null, "minReadySeconds": null}"#,
];

const STRATEGIES: [&str; 13] = [
    r#"{}"#,
    r#"{"autoPromotionEnabled": null}"#,
    r#"{"autoPromotionEnabled": null, "autoPromotionSeconds": 20}"#,
    r#"{"scaleDownDelaySeconds": 0, "abortScaleDownDelaySeconds": 0}"#,
    r#"{"scaleDownDelayRevisionLimit": 1, "previewService": null}"#,
    r#"{"scaleDownDelayRevisionLimit": 0, "abortScaleDownDelaySeconds": 3}"#,
    r#"{"previewReplicaCount": 1, "scaleDownDelaySeconds": 40}"#,
    r#"{"activeMetadata": {"labels": {"role": "active"}}, "previewMetadata": {"labels": {"role": "preview"},
        "annotations": {"note": "new"}}, "antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}"#,
    r#"{"activeMetadata": {"annotations": {"note": "all"}}, "autoPromotionEnabled": null, "previewReplicaCount": 1,
        "antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 5}}}"#,
    r#"{"maxUnavailable": "70%", "autoPromotionEnabled": null, "scaleDownDelaySeconds": 40}"#,
    r#"{"previewReplicaCount": 0, "autoPromotionEnabled": null}"#,
    r#"{"previewReplicaCount": 1, "autoPromotionEnabled": null, "autoPromotionSeconds": 20}"#,
    r#"{"activeService": "other-active"}"#,
];

pub(super) const ANALYSES: [&str; 5] = [
    r#"{"prePromotionAnalysis": {"templates": [{"templateName": "works"}]}}"#,
    r#"{"autoPromotionEnabled": null, "prePromotionAnalysis": {"templates": [{"templateName": "works"}]},
        "postPromotionAnalysis": {"templates": [{"templateName": "works"}]}}"#,
    r#"{"postPromotionAnalysis": {"templates": [{"templateName": "works"}]}, "scaleDownDelaySeconds": null}"#,
    r#"{"autoPromotionEnabled": null, "autoPromotionSeconds": 20, "scaleDownDelaySeconds": 0,
        "postPromotionAnalysis": {"templates": [{"templateName": "works"}]}}"#,
    r#"{"previewReplicaCount": 1, "prePromotionAnalysis": {"templates": [{"templateName": "works"}]}}"#,
];

pub(super) fn action() -> impl Strategy<Value = Action> {
    let index = any::<Index>;
    let image =
        || prop::sample::select(vec!["example/app:1", "example/app:2", "example/app:3", "example/app:bad"]);
    let wait = prop::sample::select(vec![0, 1, 3, 7, 31, 40, 65, 90, 650]);
    let service = || prop::sample::select(vec!["app-active", "app-preview"]);
    let annotation = prop::sample::select(vec![
        keys::TEMPLATE_SHA256,
        keys::IMAGES_SHA256,
        keys::REVISION,
        keys::SCALE_DOWN_DEADLINE,
        keys::DESIRED_REPLICAS,
        keys::FORMERLY_STABLE,
        keys::ONCE_STABLE,
    ]);
    prop_oneof![
        4 => image().prop_map(Action::Image),
        14 => image().prop_map(Action::Update),
        10 => Just(Action::Promote),
        9 => image().prop_map(Action::Release),
        3 => Just(Action::ClearPause),
        3 => any::<bool>().prop_map(|stale| Action::Approve { stale }),
        1 => Just(Action::PromoteFull),
        3 => Just(Action::Abort),
        2 => Just(Action::Retry),
        2 => (0..4_i32).prop_map(Action::Scale),
        4 => any::<bool>().prop_map(Action::Pause),
        2 => any::<bool>().prop_map(Action::PreviewWhenReady),
        3 => (-2..30_i64).prop_map(Action::Restart),
        2 => (0..4_usize).prop_map(Action::Budget),
        1 => strategies().prop_map(Action::Strategy),
        5 => prop::sample::select(SPECS.to_vec()).prop_map(Action::Spec),
        4 => (service(), prop::option::of(index())).prop_map(|(name, at)| Action::Selector(name, at)),
        1 => service().prop_map(Action::NewService),
        2 => (index(), 0..4_usize).prop_map(|(at, broken)| Action::BreakPods(at, broken)),
        1 => index().prop_map(Action::DeleteSet),
        1 => (index(), annotation).prop_map(|(at, key)| Action::StripAnnotation(at, key)),
        1 => Just(Action::LoseStatus),
        4 => (any::<bool>(), any::<bool>())
            .prop_map(|(readable, follow)| Action::Endpoints { readable, follow }),
        4 => prop::sample::select(vec!["", "Running", "Successful", "Failed", "Error", "Inconclusive"])
            .prop_map(Action::Measured),
        7 => (index(), prop::sample::select(vec!["Successful", "Failed", "Inconclusive", "x"]))
            .prop_map(|(at, phase)| Action::Phase(at, phase)),
        1 => index().prop_map(Action::DeleteRun),
        1 => any::<bool>().prop_map(Action::Templates),
        3 => (0..4_usize).prop_map(Action::Crash),
        1 => service().prop_map(Action::DropService),
        2 => (prop::sample::select(vec!["app-active", "app-preview", "other-active"]), any::<bool>())
            .prop_map(|(name, names)| Action::Neighbour(name, names)),
        3 => (0..4_i32, prop::sample::select(vec!["never", "onsuccess", "progressively"]))
            .prop_map(|(pods, mode)| Action::Reference(pods, mode)),
        3 => (0..4_i32).prop_map(Action::ScaleDeployment),
        3 => any::<bool>().prop_map(Action::LoseDeployment),
        2 => Just(Action::FindDeployment),
        8 => wait.prop_map(Action::Wait),
    ]
}

/// Plays the actions; after some of them the controller gets to rest, after others the next comes too soon.
pub(super) fn played(strategy: &str, actions: &[(Action, bool)]) -> Result<Cluster, TestCaseError> {
    let mut cluster = shop(&serde_json::from_str(strategy).expect("JSON"));
    cluster.add_service("other-active");
    let created = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(cluster.now);
    cluster.rollout.metadata.creation_timestamp = Some(created);
    cluster.run(5).map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
    for (action, rest) in actions {
        let result = carry_out(&mut cluster, action);
        let result = result.and_then(|()| if *rest { cluster.settle().map(|_| ()) } else { Ok(()) });
        result.map_err(|stopped| TestCaseError::fail(format!("{action:?}: {stopped}")))?;
    }
    Ok(cluster)
}

pub(super) fn histories() -> impl Strategy<Value = (&'static str, Vec<(Action, bool)>)> {
    histories_of(strategies())
}

fn strategies() -> impl Strategy<Value = &'static str> {
    prop::sample::select([STRATEGIES.as_slice(), ANALYSES.as_slice()].concat())
}

pub(super) fn histories_of(
    strategy: impl Strategy<Value = &'static str>,
) -> impl Strategy<Value = (&'static str, Vec<(Action, bool)>)> {
    (strategy, prop::collection::vec((action(), prop::bool::weighted(0.8)), 0..16))
}

fn settled(cluster: &mut Cluster) -> Result<Option<Timestamp>, TestCaseError> {
    cluster.settle().map_err(|stopped| TestCaseError::fail(stopped.to_string()))
}

/// Faults end, and time passes.
fn fair(mut cluster: Cluster, seconds: i64) -> Result<Cluster, TestCaseError> {
    cluster.settings = Settings { never_ready: String::new(), ..Settings::default() };
    let sets: Vec<String> = cluster.replica_sets.keys().cloned().collect();
    for set in sets {
        cluster.break_pods(&set, 0);
    }
    cluster.edit(|rollout| rollout.spec.paused = None);
    cluster.find_workload();
    cluster.analysis_templates = shop(&json!({})).analysis_templates;
    cluster.neighbours.clear();
    for name in ["app-active", "app-preview", "other-active"] {
        if !cluster.services.contains_key(name) {
            cluster.add_service(name);
        }
    }
    cluster.run(seconds).map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
    Ok(cluster)
}

/// Pods of what the active Service selects never go below what is desired by a write of ours, and no write changes
/// nothing: the safety kernel and `settle` check the rest.
fn is_quiet_and_safe(cluster: &Cluster) -> Result<(), TestCaseError> {
    let (observed, decision) =
        cluster.decide().map_err(|refused| TestCaseError::fail(refused.to_string()))?;
    prop_assert!(decision.writes.is_empty(), "{:?}", decision.writes);
    prop_assert!(decision.events.is_empty(), "{:?}", decision.events);
    prop_assert_eq!(Some(&decision.status), observed.rollout.status.as_ref());
    let bare = |(name, template): (&String, &Value)| {
        let worn = worn(cluster, name, keys::EPHEMERAL_METADATA);
        without_hash(&injected::without(template, &worn))
    };
    let templates: BTreeSet<_> = cluster.templates.iter().map(bare).collect();
    prop_assert_eq!(templates.len(), cluster.templates.len(), "two ReplicaSets for one template");
    for (name, pods) in cluster.pods.iter().filter(|(name, _)| cluster.replica_sets.contains_key(*name)) {
        let worn = worn(cluster, name, keys::EPHEMERAL_METADATA).labels;
        let visited = !cluster.replica_sets[name].annotations.contains_key(keys::FORMER_METADATA);
        let role = |pod: &Pod| pod.labels.get("role") == worn.get("role");
        prop_assert!(!visited || pods.iter().all(role), "{} is to have {:?}: {:?}", name, worn, pods);
    }
    Ok(())
}

fn worn(cluster: &Cluster, replica_set: &str, key: &str) -> injected::Worn {
    let annotations = cluster.replica_sets.get(replica_set).map(|seen| seen.annotations.clone());
    injected::Worn::recorded(&annotations.unwrap_or_default(), key)
}

fn without_hash(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
    template.to_string()
}

/// `PROPTEST_CASES` asks for more cases than the few that every run can afford.
pub(super) fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Fixpoint, and the guard accepts every prefix: applying decisions at one moment comes to rest, from anywhere.
    #[test]
    fn fixpoint((strategy, actions) in histories()) {
        let mut cluster = played(strategy, &actions)?;
        settled(&mut cluster)?;
        is_quiet_and_safe(&cluster)?;
    }

    /// At rest, no moment before `look_again` changes anything.
    #[test]
    fn look_again((strategy, actions) in histories(), part in 0.0..1.0_f64) {
        let mut cluster = played(strategy, &actions)?;
        settled(&mut cluster)?;
        let (_, decision) = cluster.decide().map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        // Pods that get ready meanwhile are a change, and an event in life.
        let until = [decision.look_again, cluster.next_move()].into_iter().flatten().min();
        let until = until.unwrap_or_else(|| after(cluster.now, 100_000));
        prop_assert!(until > cluster.now, "{until} is not after {}", cluster.now);
        let span = until.as_second() - cluster.now.as_second();
        #[expect(clippy::cast_possible_truncation, reason = "a fraction of a span")]
        let part = (span as f64 * part) as i64;
        for seconds in [1, part, span - 1] {
            if (0..span).contains(&seconds) {
                let mut later = cluster.clone();
                later.now = after(cluster.now, seconds);
                is_quiet_and_safe(&later)?;
            }
        }
    }

    /// A crash after any of the writes of a pass leads to the same end as none.
    #[test]
    fn crashes_change_nothing((strategy, actions) in histories(), last in action()) {
        let mut cluster = played(strategy, &actions)?;
        carry_out(&mut cluster, &last).map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
        let (_, decision) = cluster.decide().map_err(|refused| TestCaseError::fail(refused.to_string()))?;
        let end = |cluster: &Cluster| {
            (cluster.phase().0.to_owned(), cluster.active().to_owned(), cluster.sizes(), cluster.current())
        };
        let mut unharmed = cluster.clone();
        settled(&mut unharmed)?;
        for writes in 0..decision.writes.len() {
            let mut crashed = cluster.clone();
            crashed.carry_out_some(decision.clone(), writes);
            settled(&mut crashed)?;
            prop_assert_eq!(end(&crashed), end(&unharmed), "crash after {} of {:?}", writes, decision.writes);
        }
    }

    /// In a fair cluster every wish leads to Healthy, Degraded or Paused, in bounded time.
    #[test]
    fn liveness((strategy, actions) in histories(), wish in 0..6_usize) {
        let mut cluster = fair(played(strategy, &actions)?, 0)?;
        match wish {
            0 => cluster.promote(),
            1 => approve(&mut cluster, false),
            2 => cluster.steer(|status| status.abort = Some(true)),
            3 => cluster.steer(|status| status.abort = Some(false)),
            4 => cluster.steer(|status| status.promote_full = Some(true)),
            _ => cluster.set_image("example/app:9"),
        }
        let cluster = fair(cluster, 200)?;
        let (phase, message) = cluster.phase();
        prop_assert!(["Healthy", "Degraded", "Paused"].contains(&phase), "{phase}: {message}");
    }

    /// An abort ends on the stable version, whenever that has pods.
    #[test]
    fn an_abort_ends_on_the_stable_version((strategy, actions) in histories()) {
        let mut cluster = fair(played(strategy, &actions)?, 0)?;
        let status = cluster.rollout.status.clone().unwrap_or_default();
        let stable = status.stable_rs.clone();
        let exists = cluster.replica_sets.values().any(|seen| seen.hash("app") == stable.as_deref());
        let in_update = status.current_pod_hash != stable && status.promote_full != Some(true);
        cluster.steer(|status| status.abort = Some(true));
        let cluster = fair(cluster, 200)?;
        if exists && in_update && cluster.rollout.spec.replicas != Some(0) {
            prop_assert_eq!(Some(cluster.active()), stable.as_deref());
        }
    }

    /// Nothing passes the manual gate unasked.
    #[test]
    fn nothing_is_promoted_unasked(actions in prop::collection::vec((action(), any::<bool>()), 0..14)) {
        let asks = |action: &Action| matches!(action, Action::ClearPause | Action::Approve { .. }
            | Action::Promote | Action::Release(_) | Action::PromoteFull | Action::Strategy(_) | Action::LoseStatus | Action::DeleteSet(_));
        let actions: Vec<_> = actions.into_iter().filter(|(action, _)| !asks(action)).collect();
        let mut cluster = shop(&json!({}));
        cluster.run(5).expect("deploy");
        let first = cluster.active().to_owned();
        for (action, _) in &actions {
            carry_out(&mut cluster, action).map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
        }
        let cluster = fair(cluster, 200)?;
        if cluster.rollout.spec.replicas != Some(0) {
            prop_assert_eq!(cluster.active(), first);
        }
    }
}
