//! R3: manual gates.

use serde_json::Value;
use verdigris_crds::keys;

use super::{Refused, Rule, World, ensure, names_as_left};
use crate::approval::Approval;
use crate::observed::ReplicaSetSeen;

impl World<'_> {
    /// R3: the gate of a version, where promotion is manual.
    pub(super) fn may_pass(&self, hash: &str, what: &str) -> Result<(), Refused> {
        let spec = &self.observed.rollout.spec;
        let blue_green = spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
        let is_manual = blue_green.is_some_and(|strategy| strategy.auto_promotion_enabled == Some(false));
        let known = self.recorded() == Some(hash) || self.seen.stable_rs.as_deref() == Some(hash);
        if known {
            return Ok(());
        }
        if let Some(Value::Object(_)) = blue_green.and_then(|it| it.pre_promotion_analysis.as_ref()) {
            let excused = self.is_excused(hash) || self.is_analysed(hash, "PrePromotion");
            ensure(excused, Rule::R8, || format!("{what}: no analysis of it at its revision has succeeded"))?;
        }
        let is_meant = self.seen.current_pod_hash.as_deref() == Some(hash);
        let blue_green = self.seen.blue_green.as_ref();
        let run = blue_green.and_then(|seen| seen.pre_promotion_analysis_run_status.as_ref());
        let cleared = is_meant
            && !self.seen.other.contains_key("currentStepHash")
            && run.is_none_or(|run| run.status != "Inconclusive")
            && self.seen.controller_pause == Some(true)
            && self.seen.pause_conditions.as_ref().is_none_or(Vec::is_empty);
        ensure(!is_manual || cleared || self.is_excused(hash) || self.is_approved(hash), Rule::R3, || {
            format!("{what}: nobody approved that version at its revision")
        })
    }

    fn is_approved(&self, hash: &str) -> bool {
        let annotations = self.observed.rollout.metadata.annotations.as_ref();
        let approval = annotations
            .and_then(|annotations| annotations.get(keys::APPROVAL))
            .and_then(|text| Approval::parse(text).ok());
        let revision = self.with_hash(hash).map_or(0, ReplicaSetSeen::revision);
        let condition = self.condition(keys::APPROVAL_CONDITION);
        // While an approved version grows from its preview size, the condition is what is left of the approval.
        let noted = format!("Approval of {hash} (revision {revision}) ");
        condition.is_some_and(|it| it.reason == "Approved" && it.message.starts_with(&noted))
            || approval.is_some_and(|it| it.is_for(hash, revision) && !it.is_over(condition))
    }

    /// Whether the newest word is that traffic is leaving this version, and it was not brought back since: that would have made
    /// it the newer revision.
    pub(super) fn was_just_left(&self, hash: &str) -> bool {
        let revision = |hash| self.observed.owned_with_hash(hash).map(ReplicaSetSeen::revision);
        let conditions = self.seen.conditions.iter().flatten();
        let mut switched = conditions.filter(|it| it.type_ == keys::TRAFFIC_SWITCHED);
        let next = switched.find_map(|it| it.message.split('\'').nth(5)).and_then(revision);
        names_as_left(&self.seen, hash, "Switching") && next.is_some_and(|next| revision(hash) < Some(next))
    }

    /// Whether it was promoted once, and so few versions came between it and the stable one that the window reaches it.
    pub(super) fn is_within_window(&self, hash: &str) -> bool {
        let revisions = self.observed.rollout.spec.rollback_window.as_ref().and_then(|it| it.revisions);
        let active = self.observed.service(&self.active_service).and_then(|service| service.hash());
        let stable = self.seen.stable_rs.as_deref().or(self.recorded()).or(active);
        let stable = stable.and_then(|stable| self.observed.owned_with_hash(stable));
        let (Some(seen), Some(stable)) = (self.observed.owned_with_hash(hash), stable) else { return false };
        let between =
            self.observed.owned().filter(|it| it.created > seen.created && it.created < stable.created);
        let between = i32::try_from(between.count()).unwrap_or(i32::MAX);
        let promoted = seen.once_stable() || seen.formerly_stable() || self.was_just_left(hash);
        promoted && seen.created < stable.created && between < revisions.unwrap_or(0)
    }
}
