//! The safety kernel: no plan leaves the controller before it has passed this check.
//!
//! It knows nothing of how decisions are made. It replays the writes one by one on a small model of what was seen, since
//! commit may stop after any of them, and refuses the decision at the first write that breaks a rule:
//!
//! | rule | says |
//! | --- | --- |
//! | R1 | the active Service is moved only to a ReplicaSet that is fully available; except back to the recorded one, or by an abort to a stable one with ready pods, no fewer than the one now selected |
//! | R2 | what the active Service selects, or did within the proven drain time, never goes below what is desired; its pods stay selected; ready pods are evicted only by a restart that is due, and no more at once than `maxUnavailable` |
//! | R3 | a manual gate is passed only with an unspent approval for that hash and revision; except by the initial deploy, a full promotion, or back to a formerly stable version that is warm or inside the rollback window |
//! | R4 | nothing grows but the current ReplicaSet, the stable one, and what a live Service selects |
//! | R5 | never two ReplicaSets for one template |
//! | R6 | writes go only to objects that we own, or that this Rollout names |
//! | R7 | the referenced Deployment never gains pods, and loses none that are needed to serve |
//! | R8 | where an analysis before promotion is asked for, nothing is promoted without a successful run for that hash and revision; where one after it is asked for, the old version stays stable, with its pods, until such a run has succeeded; except by the initial deploy, a full promotion, or back to a formerly stable version that is warm |
//! | R9 | a Service is let go, or taken over, only where no other Rollout names it |
//!
//! Dangerous writes are refused too if what they depend on was not read live. Of a Service that is itself written, the
//! write is the proof: it names the version that was looked at, and the server refuses it if that is not the current one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::{Condition, RolloutStatus, keys};

use crate::decision::{Decision, NewReplicaSet, PointService, Precondition, ReplicaSetChange, Write};
use crate::observed::{Fresh, Observed, ReplicaSetSeen};

pub use rule::{Refused, Rule};

/// Checks every prefix of the decision's writes.
///
/// # Errors
/// The first rule that a write would break.
pub fn guard(observed: &Observed, decision: &Decision, now: Timestamp) -> Result<(), Refused> {
    let mut world = World::of(observed, decision, now);
    decision.writes.iter().try_for_each(|write| world.take(write))?;
    world.may_become_stable()
}

/// What the writes so far have made of what was seen.
struct World<'a> {
    observed: &'a Observed,
    decision: &'a Decision,
    now: Timestamp,
    seen: RolloutStatus,
    /// Owned ReplicaSets by name, as the writes leave them.
    owned: BTreeMap<String, ReplicaSetSeen>,
    /// Hashes that Services select, by Service name, as the writes leave them.
    selected: BTreeMap<String, String>,
    /// Hashes that Services which were left behind select, by Service name, as the writes leave them.
    left: BTreeMap<String, String>,
    active_service: String,
    desired: i32,
    /// What the active Service selected before a write of this very decision moved it.
    just_left: Vec<String>,
    /// Serving pods that this very decision evicts.
    evicted: usize,
}

impl<'a> World<'a> {
    fn of(observed: &'a Observed, decision: &'a Decision, now: Timestamp) -> Self {
        let spec = &observed.rollout.spec;
        let blue_green = spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
        Self {
            observed,
            decision,
            now,
            seen: observed.rollout.status.clone().unwrap_or_default(),
            owned: observed.owned().map(|seen| (seen.name.clone(), seen.clone())).collect(),
            selected: observed
                .services
                .iter()
                .filter_map(|(name, service)| Some((name.clone(), service.as_ref()?.hash()?.to_owned())))
                .collect(),
            left: observed
                .left_services
                .iter()
                .filter_map(|(name, service)| Some((name.clone(), service.hash()?.to_owned())))
                .collect(),
            active_service: blue_green.map(|strategy| strategy.active_service.clone()).unwrap_or_default(),
            desired: spec.replicas.unwrap_or(1),
            just_left: Vec::new(),
            evicted: 0,
        }
    }

