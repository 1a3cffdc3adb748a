//! The pipeline of one pass: what is wrong, what must come first, which ReplicaSet is meant; then the strategy decides.
//!
//! | step | outcome |
//! | --- | --- |
//! | gone | what it has left of its marks on Services goes |
//! | being deleted | nothing |
//! | canary | a condition that says so, nothing else |
//! | the workload that is referenced cannot be had | condition InvalidSpec, nothing else |
//! | invalid | condition InvalidSpec, nothing else |
//! | `spec.replicas` absent | it is written, nothing else |
//! | ReplicaSets to adopt or to release | that, nothing else |
//! | identity unknown | the API server is asked |
//! | all known | [`crate::blue_green`] |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use jiff::Timestamp;
use serde_json::{Value, json};
use verdigris_crds::{RolloutStatus, Selector, keys};

use crate::blue_green;
use crate::blue_green::plan::{Pass, at};
use crate::blue_green::scale::copied_annotations;
use crate::blue_green::{anti_affinity, metadata};
use crate::decision::{Decision, Event, NewReplicaSet, Outcome, Write};
use crate::identity::{self, Identity};
use crate::neighbours;
use crate::observed::{Fresh, Observed, Refusal, ReplicaSetSeen};
use crate::seen::{after, whole_seconds};
use crate::selector;
use crate::status::conditions::Conditions;
use crate::status::{not_honoured, refused as refused_writes};
use crate::validate::{Valid, refused_template, validate, without_name};
use crate::workload::{self, Unresolved};

/// Seconds until something that the API server refused for a passing reason is tried again.
const RETRY_SECONDS: i64 = 10;

/// Decides one pass. Pure: the same `observed` and `now` give the same answer, whatever they hold.
#[must_use]
pub fn decide(observed: &Observed, now: Timestamp) -> Outcome {
    match pipeline(observed, now) {
        Ok(decision) => Outcome::Decided(Box::new(told_of_refusal(observed, decision, now))),
        Err(needs) => blue_green::need(observed, needs),
    }
}

/// What the API server refused a moment ago it would refuse again. Most of it was left out of the decision already; where
/// all the rest depends on it, that waits too: it is told instead, and tried when the shell holds that it is time.
fn told_of_refusal(observed: &Observed, decision: Decision, now: Timestamp) -> Decision {
    let is_wanted = |refusal: &&Refusal| {
        let of_status = refusal.what.starts_with("patch the status of ");
        !decision.writes.is_empty() && of_status
            || decision.writes.iter().any(|write| write.is_refused(refusal))
    };
    let Some(refusal) = observed.refusals.iter().find(is_wanted) else { return decision };
    let mut status = observed.rollout.status.clone().unwrap_or_default();
    let mut conditions = Conditions::of(&status);
    let stamp = whole_seconds(now);
    let event = refused_writes::put(refusal, &mut conditions, stamp);
    status.conditions = conditions.into_list();
    Decision {
        status,
        events: event.into_iter().collect(),
        look_again: Some(after(stamp, RETRY_SECONDS)),
        ..Decision::default()
    }
}

fn pipeline(observed: &Observed, now: Timestamp) -> Result<Decision, BTreeSet<Fresh>> {
    let seen = observed.rollout.status.clone().unwrap_or_default();
    let stamp = whole_seconds(now);
    if observed.gone {
        return blue_green::left_behind::let_go_of_all(observed);
    }
    if observed.rollout.metadata.deletion_timestamp.is_some() {
        return Ok(Decision { status: seen, ..Decision::default() });
    }
    if let Some(decision) = not_acted_on(observed, &seen, stamp) {
        return Ok(decision);
    }
    if neighbours::must_be_read(observed) {
        return Err(BTreeSet::from([Fresh::Neighbours]));
    }
    let generation_due = workload::generation_due(observed);
    let resolved = match workload::resolve(observed) {
        Ok(resolved) => resolved,
        Err(Unresolved::Ask) => return Err(BTreeSet::from([Fresh::Workload])),
        Err(Unresolved::Invalid(error)) => return Ok(invalid(observed, &seen, error, stamp)),
    };
    let observed = resolved.as_ref();
    let valid = match validate(observed) {
        Ok(valid) => valid,
        Err(error) => return Ok(invalid(observed, &seen, error, stamp)),
    };
    let Some(replicas) = observed.rollout.spec.replicas else {
        return Ok(Decision { writes: vec![Write::DefaultReplicas], status: seen, ..Decision::default() });
    };
    let claims = claims(observed, valid.selector);
    // Garbage collection follows owner references: one to a Rollout that has gone would take the pods away.
    let adopts = claims.iter().any(|claim| matches!(claim, Write::AdoptReplicaSet(_)));
    if adopts && !observed.fresh.contains(&Fresh::Rollout) {
        return Err(BTreeSet::from([Fresh::Rollout, Fresh::ReplicaSets]));
    }
    if !claims.is_empty() {
        return Ok(Decision { writes: claims, status: seen, ..Decision::default() });
    }
    let current = match identity::find(observed, &seen, valid.template) {
        Identity::Known(known) => Some(known),
        Identity::New => None,
        Identity::Ask(fresh) => return Err(BTreeSet::from([fresh])),
        Identity::Refused(refusal) => {
            let hash = identity::pod_template_hash(valid.template, seen.collision_count.unwrap_or(0));
            return Ok(refused(observed, &seen, refusal, &hash, stamp));
        }
    };
    let mut collision_count = seen.collision_count;
    if current.is_none() {
        let hash = identity::pod_template_hash(valid.template, collision_count.unwrap_or(0));
        match creation_refused(observed, &hash) {
            Some(refusal) if refusal.code == 409 => {
                // It may be ours, and the cache late: only a live list tells a stranger's from our own.
                if !observed.fresh.contains(&Fresh::ReplicaSets) {
                    return Err(BTreeSet::from([Fresh::ReplicaSets]));
                }
                collision_count = Some(collision_count.unwrap_or(0).saturating_add(1));
            }
            Some(refusal) => return Ok(refused(observed, &seen, refusal, &hash, stamp)),
            None => {}
        }
    }
    let pass =
        gather(observed, &seen, &valid, Found { current, collision_count, replicas, generation_due }, now);
    blue_green::decide(&pass)
}

