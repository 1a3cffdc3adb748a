//! Recordings of the peer at work (`fixtures/peer/`, see the README there), and the scenarios that made them.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::facts::Snapshot;

/// One thing that somebody does to a Rollout, after which it comes to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Create the Services, then the Rollout with image `example/app:1`.
    Deploy,
    /// Create the Rollout with no Services beside it.
    DeployWithoutServices,
    /// Create the Services, and name the preview Service in the Rollout.
    CreateServices,
    /// Set the image to `example/app:N`.
    Image(u32),
    /// Clear the pause, as the stock plugin's `promote` does.
    Promote,
    /// Promote without pauses.
    PromoteFull,
    /// Abort the update.
    Abort,
    /// Retry an aborted update.
    Retry,
    /// Ask for a restart of all pods that there are.
    Restart,
    /// Let so many seconds pass.
    Wait(u64),
}

/// A scenario that was played on the peer: what was done, and the step recorded after each act.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Folder under `fixtures/peer`, and namespace.
    pub name: &'static str,
    /// Acts in order, each with the file that shows the world after it (none where nobody looked).
    pub acts: &'static [(Act, Option<&'static str>)],
}

/// The scenarios that need only what is honoured today.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "manual",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::Promote, Some("03-promoted-r2-old-warm")),
            (Act::Wait(8), Some("04-old-scaled-down")),
            (Act::Image(1), Some("05-rolled-back-paused-r3")),
            (Act::Promote, Some("06-rolled-back-r3")),
        ],
    },
    Scenario {
        name: "auto",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-switched-r2")),
            (Act::Image(1), Some("03-fast-rollback-r3")),
        ],
    },
    Scenario {
        name: "seconds",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::Wait(7), Some("03-promoted-after-seconds")),
        ],
    },
    Scenario {
        name: "abort",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::Abort, Some("03-aborted")),
            (Act::Wait(8), Some("04-aborted-scaled-down")),
            (Act::Retry, Some("05-retried-paused")),
            (Act::Abort, None),
            (Act::Image(1), Some("06-reverted-to-stable")),
        ],
    },
    Scenario {
        name: "full",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::PromoteFull, Some("03-fully-promoted")),
        ],
    },
    Scenario {
        name: "update-in-update",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::Image(3), Some("03-paused-r3-r2-abandoned")),
            (Act::Wait(7), Some("04-r2-scaled-down")),
            (Act::Promote, Some("05-promoted-r3")),
        ],
    },
    Scenario {
        name: "metadata",
        acts: &[
            (Act::Deploy, Some("01-healthy-r1")),
            (Act::Image(2), Some("02-paused-r2")),
            (Act::Promote, Some("03-promoted")),
        ],
    },
    Scenario { name: "restart", acts: &[(Act::Deploy, None), (Act::Restart, Some("01-restarted"))] },
    Scenario {
        name: "workload-ref",
        acts: &[
            (Act::Deploy, None),
            (Act::Wait(8), Some("01-migrated")),
            (Act::Image(2), Some("02-paused-r2")),
        ],
    },
    Scenario {
        name: "invalid",
        acts: &[
            (Act::DeployWithoutServices, Some("01-no-active-service")),
            (Act::CreateServices, Some("02-repaired")),
        ],
    },
];

