//! What each verb writes, on the peer's recordings. The bodies are the peer's, and our approval beside them.

use k8s_openapi::api::apps::v1::ReplicaSet;
use serde_json::Value;

use super::*;

macro_rules! recording {
    ($path:literal) => {
        World::of(include_str!(concat!("../../../../tests/fixtures/peer/", $path)))
    };
}

/// A recorded state.
struct World {
    rollout: Rollout,
    replica_sets: Vec<Value>,
}

impl World {
    fn of(recording: &str) -> Self {
        let recording: Value = serde_json::from_str(recording).unwrap();
        Self {
            rollout: serde_json::from_value(recording["rollout"].clone()).unwrap(),
            replica_sets: recording["replicasets"].as_array().unwrap().clone(),
        }
    }

    fn paused_by_spec(mut self) -> Self {
        self.rollout.spec.paused = Some(true);
        self
    }

    fn with_newer_spec(mut self) -> Self {
        self.rollout.metadata.generation = self.rollout.metadata.generation.map(|generation| generation + 1);
        self
    }

    /// Before the controller has paused it.
    fn not_paused_yet(mut self) -> Self {
        let status = self.rollout.status.as_mut().unwrap();
        (status.pause_conditions, status.controller_pause) = (None, None);
        self
    }

    fn canary(mut self, spec: &Value, status: &Value) -> Self {
        let mut value = serde_json::to_value(&self.rollout).unwrap();
        value["spec"]["strategy"] = json!({ "canary": spec });
        for (key, field) in status.as_object().unwrap() {
            value["status"][key] = field.clone();
        }
        self.rollout = serde_json::from_value(value).unwrap();
        self
    }

    fn current(&self) -> Option<Version> {
        let sets: Vec<ReplicaSet> =
            self.replica_sets.iter().map(|set| serde_json::from_value(set.clone()).unwrap()).collect();
        current_version(&self.rollout, &sets)
    }

    fn promote(&self, asked: &Promote) -> Result<Plan, Refusal> {
        promote(&self.rollout, self.current().as_ref(), asked, &anna())
    }

    fn undo(&self, asked: Undo) -> Result<Plan, Refusal> {
        let past: Vec<Past> =
            self.replica_sets.iter().filter_map(|set| Past::of(&self.rollout, set)).collect();
        undo(&self.rollout, &past, asked, &anna())
    }
}

fn anna() -> Who {
    Who {
        user: Some("anna".into()),
        by: "kubectl-rollouts".into(),
        now: "2026-11-21T08:00:00.25Z".parse().unwrap(),
    }
}

/// Kind, target and body of each patch.
fn writes(plan: &Plan) -> Vec<(PatchKind, Target, Value)> {
    plan.patches.iter().map(|patch| (patch.kind, patch.target.clone(), patch.body.clone())).collect()
}

const APPROVAL_OF_R2: &str = "{\"hash\":\"54bc99754\",\"revision\":2,\"user\":\"anna\",\"at\":\"2026-11-21T08:00:00Z\",\
                              \"by\":\"kubectl-rollouts\"}";

fn approval_write(world: &World) -> (PatchKind, Target, Value) {
    let metadata = json!({
        "resourceVersion": world.rollout.metadata.resource_version,
        "annotations": {"verdigris.dev/approval": APPROVAL_OF_R2},
    });
    (PatchKind::Merge, Target::Rollout, json!({ "metadata": metadata }))
}

fn status_write(status: &Value) -> (PatchKind, Target, Value) {
    (PatchKind::Merge, Target::Status, json!({ "status": status }))
}

/// The peer's write, for this version only.
fn guarded_write(changes: &[Value]) -> (PatchKind, Target, Value) {
    let mut body = vec![json!({"op": "test", "path": "/status/currentPodHash", "value": "54bc99754"})];
    body.extend_from_slice(changes);
    (PatchKind::Json, Target::Status, body.into())
}

fn clear_pause_write() -> (PatchKind, Target, Value) {
    guarded_write(&[
        json!({"op": "test", "path": "/status/pauseConditions/0/reason", "value": "BlueGreenPause"}),
        json!({"op": "remove", "path": "/status/pauseConditions"}),
    ])
}

fn unpause_write() -> (PatchKind, Target, Value) {
    (PatchKind::Merge, Target::Rollout, json!({"spec": {"paused": false}}))
}

#[test]
fn promote_approves_the_version_then_clears_the_pause() {
    let world = recording!("manual/02-paused-r2.json");
    let plan = world.promote(&Promote::default()).unwrap();
    assert_eq!(writes(&plan), [approval_write(&world), clear_pause_write()]);
    assert_eq!((plan.done.as_str(), plan.notes.len()), ("rollout 'app' promoted", 0));
}