    fn take(&mut self, write: &Write) -> Result<(), Refused> {
        match write {
            Write::CreateReplicaSet(new) => self.create(new),
            Write::UpdateReplicaSet(change) => self.update(change),
            Write::DeleteReplicaSet(at) => self.delete(at),
            Write::AdoptReplicaSet(at) => {
                let orphan = self.observed.replica_sets.get(&at.name);
                let is_orphan =
                    orphan.is_some_and(|seen| seen.controller_uid.is_none() && seen.uid == at.uid);
                ensure(is_orphan, Rule::R6, || format!("adopt {}: it is not an orphan", at.name))?;
                // A reference to a Rollout that has gone would take the pods away.
                self.needs(&[Fresh::Rollout], &format!("adopt {}", at.name))
            }
            Write::ReleaseReplicaSet(at) => self.own(at, "release").map(|_| ()),
            Write::PointService(point) => self.point(point),
            Write::ReleaseService(at) => self.release(at),
            Write::ScaleWorkload(scale) => self.scale_workload(scale),
            Write::AnnotateRollout(_) | Write::DefaultReplicas => Ok(()),
            Write::EvictPods(evictions) => self.evict(evictions),
            Write::CreateAnalysisRun(new) => {
                let hash = new.labels.get(keys::POD_TEMPLATE_HASH);
                let is_current = hash.is_some() && hash == self.decision.status.current_pod_hash.as_ref();
                ensure(is_current, Rule::R6, || {
                    format!("create {}: it is not about the current version", new.name)
                })
            }
            Write::TerminateAnalysisRun(at) => self.own_run(at, "end"),
            Write::DeleteAnalysisRun(at) => {
                self.needs(&[Fresh::Rollout, Fresh::ReplicaSets], &format!("delete {}", at.name))?;
                self.own_run(at, "delete")
            }
            Write::LabelPod(change) => self.label(change),
        }
    }

    fn create(&mut self, new: &NewReplicaSet) -> Result<(), Refused> {
        let hash = new.labels.get(keys::POD_TEMPLATE_HASH).cloned().unwrap_or_default();
        let template = new.annotations.get(keys::TEMPLATE_SHA256);
        let twin = self.owned.values().find(|seen| {
            self.hash(seen) == hash
                || (template.is_some() && seen.annotations.get(keys::TEMPLATE_SHA256) == template)
        });
        ensure(twin.is_none(), Rule::R5, || {
            format!("create {}: {} has that template", new.name, twin.map_or("", |twin| &twin.name))
        })?;
        let is_current = self.decision.status.current_pod_hash.as_deref() == Some(&hash);
        ensure(is_current && new.replicas <= self.desired, Rule::R4, || {
            format!("create {} with {} pods: it is not the current version", new.name, new.replicas)
        })?;
        let seen = ReplicaSetSeen {
            name: new.name.clone(),
            labels: new.labels.clone(),
            annotations: new.annotations.clone(),
            replicas_wanted: new.replicas,
            generation: 1,
            ..ReplicaSetSeen::default()
        };
        self.owned.insert(new.name.clone(), seen);
        Ok(())
    }

    fn update(&mut self, change: &ReplicaSetChange) -> Result<(), Refused> {
        let mut seen = self.own(&change.at, "update")?.clone();
        self.keeps_selected(&change.template.labels, &seen.name)?;
        if let Some(replicas) = change.replicas {
            if replicas < seen.replicas_wanted {
                self.may_lose_pods(&seen, replicas)?;
            }
            if replicas > seen.replicas_wanted {
                self.may_grow(&seen, replicas)?;
            }
            seen.replicas_wanted = replicas;
            seen.generation = seen.generation.saturating_add(1);
        }
        for (key, value) in &change.annotations {
            match value {
                Some(value) => seen.annotations.insert(key.clone(), value.clone()),
                None => seen.annotations.remove(key),
            };
        }
        self.owned.insert(seen.name.clone(), seen);
        Ok(())
    }