impl Scenario {
    /// The world as the peer left it at `step`.
    ///
    /// # Errors
    /// If the recording is not there or not what it should be.
    pub fn recorded(&self, step: &str) -> Result<Snapshot> {
        let text = self.file(&format!("{step}.json"))?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}/{step}", self.name))?;
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let is_deployed = |set: &Value| set["metadata"]["ownerReferences"][0]["kind"] == "Deployment";
        let (deployed, replica_sets): (Vec<_>, _) = list("replicasets").into_iter().partition(is_deployed);
        let rollout = value["rollout"].clone();
        Ok(Snapshot {
            deployment: deployment_behind(&deployed, &rollout),
            rollout,
            replica_sets,
            services: list("services"),
        })
    }

    /// The Deployment that was applied before the Rollout, where that references one.
    ///
    /// # Errors
    /// If the recording is not there.
    pub fn deployment(&self) -> Result<Option<Value>> {
        let first = self.acts.iter().find_map(|(_, step)| *step).context("a scenario without steps")?;
        Ok(self.recorded(first)?.deployment.map(|mut deployment| {
            deployment["metadata"] = json!({"name": deployment["metadata"]["name"], "namespace": self.name});
            deployment["spec"]["replicas"] = 2.into();
            deployment
        }))
    }

    /// The events of the whole scenario: `type reason object xN: text`, a line each.
    ///
    /// # Errors
    /// If the recording is not there.
    pub fn recorded_events(&self) -> Result<Vec<String>> {
        Ok(self.file("events.txt")?.lines().map(str::to_owned).collect())
    }

    /// The Rollout that was applied: that of the first step, without what server and controller added.
    ///
    /// # Errors
    /// If the recording is not there.
    pub fn rollout(&self) -> Result<Value> {
        let first = self.acts.iter().find_map(|(_, step)| *step).context("a scenario without steps")?;
        let mut seen = self.recorded(first)?.rollout;
        if let Some(spec) = seen["spec"].as_object_mut() {
            spec.remove("restartAt");
        }
        Ok(json!({
            "apiVersion": seen["apiVersion"],
            "kind": seen["kind"],
            "metadata": {"name": seen["metadata"]["name"], "namespace": self.name},
            "spec": seen["spec"],
        }))
    }

    fn file(&self, name: &str) -> Result<String> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/peer").join(self.name).join(name);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }
}

/// The Deployment as its newest ReplicaSet shows it: the object itself was not recorded.
fn deployment_behind(deployed: &[Value], rollout: &Value) -> Option<Value> {
    let revision = |set: &&Value| {
        let text = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        text.and_then(|text| text.parse::<u32>().ok())
    };
    let newest = deployed.iter().max_by_key(revision)?;
    let mut template = newest["spec"]["template"].clone();
    template["metadata"]["labels"].as_object_mut()?.remove("pod-template-hash");
    let generation =
        rollout["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"].as_str()?;
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": newest["metadata"]["ownerReferences"][0]["name"],
            "namespace": newest["metadata"]["namespace"],
            "uid": newest["metadata"]["ownerReferences"][0]["uid"],
            "generation": generation.parse::<i64>().ok()?,
            "creationTimestamp": newest["metadata"]["creationTimestamp"],
            "resourceVersion": "1",
        },
        "spec": {
            "replicas": newest["spec"]["replicas"],
            "selector": {"matchLabels": template["metadata"]["labels"]},
            "template": template,
        },
    }))
}

/// The second after the last time that a snapshot speaks of, if it speaks of any; deadlines, which lie ahead, do not count.
pub fn last_time(snapshot: &Snapshot) -> Option<Timestamp> {
    let mut newest = None;
    for object in [&snapshot.rollout].into_iter().chain(&snapshot.replica_sets) {
        let mut object = object.clone();
        each_time(&mut object, &mut |key, time| {
            if key != "scale-down-deadline" {
                newest = newest.max(Some(time));
            }
            time
        });
    }
    newest?.saturating_add(SignedDuration::from_secs(1)).ok()
}

/// The same snapshot at another time: all of its times are moved by as much.
pub fn moved(snapshot: &Snapshot, by: SignedDuration) -> Snapshot {
    let mut moved = snapshot.clone();
    for object in [&mut moved.rollout].into_iter().chain(&mut moved.replica_sets) {
        each_time(object, &mut |_, time| time.saturating_add(by).unwrap_or(time));
    }
    moved
}

/// Replaces every time in a value, which is told with the key that it stands under.
fn each_time(value: &mut Value, replace: &mut impl FnMut(&str, Timestamp) -> Timestamp) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_time(item, replace)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match field.as_str().and_then(|text| text.parse().ok()) {
                    Some(time) => *field = format!("{:.0}", replace(key, time)).into(),
                    None => each_time(field, replace),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The two Services of every scenario.
pub fn services(namespace: &str) -> [Value; 2] {
    ["app-active", "app-preview"].map(|name| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        })
    })
}