#[test]
fn promote_also_lifts_the_pause_of_the_spec_and_that_last() {
    let world = recording!("manual/02-paused-r2.json").paused_by_spec();
    let plan = world.promote(&Promote::default()).unwrap();
    let expected = [approval_write(&world), clear_pause_write(), unpause_write()];
    assert_eq!(writes(&plan), expected);
}

#[test]
fn promote_before_the_pause_approves_that_version_and_says_so() {
    let world = recording!("manual/02-paused-r2.json").not_paused_yet();
    let plan = world.promote(&Promote::default()).unwrap();
    assert_eq!(writes(&plan), [approval_write(&world)]);
    let note = "revision 2 (54bc99754) is approved before its pause: it becomes active as soon as it is fully available";
    assert_eq!(plan.notes, [note]);
}

#[test]
fn promote_full_skips_pauses() {
    let world = recording!("manual/02-paused-r2.json");
    let plan = world.promote(&Promote { full: true, ..Promote::default() }).unwrap();
    let full = guarded_write(&[json!({"op": "add", "path": "/status/promoteFull", "value": true})]);
    assert_eq!(writes(&plan), [approval_write(&world), full]);
    assert_eq!(plan.done, "rollout 'app' fully promoted");
}

#[test]
fn promote_of_what_is_stable_writes_nothing_and_succeeds() {
    let world = recording!("manual/03-promoted-r2-old-warm.json");
    for full in [false, true] {
        let plan = world.promote(&Promote { full, ..Promote::default() }).unwrap();
        assert_eq!(plan.patches, []);
        assert_eq!(plan.notes, ["revision 2 is already stable: there is nothing to promote"]);
    }
    let paused = recording!("manual/03-promoted-r2-old-warm.json").paused_by_spec();
    let plan = paused.promote(&Promote::default()).unwrap();
    assert_eq!(writes(&plan), [unpause_write()]);
}

#[test]
fn promote_of_a_version_that_was_superseded_is_refused() {
    let world = recording!("update-in-update/03-paused-r3-r2-abandoned.json");
    let current = world.current().unwrap();
    let asked = Promote { hash: Some("54bc99754".into()), revision: Some(2), ..Promote::default() };
    let refusal = world.promote(&asked).unwrap_err();
    let text = format!(
        "rollout 'app': revision 2 (54bc99754) is superseded by revision 3 ({}); look at that one before promoting it",
        current.hash
    );
    assert_eq!(refusal.to_string(), text);
    let asked = Promote { hash: Some(current.hash), revision: Some(3), ..Promote::default() };
    assert_eq!(world.promote(&asked).unwrap().patches.len(), 2);
}

#[test]
fn promote_waits_for_the_controller_to_see_the_newest_spec() {
    let world = recording!("manual/02-paused-r2.json").with_newer_spec();
    assert_eq!(world.promote(&Promote::default()).unwrap_err(), Refusal::NotObserved { name: "app".into() });
}

#[test]
fn promote_of_a_wrong_spec_is_refused_with_the_controllers_words() {
    let world = recording!("invalid/01-no-active-service.json");
    let refusal = world.promote(&Promote::default()).unwrap_err();
    assert!(refusal.to_string().contains("app-active"), "{refusal}");
}

#[test]
fn promote_of_an_aborted_update_is_refused_unless_full() {
    let world = recording!("abort/03-aborted.json");
    assert_eq!(world.promote(&Promote::default()).unwrap_err(), Refusal::Aborted { name: "app".into() });
    assert!(world.promote(&Promote { full: true, ..Promote::default() }).is_ok());
}

#[test]
fn canaries_are_promoted_as_the_peer_does() {
    let steps = json!({"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]});
    let paused = |index: u64| json!({"currentStepIndex": index});
    let going =
        |index: u64| json!({"currentStepIndex": index, "pauseConditions": [], "controllerPause": false});
    let inconclusive = json!({
        "currentStepIndex": 1, "controllerPause": true,
        "pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-21T07:00:00Z"}],
    });
    let plain = Promote::default();
    let skip_one = Promote { skip_current_step: true, ..Promote::default() };
    let skip_all = Promote { skip_all_steps: true, ..Promote::default() };
    for (status, asked, written) in [
        (paused(1), &plain, json!({"pauseConditions": null})),
        (going(0), &plain, json!({"pauseConditions": null, "currentStepIndex": 1})),
        (going(3), &plain, json!({"pauseConditions": null, "currentStepIndex": 3})),
        (
            inconclusive,
            &plain,
            json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}),
        ),
        (paused(1), &skip_one, json!({"currentStepIndex": 2})),
        (paused(1), &skip_all, json!({"currentStepIndex": 3})),
    ] {
        let world = recording!("manual/02-paused-r2.json").canary(&steps, &status);
        assert_eq!(writes(&world.promote(asked).unwrap()), [status_write(&written)], "{status}");
    }
}