/// What the steps before found out.
struct Found<'a> {
    current: Option<&'a ReplicaSetSeen>,
    collision_count: Option<i32>,
    replicas: i32,
    generation_due: Option<String>,
}

fn gather<'a>(
    observed: &'a Observed,
    seen: &'a RolloutStatus,
    valid: &Valid<'a>,
    found: Found<'a>,
    now: Timestamp,
) -> Pass<'a> {
    let name = observed.name();
    let Found { current, collision_count, replicas, generation_due } = found;
    let hash = current.and_then(|current| current.hash(name)).map_or_else(
        || identity::pod_template_hash(valid.template, collision_count.unwrap_or(0)),
        str::to_owned,
    );
    let newest_other =
        observed.owned().filter(|seen| seen.hash(name) != Some(&hash)).map(ReplicaSetSeen::revision).max();
    let revision =
        newest_other.unwrap_or(0).saturating_add(1).max(current.map_or(0, ReplicaSetSeen::revision));
    let (recorded_active, stable_hash) = recorded(observed, seen, valid);
    let template_sha256 = identity::template_sha256(valid.template);
    let current_name = current.map_or_else(|| format!("{name}-{hash}"), |current| current.name.clone());
    let mut pass = Pass {
        observed,
        now,
        stamp: whole_seconds(now),
        spec: &observed.rollout.spec,
        strategy: valid.strategy,
        template: valid.template,
        selector: valid.selector,
        seen,
        replicas,
        active: valid.active,
        preview: valid.preview,
        current,
        create: None,
        collision_count,
        transition: seen.current_pod_hash.as_deref() != Some(hash.as_str()),
        found_by_comparison: observed.templates.is_some(),
        stable: stable_hash.as_deref().and_then(|hash| observed.owned_with_hash(hash)),
        stable_hash,
        recorded_active,
        hash,
        current_name,
        revision,
        template_sha256,
        generation_due,
    };
    if current.is_none() {
        pass.create = Some(new_replica_set(&pass, valid.template));
    }
    pass
}

/// What the active Service selects by our own record, and what was promoted last. A status that was lost is read off the
/// Service: what serves was promoted, whoever did it.
fn recorded(
    observed: &Observed,
    seen: &RolloutStatus,
    valid: &Valid<'_>,
) -> (Option<String>, Option<String>) {
    let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let stable = non_empty(&seen.stable_rs);
    let recorded = seen.blue_green.as_ref().and_then(|seen| non_empty(&seen.active_selector));
    let live = valid.active.hash().filter(|hash| observed.owned_with_hash(hash).is_some()).map(str::to_owned);
    let serves = stable
        .clone()
        .filter(|hash| observed.owned_with_hash(hash).is_some_and(|seen| seen.ready_replicas > 0));
    let recorded = recorded.or(live.as_ref().and(serves)).or(live);
    let stable = stable.or_else(|| recorded.clone());
    (recorded, stable)
}

fn new_replica_set(pass: &Pass<'_>, template: &Value) -> NewReplicaSet {
    let mut template = template.clone();
    let label = (keys::POD_TEMPLATE_HASH.to_owned(), pass.hash.clone());
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.insert(label.0.clone(), Value::from(label.1.as_str()));
    }
    let found = template.pointer("/metadata/labels").and_then(Value::as_object);
    let labels: BTreeMap<String, String> = found
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .chain([label])
        .collect();
    let mut annotations: BTreeMap<String, String> =
        copied_annotations(pass.observed.rollout.metadata.annotations.as_ref())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
    annotations.insert(keys::REVISION.to_owned(), pass.revision.to_string());
    annotations.insert(keys::DESIRED_REPLICAS.to_owned(), pass.replicas.to_string());
    annotations.insert(keys::TEMPLATE_SHA256.to_owned(), pass.template_sha256.clone());
    annotations.insert(keys::IMAGES_SHA256.to_owned(), identity::images_sha256(pass.template));
    metadata::bake(pass, &mut template, &mut annotations);
    anti_affinity::inject(pass, &mut template);
    NewReplicaSet {
        name: pass.current_name.clone(),
        labels,
        annotations,
        replicas: pass.replicas,
        min_ready_seconds: pass.spec.min_ready_seconds.unwrap_or(0),
        selector: with_hash(pass.selector, &pass.hash),
        template,
    }
}

