//! The only place that writes: one call for each [`Write`], each refused by the server if the object has changed since
//! it was decided on.
//!
//! Nothing is handled here. The first write that fails ends the commit; what the server said goes to the next pass.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Service,
};
use kube::Resource;
use serde_json::{Map, Value, json};
use tracing::info;
use verdigris_core::{
    decision::{
        Decision, NewAnalysisRun, NewReplicaSet, PointService, Precondition, ReplicaSetChange, ScaleWorkload,
        Write,
    },
    observed::Observed,
    workload::WorkloadKind,
};
use verdigris_crds::{Rollout, RolloutStatus, keys};

use crate::{
    barrier::Until,
    items::{AnalysisRunItem, ROLLOUT_API_VERSION, ROLLOUT_KIND},
    key::{Key, Kind, ObjectId, Version},
    metrics::counters::{Count, Counters},
    patch::difference,
    server::{CallError, Server, Style, Verdict, Written},
};

mod pods;

/// A commit under way.
pub struct Commit<'a> {
    server: &'a Server,
    counters: &'a Counters,
    rollout: &'a Key,
    observed: &'a Observed,
    /// The revision that this is about, for the log.
    revision: &'a str,
    /// Versions that our own writes made in this commit; preconditions that name the version before follow.
    made: Vec<(ObjectId, String)>,
    /// What the cache has to come to before the next pass.
    waits: Vec<(ObjectId, Until)>,
    /// Whether a pod was changed. Pods are in no cache: there is nothing to wait for.
    touched_pods: bool,
}

/// What a commit has done.
#[derive(Debug)]
pub struct Committed {
    /// Whether anything was written.
    pub wrote: bool,
    /// What the cache has to come to before the next pass.
    pub waits: Vec<(ObjectId, Until)>,
    /// The write that failed, if one did; those after it were not tried.
    pub failure: Option<CallError>,
}

impl<'a> Commit<'a> {
    /// A commit of what was decided on `observed`.
    #[must_use]
    pub fn new(server: &'a Server, counters: &'a Counters, rollout: &'a Key, observed: &'a Observed) -> Self {
        let revision = revision_of(observed);
        let (made, waits, touched_pods) = (Vec::new(), Vec::new(), false);
        Self { server, counters, rollout, observed, revision, made, waits, touched_pods }
    }

    /// Writes in order, then the status. Events are not told here.
    pub async fn carry_out(mut self, decision: &'a Decision) -> Committed {
        self.revision = new_revision(decision).unwrap_or(self.revision);
        let why = why(&decision.status);
        let mut failure = None;
        for write in &decision.writes {
            if let Err(error) = self.write(write, why).await {
                failure = Some(error);
                break;
            }
        }
        if failure.is_none() {
            failure = self.status(&decision.status, why).await.err();
        }
        let wrote = !self.made.is_empty() || self.deleted() || self.touched_pods;
        Committed { wrote, waits: self.waits, failure }
    }

    async fn write(&mut self, write: &Write, why: &str) -> Result<(), CallError> {
        let (what, counters) = (write.describe(), &self.counters.writes);
        let count: &Count = match write {
            Write::CreateReplicaSet(new) => {
                self.create_replica_set(new).await?;
                &counters.create_replica_set
            }
            Write::UpdateReplicaSet(change) => {
                let body = replica_set_patch(change);
                self.patch::<ReplicaSet>(Kind::ReplicaSet, &change.at, &what, Style::Merge, body).await?;
                &counters.update_replica_set
            }
            Write::DeleteReplicaSet(at) => {
                self.delete::<ReplicaSet>(Kind::ReplicaSet, at, &what).await?;
                &counters.delete_replica_set
            }
            Write::AdoptReplicaSet(at) => {
                let body = json!({"metadata": {"ownerReferences": [self.owner_reference()]}});
                self.patch::<ReplicaSet>(Kind::ReplicaSet, at, &what, Style::Strategic, body).await?;
                &counters.own_replica_set
            }
            Write::ReleaseReplicaSet(at) => {
                let reference = json!({"$patch": "delete", "uid": self.observed.rollout.metadata.uid});
                let body = json!({"metadata": {"ownerReferences": [reference]}});
                self.patch::<ReplicaSet>(Kind::ReplicaSet, at, &what, Style::Strategic, body).await?;
                &counters.own_replica_set
            }
            Write::PointService(point) => {
                let body = service_patch(point);
                self.patch::<Service>(Kind::Service, &point.at, &what, Style::Merge, body).await?;
                &counters.point_service
            }
            Write::ReleaseService(at) => {
                let body = json!({"metadata": {"annotations": {keys::MANAGED_BY: null}},
                    "spec": {"selector": {keys::POD_TEMPLATE_HASH: null}}});
                self.patch::<Service>(Kind::Service, at, &what, Style::Merge, body).await?;
                &counters.release_service
            }
            Write::AnnotateRollout(annotations) => {
                let body = json!({"metadata": {"annotations": annotations}});
                self.patch::<Rollout>(Kind::Rollout, &self.rollout_seen(), &what, Style::Merge, body).await?;
                &counters.rollout
            }
            Write::ScaleWorkload(scale) => {
                self.scale_workload(scale, &what).await?;
                &counters.scale_workload
            }
            Write::DefaultReplicas => {
                let body = json!({"spec": {"replicas": 1}});
                self.patch::<Rollout>(Kind::Rollout, &self.rollout_seen(), &what, Style::Merge, body).await?;
                &counters.rollout
            }
            Write::EvictPods(evictions) => return self.evict(evictions, why).await,
            Write::CreateAnalysisRun(new) => {
                self.create_analysis_run(new).await?;
                &counters.create_analysis_run
            }
            Write::TerminateAnalysisRun(at) => {
                let body = json!({"spec": {"terminate": true}});
                self.patch::<AnalysisRunItem>(Kind::AnalysisRun, at, &what, Style::Merge, body).await?;
                &counters.end_analysis_run
            }
            Write::DeleteAnalysisRun(at) => {
                self.delete::<AnalysisRunItem>(Kind::AnalysisRun, at, &what).await?;
                &counters.delete_analysis_run
            }
            Write::LabelPod(change) => return self.label(change, why).await,
        };
        count.add_one();
        info!(rollout = %self.rollout, revision = self.revision, change = what, why, "written");
        Ok(())
    }