#[test]
fn the_deprecated_flags_are_refused_with_the_peers_words() {
    let both = Promote { skip_current_step: true, skip_all_steps: true, ..Promote::default() };
    let one = Promote { skip_current_step: true, ..Promote::default() };
    let blue_green = recording!("manual/02-paused-r2.json");
    let no_steps = recording!("manual/02-paused-r2.json").canary(&json!({}), &json!({}));
    assert_eq!(blue_green.promote(&both).unwrap_err(), Refusal::SkipBoth);
    assert_eq!(blue_green.promote(&one).unwrap_err(), Refusal::SkipBlueGreen);
    assert_eq!(no_steps.promote(&one).unwrap_err(), Refusal::SkipNothing);
}

#[test]
fn abort_retry_pause_and_restart_write_one_field_each() {
    let world = recording!("manual/02-paused-r2.json");
    let (rollout, current) = (&world.rollout, world.current());
    let now = anna().now;
    let spec_write = |spec: Value| (PatchKind::Merge, Target::Rollout, json!({ "spec": spec }));
    for (plan, write, done) in [
        (abort(rollout, current.as_ref()), status_write(&json!({"abort": true})), "rollout 'app' aborted"),
        (retry(rollout, current.as_ref()), status_write(&json!({"abort": false})), "rollout 'app' retried"),
        (pause(rollout), spec_write(json!({"paused": true})), "rollout 'app' paused"),
        (
            restart(rollout, SignedDuration::from_secs(90), now),
            spec_write(json!({"restartAt": "2026-11-21T08:01:30Z"})),
            "rollout 'app' restarts in 1m30s",
        ),
    ] {
        assert_eq!(writes(&plan), [write]);
        assert_eq!(plan.done, done);
    }
}

#[test]
fn what_makes_no_sense_now_is_written_as_the_peer_does_and_said() {
    let stable = recording!("manual/03-promoted-r2-old-warm.json");
    let note = "revision 2 is already stable: there is no update to abort";
    assert_eq!(abort(&stable.rollout, stable.current().as_ref()).notes, [note]);
    let note = "the update is not aborted: there is nothing to retry";
    assert_eq!(retry(&stable.rollout, stable.current().as_ref()).notes, [note]);
    let aborted = recording!("abort/03-aborted.json");
    assert_eq!(retry(&aborted.rollout, aborted.current().as_ref()).notes, Vec::<String>::new());
}

#[test]
fn undo_brings_the_template_of_the_revision_before_the_newest_back() {
    let world = recording!("manual/03-promoted-r2-old-warm.json");
    let plan = world.undo(Undo::default()).unwrap();
    let template = &plan.patches[0].body[0]["value"];
    assert_eq!(plan.patches[0].kind, PatchKind::Json);
    assert_eq!(plan.patches[0].body[0]["path"], "/spec/template");
    assert_eq!(template["spec"]["containers"][0]["image"], "example/app:1");
    assert_eq!(template["metadata"], json!({"labels": {"app": "app"}}), "the hash label is the controller's");
    assert_eq!(plan.done, "rollout 'app' undo");
}

#[test]
fn undo_says_when_there_will_be_no_pause() {
    let mut world = recording!("manual/03-promoted-r2-old-warm.json");
    assert_eq!(world.undo(Undo::default()).unwrap().notes, Vec::<String>::new());
    let old = world.replica_sets.iter_mut().find(|set| set["metadata"]["name"] == "app-7cb7d7cbd7").unwrap();
    old["metadata"]["annotations"]["verdigris.dev/formerly-stable"] =
        "2026-11-21T07:04:10Z revision 1".into();
    let note = "revision 1 is still warm and was promoted before: it becomes active at once";
    assert_eq!(world.undo(Undo::default()).unwrap().notes, [note]);
    // Another controller has brought that version back since.
    let old = world.replica_sets.iter_mut().find(|set| set["metadata"]["name"] == "app-7cb7d7cbd7").unwrap();
    old["metadata"]["annotations"]["verdigris.dev/formerly-stable"] =
        "2026-11-21T07:04:10Z revision 9".into();
    assert_eq!(world.undo(Undo::default()).unwrap().notes, Vec::<String>::new());
}

