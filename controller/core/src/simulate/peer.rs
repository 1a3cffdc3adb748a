//! The peer's recordings (Argo Rollouts 9f8d111): taking over at each step changes nothing, and playing the same steps
//! gives the same phases, conditions, selectors, status fields and events. Differences are listed, with their reason,
//! in `docs/compatibility.md`.

mod analysis;
mod retired;

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use verdigris_crds::{Rollout, RolloutStatus, keys};

use self::analysis::{analysis_run, end_run, measured_by_hand};
use super::tests::shop;
use super::*;
use crate::workload::WorkloadSeen;

const SCENARIOS: [&str; 13] = [
    "analysis",
    "manual",
    "auto",
    "seconds",
    "abort",
    "full",
    "update-in-update",
    "invalid",
    "crash",
    "scale-while-paused",
    "restart",
    "metadata",
    "workload-ref",
];

fn folder(scenario: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/peer").join(scenario)
}

/// The steps of a scenario, in order: name and objects.
fn steps(scenario: &str) -> Vec<(String, Value)> {
    let mut steps: Vec<_> = fs::read_dir(folder(scenario))
        .expect("the recordings")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON"))
        })
        .collect();
    steps.sort_by(|left, right| left.0.cmp(&right.0));
    steps
}

fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn text(object: &Value, path: &str) -> String {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

/// The cluster as it was at a step, with pods as the counts say, a second after the last time in the status.
fn recorded(step: &Value) -> Cluster {
    let rollout: Rollout = serde_json::from_value(step["rollout"].clone()).expect("a Rollout");
    let mut now = Timestamp::from_second(0).expect("a time");
    latest(&step["rollout"]["status"], &mut now);
    let never_ready = "-error".to_owned();
    let settings = Settings { ready_after_seconds: 0, never_ready, ..Settings::default() };
    let mut cluster = Cluster::new(rollout, after(now, 1), settings);
    let (owned, deployed) = by_owner(step);
    cluster.workload = deployed.last().map(|object| deployment(object, step));
    for object in &owned {
        let name = text(object, "/metadata/name");
        let count = |path: &str| i32::try_from(number(object, path)).expect("a count");
        let seen = ReplicaSetSeen {
            name: name.clone(),
            uid: text(object, "/metadata/uid"),
            resource_version: text(object, "/metadata/resourceVersion"),
            generation: number(object, "/metadata/generation"),
            created: text(object, "/metadata/creationTimestamp").parse().expect("a time"),
            controller_uid: Some(text(object, "/metadata/ownerReferences/0/uid")),
            labels: strings(object.pointer("/metadata/labels")),
            annotations: strings(object.pointer("/metadata/annotations")),
            replicas_wanted: count("/spec/replicas"),
            observed_generation: number(object, "/status/observedGeneration"),
            replicas: count("/status/replicas"),
            ready_replicas: count("/status/readyReplicas"),
            available_replicas: count("/status/availableReplicas"),
            ..ReplicaSetSeen::default()
        };
        let affinity = object.pointer("/spec/template/spec/affinity/podAntiAffinity");
        let seen = ReplicaSetSeen { keeps_off: affinity.and_then(crate::injected::keeps_off), ..seen };
        cluster.templates.insert(name.clone(), object["spec"]["template"].clone());
        cluster.replica_sets.insert(name, seen);
    }
    for object in step["services"].as_array().into_iter().flatten() {
        let name = text(object, "/metadata/name");
        let service = ServiceSeen {
            name: name.clone(),
            uid: text(object, "/metadata/uid"),
            resource_version: text(object, "/metadata/resourceVersion"),
            selector: strings(object.pointer("/spec/selector")),
            managed_by: strings(object.pointer("/metadata/annotations")).get(keys::MANAGED_BY).cloned(),
        };
        cluster.services.insert(name, service);
    }
    for object in step["analysisruns"].as_array().into_iter().flatten() {
        let run = analysis_run(object);
        cluster.analysis_runs.insert(run.name.clone(), run);
    }
    measured_by_hand(&mut cluster);
    cluster.act();
    cluster
}

/// The Rollout's ReplicaSets, and those of the Deployment that it references, oldest first.
fn by_owner(step: &Value) -> (Vec<Value>, Vec<Value>) {
    let sets = step["replicasets"].as_array().cloned().unwrap_or_default();
    let is_ours = |set: &Value| text(set, "/metadata/ownerReferences/0/kind") == "Rollout";
    let (owned, mut deployed): (Vec<_>, Vec<_>) = sets.into_iter().partition(is_ours);
    deployed.sort_by_key(|set| text(set, "/metadata/annotations/deployment.kubernetes.io~1revision"));
    (owned, deployed)
}

/// The Deployment as its newest ReplicaSet shows it: nobody recorded the object itself.
fn deployment(newest: &Value, step: &Value) -> Workload {
    let mut template = newest["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut().expect("labels").remove("pod-template-hash");
    let generation = &step["rollout"]["metadata"]["annotations"][keys::WORKLOAD_GENERATION];
    let selector = json!({"matchLabels": {"app": "app"}});
    Workload::There(Box::new(WorkloadSeen {
        uid: text(newest, "/metadata/ownerReferences/0/uid"),
        resource_version: "1".to_owned(),
        generation: generation.as_str().and_then(|text| text.parse().ok()).expect("a generation"),
        replicas: i32::try_from(number(newest, "/spec/replicas")).ok(),
        selector: serde_json::from_value(selector).expect("a selector"),
        template,
    }))
}

fn latest(value: &Value, now: &mut Timestamp) {
    match value {
        Value::String(text) => {
            if let Ok(time) = text.parse::<Timestamp>() {
                *now = (*now).max(time);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| latest(item, now)),
        Value::Object(fields) => fields.values().for_each(|field| latest(field, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn taking_over_at_any_step_writes_nothing_but_status() {
    for scenario in SCENARIOS {
        for (name, step) in steps(scenario) {
            let mut cluster = recorded(&step);
            let seen = cluster.rollout.status.clone();
            cluster.settle().expect("safe and at rest");
            let writes: Vec<_> =
                cluster.log.iter().filter(|(_, entry)| matches!(entry, Entry::Write(_))).collect();
            assert!(writes.is_empty(), "{scenario}/{name}: {writes:?}");
            if scenario != "invalid" {
                let mut status = cluster.rollout.status.unwrap_or_default();
                // It says what it waits for, which the peer does not.
                status.conditions.iter_mut().for_each(|all| all.retain(|it| it.type_ != keys::AWAITED));
                assert_eq!(Some(status), seen, "{scenario}/{name}");
            }
        }
    }
}

/// Hashes become the image they stand for, times go, and conditions are listed by type: what is left must be equal.
fn comparable(rollout: &Value, images: &BTreeMap<String, String>) -> Value {
    let mut status = rollout["status"].clone();
    let mut conditions: Vec<Value> = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.retain(|condition| !text(condition, "/type").starts_with(keys::OWN_PREFIX));
    conditions.sort_by_key(|condition| text(condition, "/type"));
    status["conditions"] = Value::Array(conditions);
    // The peer's own writes change the generation, because its types add fields on the way; ours do not.
    status["observedGeneration"] = Value::Null;
    forget_times(&mut status);
    let mut text = status.to_string();
    for (hash, image) in images {
        text = text.replace(hash, image);
    }
    serde_json::from_str(&text).expect("JSON")
}

fn forget_times(value: &mut Value) {
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => *value = json!("a time"),
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        Value::Object(fields) => {
            fields.remove("totalManualPauseDurationSeconds");
            fields.values_mut().for_each(forget_times);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn images<'a>(templates: impl Iterator<Item = (&'a str, &'a Value)>) -> BTreeMap<String, String> {
    templates
        .map(|(name, template)| {
            let image = template.pointer("/spec/containers/0/image").and_then(Value::as_str);
            let hash = name.strip_prefix("app-").unwrap_or(name);
            (hash.to_owned(), image.unwrap_or_default().to_owned())
        })
        .collect()
}

fn peer_images(step: &Value) -> BTreeMap<String, String> {
    let (sets, _) = by_owner(step);
    let named: Vec<(String, Value)> =
        sets.iter().map(|set| (text(set, "/metadata/name"), set["spec"]["template"].clone())).collect();
    images(named.iter().map(|(name, template)| (name.as_str(), template)))
}

fn our_images(cluster: &Cluster) -> BTreeMap<String, String> {
    images(cluster.templates.iter().map(|(name, template)| (name.as_str(), template)))
}

/// ReplicaSets by image: size, and the annotations that both controllers write.
fn peer_sets(step: &Value) -> BTreeMap<String, (i64, BTreeMap<String, String>)> {
    let (sets, deployed) = by_owner(step);
    sets.iter()
        .map(|set| {
            let image = text(set, "/spec/template/spec/containers/0/image");
            let mut annotations = without_times(strings(set.pointer("/metadata/annotations")));
            if !deployed.is_empty() {
                // The peer appends to it for each generation of the workload, ours for each revision.
                annotations.remove(keys::REVISION_HISTORY);
            }
            (image, (number(set, "/spec/replicas"), annotations))
        })
        .collect()
}

fn our_sets(cluster: &Cluster) -> BTreeMap<String, (i64, BTreeMap<String, String>)> {
    let images = our_images(cluster);
    cluster
        .replica_sets
        .values()
        .map(|seen| {
            let image = seen.hash("app").and_then(|hash| images.get(hash)).cloned().unwrap_or_default();
            let mut annotations = without_times(seen.annotations.clone());
            annotations.retain(|key, _| !key.starts_with(keys::OWN_PREFIX));
            (image, (i64::from(seen.replicas_wanted), annotations))
        })
        .collect()
}

fn without_times(mut annotations: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(deadline) = annotations.get_mut(keys::SCALE_DOWN_DEADLINE) {
        *deadline = "a time".to_owned();
    }
    annotations
}

/// What a user does before a step, by the step's name after its number.
fn act(cluster: &mut Cluster, scenario: &str, step: &str) {
    let promote = |status: &mut RolloutStatus| status.pause_conditions = None;
    match (scenario, step.get(..2).unwrap_or_default()) {
        ("restart", "01") => {
            cluster.run(2).expect("deploy");
            let now = cluster.now.to_string();
            cluster.apply(&json!({"restartAt": now}));
        }
        ("analysis", "03") => end_run(cluster, "Successful", ""),
        ("analysis", "04") => {
            let message = "Metric \"job\" assessed Failed due to failed (1) > failureLimit (0)";
            end_run(cluster, "Failed", message);
        }
        ("crash", "02") => cluster.set_image("example/app:2-error"),
        ("invalid", "02") => {
            cluster.add_service("app-active");
            cluster.add_service("app-preview");
        }
        (_, "02") => cluster.set_image("example/app:2"),
        ("manual", "03" | "06")
        | ("metadata", "03")
        | ("update-in-update", "05")
        | ("scale-while-paused", "04") => {
            cluster.steer(promote);
        }
        ("scale-while-paused", "03") => cluster.edit(|rollout| rollout.spec.replicas = Some(4)),
        ("manual", "05") | ("auto", "03") | ("abort", "06") => {
            if scenario == "abort" {
                cluster.steer(|status| status.abort = Some(true));
                cluster.run(2).expect("the second abort");
            }
            cluster.set_image("example/app:1");
        }
        ("abort", "03") => cluster.steer(|status| status.abort = Some(true)),
        ("abort", "05") => cluster.steer(|status| status.abort = Some(false)),
        ("full", "03") => cluster.steer(|status| status.promote_full = Some(true)),
        ("update-in-update" | "crash", "03") => cluster.set_image("example/app:3"),
        _ => {}
    }
}

/// How long the recording waited before it looked.
fn wait(scenario: &str, step: &str) -> i64 {
    match (scenario, step.get(..2).unwrap_or_default()) {
        ("manual" | "abort", "04") | ("workload-ref", "01") => 10,
        ("seconds", "03") | ("update-in-update", "04") => 7,
        ("crash", "02") | ("analysis", "05") => 5,
        _ => 2,
    }
}

fn play(scenario: &str) -> Cluster {
    let strategy = match scenario {
        "auto" => json!({"autoPromotionEnabled": null, "scaleDownDelaySeconds": 30}),
        "seconds" => {
            json!({"autoPromotionEnabled": null, "autoPromotionSeconds": 6, "scaleDownDelaySeconds": 5})
        }
        "analysis" => json!({"autoPromotionEnabled": null, "scaleDownDelaySeconds": 5,
            "abortScaleDownDelaySeconds": 3, "prePromotionAnalysis": {"templates": [{"templateName": "good"}]},
            "postPromotionAnalysis": {"templates": [{"templateName": "bad"}]}}),
        "abort" => json!({"abortScaleDownDelaySeconds": 5}),
        "metadata" => json!({
            "activeMetadata": {"labels": {"role": "active"}}, "previewMetadata": {"labels": {"role": "preview"}},
            "antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}},
        }),
        _ => json!({}),
    };
    let mut cluster = shop(&strategy);
    cluster.settings.ready_after_seconds = 0;
    cluster.settings.never_ready = "-error".to_owned();
    measured_by_hand(&mut cluster);
    if scenario == "crash" {
        cluster.edit(|rollout| rollout.spec.progress_deadline_seconds = Some(4));
    }
    if scenario == "workload-ref" {
        cluster.reference_deployment(2, "onsuccess");
        cluster.rollout.spec.selector = None;
        cluster.rollout.metadata.generation = Some(1);
    }
    if scenario == "invalid" {
        cluster.services.clear();
    }
    cluster
}

#[test]
fn playing_the_scenarios_gives_the_peers_states() {
    for scenario in SCENARIOS {
        let mut cluster = play(scenario);
        for (name, step) in steps(scenario) {
            act(&mut cluster, scenario, &name);
            cluster.run(wait(scenario, &name)).expect("safe and at rest");
            if (scenario, name.as_str()) == ("invalid", "01-no-active-service") {
                let message = text(&step["rollout"], "/status/message");
                assert!(cluster.phase().1.starts_with(&message), "{}", cluster.phase().1);
                continue;
            }
            let ours = serde_json::to_value(&cluster.rollout).expect("JSON");
            let (ours, theirs) =
                (comparable(&ours, &our_images(&cluster)), comparable(&step["rollout"], &peer_images(&step)));
            let show = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
            assert_eq!(show(&ours), show(&theirs), "{scenario}/{name}");
            assert_eq!(our_sets(&cluster), peer_sets(&step), "{scenario}/{name}");
        }
    }
}

/// Images that the Services select, and how many ReplicaSets there are.
fn shape(cluster: &Cluster) -> (BTreeMap<String, String>, usize) {
    let images = our_images(cluster);
    let selected = cluster.services.iter().map(|(name, service)| {
        let image = service.hash().and_then(|hash| images.get(hash)).cloned();
        (name.clone(), image.unwrap_or_default())
    });
    (selected.collect(), cluster.replica_sets.len())
}

#[test]
fn taken_over_at_any_step_a_scenario_ends_as_the_peers() {
    for scenario in SCENARIOS.into_iter().filter(|scenario| *scenario != "invalid") {
        let steps = steps(scenario);
        for from in 0..steps.len() {
            let mut cluster = recorded(&steps[from].1);
            cluster.settle().expect("safe and at rest");
            for (name, step) in &steps[from + 1..] {
                act(&mut cluster, scenario, name);
                cluster.run(wait(scenario, name)).expect("safe and at rest");
                // A version that the peer retired is not marked as formerly stable, and meets its gate once more;
                // without a gate only the words differ.
                let theirs = recorded(step);
                assert_eq!(shape(&cluster), shape(&theirs), "{scenario} from {from}: {name}");
                let named = |cluster: &Cluster| {
                    let (phase, message) = cluster.phase();
                    let images = our_images(cluster);
                    images
                        .iter()
                        .fold(format!("{phase} {message}"), |text, (hash, image)| text.replace(hash, image))
                };
                assert_eq!(named(&cluster), named(&theirs), "{scenario} from {from}: {name}");
            }
        }
    }
}

#[test]
fn playing_the_scenarios_tells_the_peers_events() {
    for scenario in SCENARIOS {
        let mut cluster = play(scenario);
        let mut peers = BTreeMap::new();
        for (name, step) in steps(scenario) {
            act(&mut cluster, scenario, &name);
            cluster.run(wait(scenario, &name)).expect("safe and at rest");
            peers.extend(peer_images(&step));
        }
        let named = |text: &str, images: &BTreeMap<String, String>| {
            images.iter().fold(text.to_owned(), |text, (hash, image)| text.replace(hash, image))
        };
        let images = our_images(&cluster);
        let mut ours: Vec<String> = cluster.events().iter().map(|text| named(text, &images)).collect();
        let file = fs::read_to_string(folder(scenario).join("events.txt")).expect("events");
        let mut theirs = Vec::new();
        // Who measures runs tells of them too.
        let others = ["RolloutAddedToInformer", " AnalysisRun/"];
        for line in file.lines().filter(|line| !others.iter().any(|word| line.contains(word))) {
            let (head, message) = line.split_once(": ").expect("a message");
            let mut words = head.split(' ');
            let reason = words.nth(1).expect("a reason");
            let times: usize =
                head.rsplit_once(" x").and_then(|(_, times)| times.parse().ok()).expect("a count");
            let event = named(&format!("{reason} {message}"), &peers);
            theirs.extend(std::iter::repeat_n(event, times));
        }
        if scenario == "workload-ref" {
            // A conflict made the peer's first pass end before it could tell.
            let told = ours.iter().position(|text| text.starts_with("NewReplicaSetCreated"));
            ours.remove(told.expect("the first version's event"));
        }
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{scenario}");
    }
}
