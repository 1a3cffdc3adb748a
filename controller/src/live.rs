//! Live reads: exactly what a decision asked for, straight from the API server.

use std::collections::{BTreeMap, BTreeSet};

use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use verdigris_core::{
    analysis,
    observed::{
        EndpointSeen, Fresh, Neighbour, Observed, PodSeen, ReplicaSetSeen, ServiceSeen, TemplatesSeen,
        analysis::{AnalysisRunSeen, AnalysisSeen},
    },
    selector::{self, labels_of},
    workload::{Reference, Workload},
};
use verdigris_crds::{Rollout, Selector, keys};

use crate::{
    cache::{selects, services_named},
    gather::{active_service, adoptable, blue_green, service_names},
    items::{
        AnalysisRunItem, PodItem, ReplicaSetItem, RolloutItem, ServiceItem, SliceItem, TemplateItem,
        controller_of,
    },
    server::{CallError, Server, Verdict},
};

/// What became of a live read.
#[derive(Debug)]
pub enum Outcome {
    /// What was asked for is in.
    Read,
    /// The Rollout is gone, is another one of the same name, can no longer be decoded, or names templates that were not
    /// gathered for it: nothing is to be decided before the watch shows it.
    NoRollout,
}

enum Answer {
    Services(BTreeMap<String, Option<ServiceSeen>>, BTreeMap<String, ServiceSeen>),
    Neighbours(BTreeMap<String, Neighbour>),
    ReplicaSets(BTreeMap<String, ReplicaSetSeen>),
    ActiveEndpoints(Option<Vec<EndpointSeen>>),
    Pods(String, Vec<PodSeen>),
    Templates(TemplatesSeen),
    AnalysisRun(String, Option<AnalysisRunSeen>),
}

/// Reads what is asked for into `observed`, all side by side. What else is read depends on the Rollout: should that turn
/// out to ask for something else than the one that was seen, the rest is read again for it.
pub async fn read(
    server: &Server,
    observed: &mut Observed,
    asked: &BTreeSet<Fresh>,
) -> Result<Outcome, CallError> {
    let mut answers = None;
    if asked.contains(&Fresh::Rollout) && observed.gone {
        let namespace = observed.rollout.metadata.namespace.as_deref().unwrap_or_default();
        if server.get::<RolloutItem>(namespace, observed.name()).await?.is_some() {
            // It is there after all, and a pass of its own sees to it.
            return Ok(Outcome::NoRollout);
        }
    } else if asked.contains(&Fresh::Rollout) {
        let rollout = rollout(server, &observed.rollout);
        // What a workload says, all the rest depends on.
        let rollout = if asked.contains(&Fresh::Workload) {
            rollout.await
        } else {
            let (rollout, parts) = futures::join!(rollout, parts(server, observed, asked));
            answers = Some(parts);
            rollout
        };
        let Some(rollout) = rollout? else {
            return Ok(Outcome::NoRollout);
        };
        if names_more_templates(&rollout, &observed.analysis) {
            return Ok(Outcome::NoRollout);
        }
        if rollout.spec.workload_ref != observed.rollout.spec.workload_ref {
            // What was seen is another one's; the decision will ask.
            observed.workload = None;
        }
        if rollout.spec != observed.rollout.spec {
            answers = None;
        }
        observed.rollout = rollout;
    }
    if asked.contains(&Fresh::Workload) {
        observed.workload = workload(server, &observed.rollout).await?;
    }
    let answers = match answers {
        Some(answers) => answers,
        None => parts(server, observed, asked).await,
    };
    for answer in answers {
        match answer? {
            Answer::Services(services, left) => {
                observed.services = services;
                observed.left_services = left;
            }
            Answer::Neighbours(neighbours) => observed.neighbours = neighbours,
            Answer::ReplicaSets(replica_sets) => observed.replica_sets = replica_sets,
            Answer::ActiveEndpoints(endpoints) => observed.active_endpoints = endpoints,
            Answer::Pods(replica_set, pods) => _ = observed.pods.insert(replica_set, pods),
            Answer::Templates(templates) => observed.templates = Some(templates),
            Answer::AnalysisRun(name, Some(run)) => _ = observed.analysis.runs.insert(name, run),
            Answer::AnalysisRun(name, None) => _ = observed.analysis.runs.remove(&name),
        }
    }
    observed.fresh.extend(asked.iter().cloned());
    Ok(Outcome::Read)
}

