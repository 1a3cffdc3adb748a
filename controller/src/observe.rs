//! `--observe`: beside another controller, on its Rollouts, writing nothing.
//!
//! Whoever wants to know what Verdigris would do with their Rollouts lets it watch while the peer acts. Every pass decides
//! as always; what it decides is told instead of done. Three things come of it:
//!
//! * what Verdigris would do now, told once when it would;
//! * a **difference**: something that Verdigris would have done for a minute, and that nobody did, or a phase that it
//!   would have written all that time;
//! * a **difference**: the active Service was switched though Verdigris, in the world as it was before the switch, would
//!   not have done so. Where somebody's promote explains it, that is said instead.
//!
//! A plain struct, told the time; the controller's loop feeds it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};
use verdigris_core::{
    decision::{Decision, Outcome, ReplicaSetChange, Write},
    observed::{Observed, ServiceSeen},
};
use verdigris_crds::{RolloutStatus, keys};

use crate::{gather::active_service, key::Key, metrics::counters::Counters, rules::Rules};

/// So long a plan may wait for somebody else to carry it out before it counts as a difference. The other controller acts
/// within seconds; its old stack's delay is 30 s by default, and ours begins when the endpoints show the switch.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// How often a decision on the world before a switch may ask for live reads, which are answered from what was seen.
const ROUNDS_MAX: u32 = 8;

/// What one pass saw and decided, and did not do.
#[derive(Clone, Debug)]
pub struct Sight {
    /// What it saw.
    pub observed: Observed,
    /// What it would have done.
    pub decision: Decision,
    /// What the safety kernel would have said to that.
    pub refused: Option<String>,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Verdigris would do this now.
    Would(String),
    /// The active Service was switched, as Verdigris would have done.
    Agrees(String),
    /// Verdigris and whoever acts differ in this.
    Differs(String),
}

/// What was seen of all Rollouts.
#[derive(Debug, Default)]
pub struct Observer {
    rollouts: BTreeMap<Key, Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    /// What Verdigris would do, since when, and whether that was told as a difference.
    plan: BTreeMap<String, (Timestamp, bool)>,
    /// The active Service and the status as they last were.
    before: Option<(ServiceSeen, RolloutStatus)>,
}

impl Observer {
    /// Takes in a pass; answers what is to be told, and when to look again if nothing happens.
    pub fn saw(
        &mut self,
        rollout: &Key,
        sight: &Sight,
        rules: &Rules,
        now: Timestamp,
    ) -> (Vec<Finding>, Option<Timestamp>) {
        let watched = self.rollouts.entry(rollout.clone()).or_default();
        let mut findings = Vec::new();
        let active = active_service(&sight.observed.rollout).and_then(|name| sight.observed.service(name));
        if let (Some((before, status)), Some(active)) = (&watched.before, active) {
            findings.extend(judge_switch(before, status, active, &sight.observed, rules, now));
        }
        let status = sight.observed.rollout.status.clone().unwrap_or_default();
        watched.before = active.cloned().map(|active| (active, status));

        let wanted = wanted(sight);
        watched.plan.retain(|line, _| wanted.contains(line));
        for line in wanted {
            let (since, told) = watched.plan.entry(line.clone()).or_insert_with(|| {
                findings.push(Finding::Would(line.clone()));
                (now, false)
            });
            if !*told && now.duration_since(*since) >= PATIENCE {
                *told = true;
                let seconds = PATIENCE.as_secs();
                findings.push(Finding::Differs(format!(
                    "for {seconds} s nobody did what Verdigris would: {line}"
                )));
            }
        }
        let untold = watched.plan.values().filter(|(_, told)| !told);
        let look_again = untold.filter_map(|(since, _)| since.checked_add(PATIENCE).ok()).min();
        (findings, look_again)
    }

    /// The Rollout is gone.
    pub fn forget(&mut self, rollout: &Key) {
        self.rollouts.remove(rollout);
    }
}

