//! What an onlooker can see of a Rollout and its objects, as facts that two controllers can be compared by.
//!
//! Hashes differ between controllers, so each is replaced by the version it stands for: the tag of the image in its
//! ReplicaSet's template (`example/app:2` gives `v2`). Times are left out; that a time is set is a fact.

use std::collections::BTreeMap;

use serde_json::Value;
use verdigris_crds::keys;

/// The objects of one Rollout at one moment, as the API server holds them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The Rollout.
    pub rollout: Value,
    /// Its ReplicaSets.
    pub replica_sets: Vec<Value>,
    /// The Services that it names.
    pub services: Vec<Value>,
    /// The Deployment that it references, if it does.
    pub deployment: Option<Value>,
}

/// Facts by name, for example `phase` → `Paused`.
pub type Facts = BTreeMap<String, String>;

impl Snapshot {
    /// All facts of this moment.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        let versions = self.versions();
        let mut put = |key: String, value: &Value| {
            if !value.is_null() {
                facts.insert(key, in_versions(&plain(value), &versions));
            }
        };
        let status = &self.rollout["status"];
        for field in [
            "phase",
            "message",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "HPAReplicas",
            "selector",
            "stableRS",
            "currentPodHash",
            "promoteFull",
            "controllerPause",
            "observedGeneration",
            "abort",
            "workloadObservedGeneration",
        ] {
            put(format!("status.{field}"), &status[field]);
        }
        put("status.activeSelector".into(), &status["blueGreen"]["activeSelector"]);
        put("status.previewSelector".into(), &status["blueGreen"]["previewSelector"]);
        put("status.completion".into(), &status["duration"]["completionStatus"]);
        put("status.abortedAt".into(), &Value::from(!status["abortedAt"].is_null()));
        for pause in list(&status["pauseConditions"]) {
            put("status.pause".into(), &pause["reason"]);
        }
        for condition in list(&status["conditions"]) {
            let kind = plain(&condition["type"]);
            // Conditions of ours are additions: nobody who knows the peer looks for them.
            if !kind.starts_with(keys::OWN_PREFIX) {
                let text = ["status", "reason", "message"].map(|field| plain(&condition[field])).join(" / ");
                put(format!("condition.{kind}"), &text.into());
            }
        }
        put("rollout.revision".into(), &self.rollout["metadata"]["annotations"][keys::REVISION]);
        for service in &self.services {
            let name = plain(&service["metadata"]["name"]);
            put(format!("service.{name}.selects"), &service["spec"]["selector"][keys::POD_TEMPLATE_HASH]);
            put(format!("service.{name}.managedBy"), &service["metadata"]["annotations"][keys::MANAGED_BY]);
        }
        let of_the_rollout = |set: &&Value| !set["metadata"]["labels"][keys::POD_TEMPLATE_HASH].is_null();
        for replica_set in self.replica_sets.iter().filter(of_the_rollout) {
            let version = version_of(replica_set);
            let annotations = &replica_set["metadata"]["annotations"];
            put(format!("replicaSet.{version}.replicas"), &replica_set["spec"]["replicas"]);
            put(format!("replicaSet.{version}.revision"), &annotations[keys::REVISION]);
            put(format!("replicaSet.{version}.history"), &annotations[keys::REVISION_HISTORY]);
            put(format!("replicaSet.{version}.desired"), &annotations[keys::DESIRED_REPLICAS]);
            put(format!("replicaSet.{version}.metadata"), &annotations[keys::EPHEMERAL_METADATA]);
            put(format!("replicaSet.{version}.labels"), &without_hash(&replica_set["spec"]["template"]));
            let affinity = &replica_set["spec"]["template"]["spec"]["affinity"];
            put(format!("replicaSet.{version}.affinity"), &affinity["podAntiAffinity"]);
            let waits = !annotations[keys::SCALE_DOWN_DEADLINE].is_null();
            put(format!("replicaSet.{version}.deadline"), &waits.into());
        }
        facts
    }

    /// Which hash stands for which version.
    pub fn versions(&self) -> BTreeMap<String, String> {
        self.replica_sets
            .iter()
            .filter_map(|replica_set| {
                let hash = replica_set["metadata"]["labels"][keys::POD_TEMPLATE_HASH].as_str()?;
                Some((hash.to_owned(), version_of(replica_set)))
            })
            .collect()
    }
}

/// Labels of a pod template but the one that names its hash.
fn without_hash(template: &Value) -> Value {
    let mut labels = template["metadata"]["labels"].clone();
    if let Some(labels) = labels.as_object_mut() {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
    labels
}

/// `text` with every known hash replaced by its version.
pub fn in_versions(text: &str, versions: &BTreeMap<String, String>) -> String {
    versions.iter().fold(text.to_owned(), |text, (hash, version)| text.replace(hash.as_str(), version))
}

/// What differs: fact, what `left` says, what `right` says (`-` where it says nothing).
pub fn differences(left: &Facts, right: &Facts) -> Vec<(String, String, String)> {
    let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let said = |facts: &Facts, key: &String| facts.get(key).cloned().unwrap_or_else(|| "-".into());
    keys.into_iter()
        .map(|key| (key.clone(), said(left, key), said(right, key)))
        .filter(|(_, left, right)| left != right)
        .collect()
}

fn version_of(replica_set: &Value) -> String {
    let image = plain(&replica_set["spec"]["template"]["spec"]["containers"][0]["image"]);
    format!("v{}", image.rsplit(':').next().unwrap_or_default())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