/// All that is asked for but the Rollout and its workload.
async fn parts(server: &Server, seen: &Observed, asked: &BTreeSet<Fresh>) -> Vec<Result<Answer, CallError>> {
    let namespace = seen.rollout.metadata.namespace.as_deref().unwrap_or_default();
    // A Rollout that was just read may name Services that the one from the cache did not.
    let unseen = service_names(&seen.rollout).any(|name| !seen.services.contains_key(name));
    let mut reads: Vec<BoxFuture<'_, Result<Answer, CallError>>> = Vec::new();
    for part in asked {
        reads.push(match part {
            Fresh::Rollout | Fresh::Workload => continue,
            Fresh::Services => services(server, namespace, seen).boxed(),
            Fresh::Neighbours => neighbours(server, namespace, seen).boxed(),
            Fresh::ReplicaSets => replica_sets(server, namespace, seen).boxed(),
            Fresh::ActiveEndpoints => endpoints(server, namespace, &seen.rollout).boxed(),
            Fresh::Pods(name) => pods(server, namespace, name, seen.replica_sets.get(name)).boxed(),
            Fresh::Templates => templates(server, namespace, seen).boxed(),
            Fresh::AnalysisRun(name) => analysis_run(server, namespace, name).boxed(),
        });
    }
    if unseen && !asked.contains(&Fresh::Services) {
        reads.push(services(server, namespace, seen).boxed());
    }
    join_all(reads).await
}

/// A Rollout that was just read may name analysis templates that the one from the cache did not.
fn names_more_templates(rollout: &Rollout, seen: &AnalysisSeen) -> bool {
    seen.unreadable.is_none()
        && blue_green(rollout)
            .is_some_and(|strategy| analysis::named(strategy).any(|name| !seen.templates.contains_key(&name)))
}

async fn analysis_run(server: &Server, namespace: &str, name: &str) -> Result<Answer, CallError> {
    let run = server.get::<AnalysisRunItem>(namespace, name).await?;
    Ok(Answer::AnalysisRun(name.to_owned(), run.map(AnalysisRunItem::seen)))
}

async fn rollout(server: &Server, cached: &Rollout) -> Result<Option<Rollout>, CallError> {
    let namespace = cached.metadata.namespace.as_deref().unwrap_or_default();
    let read = server.get::<RolloutItem>(namespace, &cached.name_any()).await?;
    let rollout = read.and_then(|item| RolloutItem::decode(&item.to_bytes()).ok());
    Ok(rollout.filter(|rollout| rollout.metadata.uid == cached.metadata.uid))
}

/// What may not be read, or is of a kind that the server does not know, is the user's mistake and no failure.
async fn workload(server: &Server, rollout: &Rollout) -> Result<Option<Workload>, CallError> {
    let Some(reference) = Reference::of(&rollout.spec) else { return Ok(None) };
    let namespace = rollout.metadata.namespace.as_deref().unwrap_or_default();
    Ok(Some(match server.workload(reference.kind, namespace, reference.name).await {
        Ok(Some(item)) => Workload::There(Box::new(item.seen())),
        Ok(None) => Workload::Missing,
        Err(error) => match error.verdict() {
            Verdict::Refused(refusal) => Workload::Unreadable(refusal.message),
            Verdict::Outdated | Verdict::Gone | Verdict::Later(_) => return Err(error),
        },
    }))
}

async fn services(server: &Server, namespace: &str, observed: &Observed) -> Result<Answer, CallError> {
    let mut services = BTreeMap::new();
    for name in service_names(&observed.rollout) {
        let seen = server.get::<ServiceItem>(namespace, name).await?.map(ServiceItem::seen);
        services.insert(name.to_owned(), seen);
    }
    let mut left = BTreeMap::new();
    for name in observed.left_services.keys().filter(|name| !services.contains_key(*name)) {
        let seen = server.get::<ServiceItem>(namespace, name).await?.map(ServiceItem::seen);
        let seen = seen.filter(|seen| seen.managed_by.as_deref() == Some(observed.name()));
        left.extend(seen.map(|seen| (name.clone(), seen)));
    }
    Ok(Answer::Services(services, left))
}

/// All Rollouts of the namespace, whichever controller's, as far as they want what this one wants.
async fn neighbours(server: &Server, namespace: &str, observed: &Observed) -> Result<Answer, CallError> {
    let listed = server.list::<RolloutItem>(namespace, "").await?;
    let labels = labels_of(observed.template());
    let others = listed.iter().filter(|item| item.name_any() != observed.name());
    let seen = others.map(|item| {
        let spec = &item.object()["spec"];
        let selector: Option<Selector> = serde_json::from_value(spec["selector"].clone()).ok();
        let matches = |selector: Option<&Selector>, labels: &BTreeMap<String, String>| {
            selector.is_some_and(|selector| selects(selector, labels))
        };
        // What it takes from a workload the cache knows.
        let is_known = !spec["workloadRef"].is_null()
            && observed.neighbours.get(&item.name_any()).is_some_and(|known| known.overlaps);
        let neighbour = Neighbour {
            name: item.name_any(),
            created: item.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            services: services_named(item.object()),
            overlaps: is_known
                || matches(selector.as_ref(), &labels)
                || matches(observed.selector(), &labels_of(spec.get("template"))),
        };
        (neighbour.name.clone(), neighbour)
    });
    Ok(Answer::Neighbours(seen.collect()))
}