    fn delete(&mut self, at: &Precondition) -> Result<(), Refused> {
        let seen = self.own(at, "delete")?.clone();
        self.may_lose_pods(&seen, 0)?;
        self.owned.remove(&at.name);
        Ok(())
    }

    /// R1 and R3, for the active Service.
    fn point(&mut self, point: &PointService) -> Result<(), Refused> {
        let name = &point.at.name;
        let what = format!("point service {name} to {}", point.hash);
        let service = self.observed.service(name).filter(|service| service.uid == point.at.uid);
        let is_ours = service.is_some_and(|service| self.is_free(service));
        let spec = &self.observed.rollout.spec;
        let blue_green = spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
        let is_preview = blue_green.is_some_and(|it| it.preview_service.as_deref() == Some(name));
        let is_active = *name == self.active_service;
        ensure(is_ours && (is_active || is_preview), Rule::R6, || {
            format!("{what}: this Rollout does not name it, or another one manages it")
        })?;
        let is_seen = service.is_some_and(|it| it.resource_version == point.at.resource_version);
        ensure(is_seen, Rule::Fresh, || {
            format!("{what}: the write does not name the version that was seen")
        })?;
        let before = self.selected.insert(name.clone(), point.hash.clone());
        if !is_active || before.as_deref() == Some(&point.hash) {
            return Ok(());
        }
        self.needs(&[Fresh::Rollout, Fresh::ReplicaSets], &what)?;
        self.may_serve(&point.hash, before.as_deref(), &what)?;
        self.may_pass(&point.hash, &what)?;
        self.just_left.extend(before);
        Ok(())
    }

    fn may_serve(&self, hash: &str, before: Option<&str>, what: &str) -> Result<(), Refused> {
        let Some(target) = self.with_hash(hash) else {
            return refuse(Rule::R1, format!("{what}: there is no such ReplicaSet"));
        };
        let ready_now = before.and_then(|hash| self.with_hash(hash)).map_or(0, |seen| seen.ready_replicas);
        let by_abort = self.seen.abort == Some(true)
            && self.seen.stable_rs.as_deref() == Some(hash)
            && target.ready_replicas > 0
            && target.ready_replicas >= ready_now;
        let allowed = target.is_fully_available(self.desired) || self.recorded() == Some(hash) || by_abort;
        ensure(allowed, Rule::R1, || {
            format!(
                "{what}: {} of {} pods available, {} wanted of it",
                target.available_replicas, self.desired, target.replicas_wanted
            )
        })
    }

    /// Whether no gate holds: nothing was ever active, a full promotion was asked for, or it is warm and was promoted
    /// before.
    fn is_excused(&self, hash: &str) -> bool {
        let live = self.observed.service(&self.active_service).and_then(|service| service.hash());
        let initial = self.recorded().is_none()
            && live.is_none_or(|live| self.observed.owned_with_hash(live).is_none());
        let is_meant = self.seen.current_pod_hash.as_deref() == Some(hash);
        let full = is_meant && self.seen.promote_full == Some(true);
        let warm = self.observed.owned_with_hash(hash).is_some_and(|seen| {
            seen.replicas_wanted > 0 && (seen.formerly_stable() || self.was_just_left(hash))
        });
        initial || full || warm || self.is_within_window(hash)
    }

    /// Whether an analysis of this version at its revision has succeeded, by a live read.
    fn is_analysed(&self, hash: &str, moment: &str) -> bool {
        let revision = self.with_hash(hash).map_or(0, ReplicaSetSeen::revision).to_string();
        self.observed.analysis.runs.values().any(|run| {
            run.controller_uid.as_deref() == Some(self.observed.uid())
                && run.hash() == Some(hash)
                && run.revision.as_ref() == Some(&revision)
                && run.labels.get(keys::ROLLOUT_TYPE).map(String::as_str) == Some(moment)
                && run.phase == "Successful"
                && self.observed.fresh.contains(&Fresh::AnalysisRun(run.name.clone()))
        })
    }