    /// Only what differs, in the version that was seen: an abort written in between is never overwritten.
    async fn status(&mut self, wanted: &RolloutStatus, why: &str) -> Result<(), CallError> {
        let seen = self.observed.rollout.status.clone().unwrap_or_default();
        let Some(patch) = difference(&as_json(&seen), &as_json(wanted)) else {
            return Ok(());
        };
        let at = self.rollout_seen();
        let object = self.object(Kind::Rollout, &at.name);
        let version = self.version(&object, &at);
        let answer = patch_status(self.server, self.rollout, &at.uid, &version, &patch).await;
        self.note(object, &version, answer)?;
        self.counters.writes.status.add_one();
        let fields =
            patch.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect::<Vec<_>>();
        let what = format!("status: {}", fields.join(", "));
        info!(rollout = %self.rollout, revision = self.revision, change = what, why, "written");
        Ok(())
    }

    async fn create_replica_set(&mut self, new: &NewReplicaSet) -> Result<(), CallError> {
        let what = format!("create ReplicaSet {}", new.name);
        let body = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": new.name, "namespace": self.rollout.namespace(), "labels": new.labels,
                "annotations": new.annotations, "ownerReferences": [self.owner_reference()]},
            "spec": {"replicas": new.replicas, "minReadySeconds": new.min_ready_seconds, "selector": new.selector,
                "template": new.template},
        });
        let answer =
            self.server.create::<ReplicaSet, Written>(what, self.rollout.namespace(), false, &body).await;
        let object = self.object(Kind::ReplicaSet, &new.name);
        if let Err(error) = &answer
            && let Verdict::Refused(refusal) = error.verdict()
            && refusal.reason == "AlreadyExists"
        {
            // Perhaps our own, whose answer was lost: the cache is to show it, whatever its version, or a live read is.
            self.waits.push((object.clone(), Until::Version(Version::Number(0))));
        }
        self.note(object, "0", answer)
    }

    async fn create_analysis_run(&mut self, new: &NewAnalysisRun) -> Result<(), CallError> {
        let what = format!("create AnalysisRun {}", new.name);
        let body = json!({
            "apiVersion": ROLLOUT_API_VERSION,
            "kind": "AnalysisRun",
            "metadata": {"name": new.name, "namespace": self.rollout.namespace(), "labels": new.labels,
                "annotations": new.annotations, "ownerReferences": [self.owner_reference()]},
            "spec": new.spec,
        });
        let namespace = self.rollout.namespace();
        let answer = self.server.create::<AnalysisRunItem, Written>(what, namespace, false, &body).await;
        self.note(self.object(Kind::AnalysisRun, &new.name), "0", answer)
    }

    async fn delete<K: Resource<DynamicType = ()>>(
        &mut self,
        kind: Kind,
        at: &Precondition,
        what: &str,
    ) -> Result<(), CallError> {
        let object = self.object(kind, &at.name);
        let at = Precondition { resource_version: self.version(&object, at), ..at.clone() };
        let answer = self.server.delete::<K>(what.to_owned(), self.rollout.namespace(), &at).await;
        match answer {
            Ok(()) => {
                self.waits.push((object, Until::Gone));
                Ok(())
            }
            Err(error) => self.note(object, &at.resource_version, Err(error)),
        }
    }

    /// Through the subresource: the right to scale is less than the right to change what runs.
    async fn scale_workload(&mut self, scale: &ScaleWorkload, what: &str) -> Result<(), CallError> {
        let object = self.object(Kind::Workload(WorkloadKind::Deployment), &scale.at.name);
        let version = self.version(&object, &scale.at);
        let body = json!({"metadata": {"resourceVersion": version, "uid": scale.at.uid},
            "spec": {"replicas": scale.replicas}});
        let place = (self.rollout.namespace(), scale.at.name.as_str(), Some("scale"));
        let answer = self.server.patch::<Deployment>(what.to_owned(), place, Style::Merge, &body).await;
        self.note(object, &version, answer)
    }

    async fn patch<K: Resource<DynamicType = ()>>(
        &mut self,
        kind: Kind,
        at: &Precondition,
        what: &str,
        style: Style,
        mut body: Value,
    ) -> Result<(), CallError> {
        let object = self.object(kind, &at.name);
        let version = self.version(&object, at);
        body["metadata"]["resourceVersion"] = json!(version);
        body["metadata"]["uid"] = json!(at.uid);
        let place = (self.rollout.namespace(), at.name.as_str(), None);
        let answer = self.server.patch::<K>(what.to_owned(), place, style, &body).await;
        self.note(object, &version, answer)
    }

    /// Remembers what the cache has to come to after this answer.
    fn note(
        &mut self,
        object: ObjectId,
        version: &str,
        answer: Result<Written, CallError>,
    ) -> Result<(), CallError> {
        match answer {
            Ok(written) => {
                let version = written.version();
                self.waits.push((object.clone(), Until::Version(version.as_str().into())));
                self.made.push((object, version));
                Ok(())
            }
            Err(error) => {
                match error.verdict() {
                    Verdict::Outdated => self.waits.push((object, Until::After(version.into()))),
                    Verdict::Gone if version != "0" => self.waits.push((object, Until::Gone)),
                    Verdict::Gone | Verdict::Refused(_) | Verdict::Later(_) => {}
                }
                Err(error)
            }
        }
    }

    fn deleted(&self) -> bool {
        self.waits.iter().any(|(_, until)| *until == Until::Gone)
    }

    fn object(&self, kind: Kind, name: &str) -> ObjectId {
        ObjectId { kind, key: Key::new(self.rollout.namespace(), name) }
    }

    /// The version to require: the one that was seen, or the one that our own last write to the object made of it.
    fn version(&self, object: &ObjectId, at: &Precondition) -> String {
        let made = self.made.iter().rev().find(|(made, _)| made == object);
        made.map_or_else(|| at.resource_version.clone(), |(_, version)| version.clone())
    }

    fn rollout_seen(&self) -> Precondition {
        let metadata = &self.observed.rollout.metadata;
        Precondition {
            name: self.rollout.name().to_owned(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        }
    }

    fn owner_reference(&self) -> Value {
        json!({"apiVersion": ROLLOUT_API_VERSION, "kind": ROLLOUT_KIND, "name": self.rollout.name(),
            "uid": self.observed.rollout.metadata.uid, "controller": true, "blockOwnerDeletion": true})
    }
}