/// Writes findings to the log, and counts them.
pub fn tell(rollout: &Key, findings: &[Finding], counters: &Counters) {
    for finding in findings {
        match finding {
            Finding::Would(what) => info!(%rollout, what, "would"),
            Finding::Agrees(what) => {
                counters.agreements.add_one();
                info!(%rollout, what, "agrees");
            }
            Finding::Differs(what) => {
                counters.differences.add_one();
                warn!(%rollout, what, "differs");
            }
        }
    }
}

/// What Verdigris would do, a line each. Marks of its own are left out: they change nothing for anybody.
fn wanted(sight: &Sight) -> BTreeSet<String> {
    if let Some(refused) = &sight.refused {
        return BTreeSet::from([format!("nothing: the safety kernel refuses the plan, because {refused}")]);
    }
    let writes = sight.decision.writes.iter().filter(|write| !is_own_mark(write));
    let mut lines: BTreeSet<String> = writes.map(Write::describe).collect();
    let seen = sight.observed.rollout.status.clone().unwrap_or_default();
    let status = &sight.decision.status;
    if lines.is_empty() && (&status.phase, &status.stable_rs) != (&seen.phase, &seen.stable_rs) {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        lines.insert(format!(
            "phase {} ({}), stable {}; the status says phase {}, stable {}",
            text(&status.phase),
            status.message.as_deref().unwrap_or_default(),
            text(&status.stable_rs),
            text(&seen.phase),
            text(&seen.stable_rs)
        ));
    }
    lines
}

fn is_own_mark(write: &Write) -> bool {
    let Write::UpdateReplicaSet(ReplicaSetChange {
        replicas: None,
        min_ready_seconds: None,
        annotations,
        template,
        ..
    }) = write
    else {
        return false;
    };
    template.is_empty() && annotations.keys().all(|key| key.starts_with(keys::OWN_PREFIX))
}

/// Whether Verdigris would have done the switch that somebody did, in the world as it was before it.
fn judge_switch(
    before: &ServiceSeen,
    status: &RolloutStatus,
    active: &ServiceSeen,
    observed: &Observed,
    rules: &Rules,
    now: Timestamp,
) -> Option<Finding> {
    let to = active.hash()?;
    if before.name != active.name || before.hash() == Some(to) {
        return None;
    }
    let from = before.hash().unwrap_or_default();
    let what = format!("Service '{}' was switched from '{from}' to '{to}'", active.name);
    // Several changes may have arrived at once, the beginning of the update among them.
    let promoted = RolloutStatus {
        current_pod_hash: Some(to.to_owned()),
        pause_conditions: None,
        controller_pause: Some(true),
        ..status.clone()
    };
    if would_switch(before, status, to, observed, rules, now) {
        return Some(Finding::Agrees(format!("{what}, as Verdigris would have done")));
    }
    if would_switch(before, &promoted, to, observed, rules, now) {
        return Some(Finding::Agrees(format!(
            "{what}, as Verdigris would have done if somebody promoted it"
        )));
    }
    let phase = status.phase.as_deref().unwrap_or("none");
    Some(Finding::Differs(format!("{what}, which Verdigris would not have done (phase before: {phase})")))
}

fn would_switch(
    before: &ServiceSeen,
    status: &RolloutStatus,
    to: &str,
    observed: &Observed,
    rules: &Rules,
    now: Timestamp,
) -> bool {
    let mut world = observed.clone();
    world.services.insert(before.name.clone(), Some(before.clone()));
    world.rollout.status = Some(status.clone());
    for _ in 0..ROUNDS_MAX {
        match (rules.decide)(&world, now) {
            Outcome::NeedFresh(asked) => world.fresh.extend(asked),
            Outcome::Decided(decision) => {
                return decision.writes.iter().any(|write| {
                    matches!(write, Write::PointService(point) if point.at.name == before.name && point.hash == to)
                });
            }
        }
    }
    false
}