    /// R8: what the status is to call stable from now on.
    fn may_become_stable(&self) -> Result<(), Refused> {
        let next = self.decision.status.stable_rs.as_deref();
        let (Some(before), Some(next)) = (self.seen.stable_rs.as_deref(), next) else { return Ok(()) };
        let spec = &self.observed.rollout.spec;
        let blue_green = spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
        let asked = blue_green.and_then(|strategy| strategy.post_promotion_analysis.as_ref());
        let holds = before == next
            || !asked.is_some_and(Value::is_object)
            || self.is_excused(next)
            || self.is_analysed(next, "PostPromotion");
        ensure(holds, Rule::R8, || {
            format!("{next} becomes stable: no analysis of it after promotion has succeeded")
        })
    }

    /// R6: the AnalysisRun of this name, if it is ours and still the one that was decided on.
    fn own_run(&self, at: &Precondition, verb: &str) -> Result<(), Refused> {
        let run = self.observed.analysis.runs.get(&at.name);
        let is_ours = run.is_some_and(|run| {
            run.uid == at.uid && run.controller_uid.as_deref() == Some(self.observed.uid())
        });
        ensure(is_ours, Rule::R6, || format!("{verb} {}: it is not ours", at.name))
    }

    /// R2: going to `replicas` pods, or away altogether.
    fn may_lose_pods(&self, seen: &ReplicaSetSeen, replicas: i32) -> Result<(), Refused> {
        let (name, hash) = (&seen.name, self.hash(seen));
        let what = format!("take {name} from {} to {replicas} pods", seen.replicas_wanted);
        self.needs(&[Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets], &what)?;
        let active = self.selected.get(&self.active_service).map(String::as_str);
        let is_current = self.decision.status.current_pod_hash.as_deref() == Some(hash);
        let is_recorded = self.recorded() == Some(hash) && self.just_left.is_empty();
        // What is stable until this very decision stays for it: the status is written last.
        let is_stable = self.decision.status.stable_rs.as_deref() == Some(hash)
            || self.seen.stable_rs.as_deref() == Some(hash);
        let serves = active == Some(hash) || is_recorded || is_stable || self.is_left_selected(hash);
        // To what is desired, which may be nothing, is no loss; except for versions that are out of use and draining.
        if replicas >= self.desired && seen.replicas_wanted > 0 && (replicas > 0 || serves || is_current) {
            return Ok(());
        }
        ensure(!serves, Rule::R2, || {
            format!("{what}: it serves, or is the version to go back to; {} are desired", self.desired)
        })?;
        if seen.replicas_wanted == 0 && seen.replicas == 0 {
            return Ok(());
        }
        let draining = self.just_left.iter().any(|left| left == hash)
            || self.left_by_switch(hash)
            || seen.scale_down_deadline().is_some_and(|deadline| deadline > self.now);
        let over_limit = self.over_limit(seen);
        ensure(!draining || over_limit, Rule::R2, || format!("{what}: its drain time is not over"))?;
        self.needs(&[Fresh::ActiveEndpoints, Fresh::Pods(name.clone())], &what)?;
        let pods = self.observed.pods.get(name);
        let gets_traffic = self.observed.active_endpoints.iter().flatten().any(|endpoint| {
            endpoint.ready
                && pods.into_iter().flatten().any(|pod| Some(&pod.uid) == endpoint.pod_uid.as_ref())
        });
        ensure(!gets_traffic, Rule::R2, || {
            format!("{what}: its pods are still endpoints of the active Service")
        })
    }