/// Patches a Rollout's status in this very version. A CRD without the status subresource (404) gets it in the object.
pub async fn patch_status(
    server: &Server,
    rollout: &Key,
    uid: &str,
    version: &str,
    status: &Value,
) -> Result<Written, CallError> {
    let what = || format!("patch the status of Rollout {}", rollout.name());
    let body = json!({"metadata": {"resourceVersion": version, "uid": uid}, "status": status});
    let (namespace, name) = (rollout.namespace(), rollout.name());
    let answer =
        server.patch::<Rollout>(what(), (namespace, name, Some("status")), Style::Merge, &body).await;
    match answer {
        Err(error) if error.verdict() == Verdict::Gone => {
            server.patch::<Rollout>(what(), (namespace, name, None), Style::Merge, &body).await
        }
        answer => answer,
    }
}

fn replica_set_patch(change: &ReplicaSetChange) -> Value {
    let mut body = json!({});
    if !change.annotations.is_empty() {
        body["metadata"]["annotations"] = json!(change.annotations);
    }
    if !change.template.is_empty() {
        body["spec"]["template"] = change.template.to_patch();
    }
    if let Some(replicas) = change.replicas {
        body["spec"]["replicas"] = json!(replicas);
    }
    if let Some(seconds) = change.min_ready_seconds {
        body["spec"]["minReadySeconds"] = json!(seconds);
    }
    body
}

fn service_patch(point: &PointService) -> Value {
    let mut body = json!({"spec": {"selector": {keys::POD_TEMPLATE_HASH: point.hash}}});
    if let Some(rollout) = &point.managed_by {
        body["metadata"]["annotations"] = json!({keys::MANAGED_BY: rollout});
    }
    body
}

/// The revision that the Rollout says it is at.
fn revision_of(observed: &Observed) -> &str {
    let annotations = observed.rollout.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(keys::REVISION)).map_or("", String::as_str)
}

/// The revision that this decision begins, if it begins one.
fn new_revision(decision: &Decision) -> Option<&str> {
    decision.writes.iter().find_map(|write| match write {
        Write::AnnotateRollout(annotations) => annotations.get(keys::REVISION)?.as_deref(),
        _ => None,
    })
}

/// Why something is written, for the log: what the status says once it is.
fn why(status: &RolloutStatus) -> &str {
    status.message.as_deref().filter(|message| !message.is_empty()).or(status.phase.as_deref()).unwrap_or("")
}

/// As the API server holds it. A status that cannot be written as JSON does not exist: all its parts can.
fn as_json(status: &RolloutStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}