/// ReplicaSets that the selector matches come from a list. Those that the Rollout controls though the selector no longer
/// matches them (somebody changed their labels) are read one by one, as far as the cache knows them.
async fn replica_sets(server: &Server, namespace: &str, observed: &Observed) -> Result<Answer, CallError> {
    let uid = observed.rollout.metadata.uid.as_deref();
    let wanted = observed.selector();
    let listed = server.list::<ReplicaSetItem>(namespace, &query(wanted)).await?;
    let mut seen: BTreeMap<_, _> =
        listed.into_iter().map(ReplicaSetItem::seen).map(|seen| (seen.name.clone(), seen)).collect();
    for name in observed.replica_sets.keys() {
        if !seen.contains_key(name)
            && let Some(item) = server.get::<ReplicaSetItem>(namespace, name).await?
        {
            seen.insert(name.clone(), item.seen());
        }
    }
    seen.retain(|_, seen| {
        let hashed = seen.labels.contains_key(keys::POD_TEMPLATE_HASH);
        seen.controller_uid.as_deref() == uid || hashed && adoptable(seen, wanted)
    });
    Ok(Answer::ReplicaSets(seen))
}

/// Without permission to read EndpointSlices the answer is that they are not known, not a failure.
async fn endpoints(server: &Server, namespace: &str, rollout: &Rollout) -> Result<Answer, CallError> {
    let Some(service) = active_service(rollout) else {
        return Ok(Answer::ActiveEndpoints(None));
    };
    match server.list::<SliceItem>(namespace, &SliceItem::selector_for(service)).await {
        Ok(slices) => {
            let mut endpoints: Vec<_> = slices.into_iter().flat_map(SliceItem::seen).collect();
            endpoints.sort();
            Ok(Answer::ActiveEndpoints(Some(endpoints)))
        }
        Err(error) if error.code() == Some(403) => Ok(Answer::ActiveEndpoints(None)),
        Err(error) => Err(error),
    }
}

async fn pods(
    server: &Server,
    namespace: &str,
    replica_set: &str,
    seen: Option<&ReplicaSetSeen>,
) -> Result<Answer, CallError> {
    let mut pods = Vec::new();
    if let Some(seen) = seen
        && let Some(hash) = seen.labels.get(keys::POD_TEMPLATE_HASH)
    {
        let listed =
            server.list::<PodItem>(namespace, &format!("{}={hash}", keys::POD_TEMPLATE_HASH)).await?;
        let own = |item: &PodItem| controller_of(item.meta()).is_some_and(|owner| owner.uid == seen.uid);
        pods = listed.into_iter().filter(own).map(PodItem::seen).collect();
        pods.sort();
    }
    Ok(Answer::Pods(replica_set.to_owned(), pods))
}

/// The core knows no API defaults. The server does: a dry-run create of the ReplicaSet returns the template as it would
/// be stored, to be compared with those that are.
async fn templates(server: &Server, namespace: &str, observed: &Observed) -> Result<Answer, CallError> {
    let (rollout, selector) = (&observed.rollout, observed.selector());
    let what = format!("create a ReplicaSet of Rollout {} (dry run)", rollout.name_any());
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"generateName": format!("{}-", rollout.name_any()), "namespace": namespace},
        "spec": {"replicas": 0, "selector": selector, "template": observed.template()},
    });
    let wanted = match server.create::<TemplateItem, Value>(what, namespace, true, &body).await {
        Ok(mut created) => Ok(created.pointer_mut("/spec/template").map(Value::take).unwrap_or_default()),
        Err(error) => match error.verdict() {
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Outdated | Verdict::Gone | Verdict::Later(_) => return Err(error),
        },
    };
    let uid = rollout.metadata.uid.as_deref();
    let listed = server.list::<TemplateItem>(namespace, &query(selector)).await?;
    let own = |item: &TemplateItem| controller_of(item.meta()).map(|owner| owner.uid.as_str()) == uid;
    let replica_sets = listed.into_iter().filter(own).map(TemplateItem::named_template).collect();
    Ok(Answer::Templates(TemplatesSeen { wanted, replica_sets }))
}

fn query(wanted: Option<&Selector>) -> String {
    wanted.map_or_else(|| keys::POD_TEMPLATE_HASH.to_owned(), |wanted| selector::to_text(wanted, None))
}