    /// `scaleDownDelayRevisionLimit` ends a delay early, but never one whose switch is not proven.
    fn over_limit(&self, seen: &ReplicaSetSeen) -> bool {
        let spec = &self.observed.rollout.spec;
        let blue_green = spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
        let limit = blue_green.and_then(|strategy| strategy.scale_down_delay_revision_limit);
        let hash = self.hash(seen);
        let unproven = self.left_by_switch(hash) || self.just_left.iter().any(|left| left == hash);
        let has_use = |hash: &str| {
            let status = &self.decision.status;
            status.current_pod_hash.as_deref() == Some(hash) || status.stable_rs.as_deref() == Some(hash)
        };
        let younger = self.owned.values().filter(|other| {
            let is_younger = (other.revision(), &other.name) > (seen.revision(), &seen.name);
            other.replicas_wanted > 0 && is_younger && !has_use(self.hash(other))
        });
        let younger = younger.count();
        limit.and_then(|limit| usize::try_from(limit).ok()).is_some_and(|limit| younger >= limit) && !unproven
    }

    /// R4.
    fn may_grow(&self, seen: &ReplicaSetSeen, replicas: i32) -> Result<(), Refused> {
        let hash = self.hash(seen);
        let status = &self.decision.status;
        let has_use = status.current_pod_hash.as_deref() == Some(hash)
            || status.stable_rs.as_deref() == Some(hash)
            || self.seen.stable_rs.as_deref() == Some(hash)
            || self.selected.values().any(|selected| selected == hash);
        ensure(has_use && replicas <= self.desired, Rule::R4, || {
            format!("grow {} to {replicas} pods: it is of no use, or {} are desired", seen.name, self.desired)
        })
    }

    /// R6: the ReplicaSet of this name, if it is ours and still the one that was decided on.
    fn own(&self, at: &Precondition, verb: &str) -> Result<&ReplicaSetSeen, Refused> {
        match self.owned.get(&at.name) {
            Some(seen) if seen.uid == at.uid => Ok(seen),
            Some(_) | None => refuse(Rule::R6, format!("{verb} {}: it is not ours", at.name)),
        }
    }

    fn needs(&self, parts: &[Fresh], what: &str) -> Result<(), Refused> {
        let stale = parts.iter().find(|part| !self.observed.fresh.contains(*part));
        ensure(stale.is_none(), Rule::Fresh, || format!("{what}: {stale:?} was not read live"))
    }

    fn recorded(&self) -> Option<&str> {
        self.seen.blue_green.as_ref()?.active_selector.as_deref()
    }

    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.seen.conditions.iter().flatten().find(|condition| condition.type_ == type_)
    }

    /// Whether the last switch went away from this version, and its endpoints do not show that yet: neither by what was
    /// seen nor by what this decision has found out.
    fn left_by_switch(&self, hash: &str) -> bool {
        names_as_left(&self.decision.status, hash, "") && names_as_left(&self.seen, hash, "")
    }

    fn hash<'s>(&self, seen: &'s ReplicaSetSeen) -> &'s str {
        seen.hash(self.observed.name()).unwrap_or_default()
    }

    fn with_hash(&self, hash: &str) -> Option<&ReplicaSetSeen> {
        self.owned.values().find(|seen| self.hash(seen) == hash)
    }
}

/// Whether the condition TrafficSwitched says that this version is being left; for a reason that begins so.
fn names_as_left(status: &RolloutStatus, hash: &str, reason: &str) -> bool {
    let conditions = status.conditions.iter().flatten();
    let mut unproven = conditions.filter(|it| it.type_ == keys::TRAFFIC_SWITCHED && it.status == "False");
    unproven.any(|it| {
        let is_meant = reason.is_empty() || it.reason == reason;
        is_meant && it.message.split('\'').nth(3) == Some(hash)
    })
}

fn ensure(holds: bool, rule: Rule, message: impl FnOnce() -> String) -> Result<(), Refused> {
    if holds { Ok(()) } else { refuse(rule, message()) }
}

fn refuse<T>(rule: Rule, message: String) -> Result<T, Refused> {
    Err(Refused { rule, message })
}

mod gates;
mod pods;
mod rule;
mod services;
#[cfg(test)]
mod tests;
mod workload;