fn with_hash(selector: &Selector, hash: &str) -> Value {
    let mut selector = selector.clone();
    selector.match_labels.get_or_insert_default().insert(keys::POD_TEMPLATE_HASH.to_owned(), hash.to_owned());
    serde_json::to_value(&selector).unwrap_or_else(|_| json!({}))
}

/// ReplicaSets to adopt, because the selector matches them and nobody controls them, and to release, because it no
/// longer matches.
fn claims(observed: &Observed, selector: &Selector) -> Vec<Write> {
    let claim = |seen: &ReplicaSetSeen| {
        let matched = selector::matches(selector, &seen.labels);
        match seen.controller_uid.as_deref() {
            None if matched && seen.labels.contains_key(keys::POD_TEMPLATE_HASH) => {
                Some(Write::AdoptReplicaSet(at(seen)))
            }
            Some(owner) if owner == observed.uid() && !matched => Some(Write::ReleaseReplicaSet(at(seen))),
            Some(_) | None => None,
        }
    };
    observed.replica_sets.values().filter(|seen| !seen.deleting).filter_map(claim).collect()
}

/// The refusal of the very ReplicaSet that would be created now.
fn creation_refused<'a>(observed: &'a Observed, hash: &str) -> Option<&'a Refusal> {
    let what = format!("create ReplicaSet {}-{hash}", observed.name());
    observed.refusals.iter().find(|refusal| refusal.what == what)
}

/// The API server refused the ReplicaSet: for its template, which the user must correct, or for a passing reason. In
/// that case the generation stays unobserved: `currentPodHash` does not speak of this template yet.
fn refused(
    observed: &Observed,
    seen: &RolloutStatus,
    refusal: &Refusal,
    hash: &str,
    stamp: Timestamp,
) -> Decision {
    if matches!(refusal.code, 400 | 413 | 422) {
        return invalid(observed, seen, refused_template(refusal), stamp);
    }
    let name = observed.name();
    let why = without_name(&refusal.message);
    let message = format!("Failed to create new replica set \"{name}-{hash}\": {why}");
    let mut conditions = Conditions::of(seen);
    let is_news = conditions.put("Progressing", "False", "ReplicaSetCreateError", &message, stamp);
    let mut status = seen.clone();
    status.phase = Some("Degraded".to_owned());
    status.message = Some(format!("ReplicaSetCreateError: {message}"));
    status.conditions = conditions.into_list();
    let event = Event { warning: true, reason: "ReplicaSetCreateError".to_owned(), message };
    Decision {
        status,
        events: is_news.then_some(event).into_iter().collect(),
        look_again: Some(after(stamp, RETRY_SECONDS)),
        ..Decision::default()
    }
}

fn invalid(observed: &Observed, seen: &RolloutStatus, error: impl Display, stamp: Timestamp) -> Decision {
    let message = format!("The Rollout \"{}\" is invalid: {error}", observed.name());
    let mut conditions = Conditions::of(seen);
    conditions.remove_if("InvalidSpec", |condition| condition.message != message);
    conditions.set("InvalidSpec", "True", "InvalidSpec", &message, stamp);
    not_honoured::fill(&observed.rollout, &mut conditions, stamp);
    told(observed, seen, conditions, ("Degraded", format!("InvalidSpec: {message}")))
}

/// Canary is left alone altogether: half of it would be worse than none.
fn not_acted_on(observed: &Observed, seen: &RolloutStatus, stamp: Timestamp) -> Option<Decision> {
    let spec = &observed.rollout.spec;
    let strategy = spec.strategy.as_ref();
    let is_canary =
        strategy.is_some_and(|strategy| strategy.canary.is_some() && strategy.blue_green.is_none());
    if !is_canary {
        return None;
    }
    let mut conditions = Conditions::of(seen);
    not_honoured::fill(&observed.rollout, &mut conditions, stamp);
    let text = format!("NotHonoured: {}", not_honoured::sentence(&not_honoured::fields(&observed.rollout)));
    Some(told(observed, seen, conditions, ("Degraded", text)))
}

fn told(
    observed: &Observed,
    seen: &RolloutStatus,
    conditions: Conditions,
    (phase, message): (&str, String),
) -> Decision {
    let mut status = seen.clone();
    status.conditions = conditions.into_list();
    status.phase = Some(phase.to_owned());
    status.message = Some(message);
    status.observed_generation = Some(observed.rollout.metadata.generation.unwrap_or_default().to_string());
    Decision { status, ..Decision::default() }
}