#[test]
fn undo_now_writes_template_and_approval_in_one_request() {
    let world = recording!("manual/03-promoted-r2-old-warm.json");
    let plan = world.undo(Undo { now: true, to_revision: Some(1) }).unwrap();
    let ops = plan.patches[0].body.as_array().unwrap();
    assert_eq!(plan.patches.len(), 1);
    assert_eq!(
        ops[0],
        json!({"op": "test", "path": "/metadata/generation", "value": world.rollout.metadata.generation})
    );
    assert_eq!(ops[1]["path"], "/spec/template");
    assert_eq!(ops[2]["path"], "/metadata/annotations/verdigris.dev~1approval");
    let approval = Approval::parse(ops[2]["value"].as_str().unwrap()).unwrap();
    assert!(approval.is_for("7cb7d7cbd7", 3), "the old hash comes back as the next revision: {approval:?}");
    assert_eq!(plan.notes, ["revision 1 is still warm: it becomes active at once, as revision 3"]);
    let cold =
        recording!("manual/04-old-scaled-down.json").undo(Undo { now: true, to_revision: None }).unwrap();
    let note = "revision 1 has 0 of 2 pods: it becomes active as soon as all are available, as revision 3";
    assert_eq!(cold.notes, [note]);
}

#[test]
fn undo_to_what_is_there_already_is_skipped() {
    let world = recording!("manual/03-promoted-r2-old-warm.json");
    let plan = world.undo(Undo { to_revision: Some(2), now: false }).unwrap();
    assert_eq!(plan.patches, []);
    assert_eq!(plan.done, "skipped rollback (current template already matches revision 2)");
}

#[test]
fn undo_says_which_revisions_there_are() {
    let world = recording!("manual/03-promoted-r2-old-warm.json");
    let refusal = world.undo(Undo { to_revision: Some(9), now: false }).unwrap_err();
    assert_eq!(refusal.to_string(), "unable to find specified revision 9 in history (there are 2, 1)");
    let first = recording!("manual/01-healthy-r1.json").undo(Undo::default()).unwrap_err();
    assert_eq!(first.to_string(), "no revision found for rollout \"app\"");
}

#[test]
fn undo_leaves_out_what_the_controller_put_into_the_template() {
    let world = recording!("metadata/03-promoted.json");
    let plan = world.undo(Undo::default()).unwrap();
    let template = &plan.patches[0].body[0]["value"];
    assert_eq!(template["metadata"], json!({"labels": {"app": "app"}}), "{template:#}");
    assert_eq!(template["spec"].get("affinity"), None, "{template:#}");
}

#[test]
fn undo_of_a_referenced_workload_patches_that() {
    let world = recording!("workload-ref/02-paused-r2.json");
    let plan = world.undo(Undo { to_revision: Some(1), now: false }).unwrap();
    let Target::Workload(workload) = &plan.patches[0].target else { panic!("{:?}", plan.patches[0].target) };
    assert_eq!((workload.kind.as_str(), workload.api_version.as_str()), ("Deployment", "apps/v1"));
    let refusal = world.undo(Undo { to_revision: Some(1), now: true }).unwrap_err();
    assert_eq!(refusal, Refusal::NowNeedsTemplate { name: "app".into() });
}

#[test]
fn set_image_changes_the_containers_of_that_name() {
    let object = json!({"spec": {"template": {"spec": {
        "initContainers": [{"name": "setup", "image": "setup:1"}],
        "containers": [{"name": "web", "image": "web:1"}, {"name": "proxy", "image": "proxy:1"}],
    }}}});
    let images = |object: &Value| {
        let image = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap().to_owned();
        let root = "/spec/template/spec";
        [
            image(&format!("{root}/initContainers/0/image")),
            image(&format!("{root}/containers/0/image")),
            image(&format!("{root}/containers/1/image")),
        ]
    };
    let set = |container: &str| {
        let mut changed = object.clone();
        set_image(&mut changed, container, "new:2").map(|()| images(&changed))
    };
    assert_eq!(set("web").unwrap(), ["setup:1", "new:2", "proxy:1"]);
    assert_eq!(set("setup").unwrap(), ["new:2", "web:1", "proxy:1"]);
    assert_eq!(set("*").unwrap(), ["new:2", "new:2", "new:2"]);
    let text = "unable to find container named \"db\" (there are setup, web, proxy)";
    assert_eq!(set("db").unwrap_err().to_string(), text);
}
