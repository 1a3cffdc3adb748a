//! One pass over one Rollout: decide, read live what the decision needs, decide again, guard, commit, tell.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tracing::{error, warn};
use verdigris_core::{
    decision::{Decision, Event, Outcome},
    guard::Refused,
    observed::{Fresh, Observed, Refusal},
    workload::{Workload, WorkloadSeen},
};
use verdigris_crds::{Condition, RolloutStatus};

use crate::{
    barrier::Until,
    commit::{Commit, Committed, patch_status},
    events,
    items::Undecodable,
    key::{Key, Kind, ObjectId},
    live,
    metrics::{Metrics, work::PassEnd},
    observe::Sight,
    outbox::Letter,
    ports::Clock,
    rivals::Rival,
    rules::Rules,
    server::{CallError, Server, Verdict},
    undecodable,
};

/// How often a decision may ask for live reads within one pass. Each kind of read can be asked for once and pods once a
/// ReplicaSet; a decision that asks more often asks for what it has.
const LIVE_READS_MAX: u32 = 8;
/// Condition type of a Rollout whose plan was refused by the safety kernel.
const PLAN_REFUSED: &str = "verdigris.dev/PlanRefused";

/// What passes share.
#[derive(Clone)]
pub struct Means {
    /// The API server.
    pub server: Server,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Decide and guard.
    pub rules: Rules,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Nothing is to be written.
    pub observe: bool,
}

/// What one pass has come to.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether anything was written.
    pub wrote: bool,
    /// What the cache has to come to before the next pass.
    pub waits: Vec<(ObjectId, Until)>,
    /// How it ended.
    pub ending: Ending,
    /// When to look again even if nothing happens.
    pub look_again: Option<Timestamp>,
    /// Whether it was about what a Rollout that is gone has left behind.
    pub gone: bool,
    /// What was seen and decided, where nothing is to be done about it.
    pub sight: Option<Box<Sight>>,
    /// The workload that the Rollout references, where it was read live.
    pub workload: Option<Box<WorkloadSeen>>,
    /// Events whose status was sent, but whose answer was lost.
    pub untold: Option<Untold>,
    /// What is to be told now.
    pub letters: Vec<Letter>,
    /// Whether there are counts of pods to write, and nothing else, which was left for a moment.
    pub counts_wait: bool,
}

/// Events that wait for certainty that their status was written.
#[derive(Clone, Debug)]
pub struct Untold {
    /// The status they go with.
    pub status: Box<RolloutStatus>,
    /// The events.
    pub events: Vec<Event>,
}

/// How a pass ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// All that was decided is done.
    #[default]
    Done,
    /// The server refuses a write, and will again: the next pass is to know.
    Refused(Refusal),
    /// What was decided on has changed meanwhile.
    Outdated,
    /// To be tried again after a back-off, and no sooner than this.
    Later(Duration),
}

impl Report {
    /// How the pass ended, in one word.
    #[must_use]
    pub fn outcome(&self) -> PassEnd {
        match self.ending {
            Ending::Done if self.wrote => PassEnd::Changed,
            Ending::Done => PassEnd::Unchanged,
            Ending::Outdated => PassEnd::Outdated,
            Ending::Refused(_) => PassEnd::Refused,
            Ending::Later(_) => PassEnd::Failed,
        }
    }
}

/// Runs one pass on what the caches showed. `counts_wait`: what only counts pods need not be written yet.
pub async fn run(
    means: &Means,
    rollout: &Key,
    mut observed: Observed,
    untold: Option<Untold>,
    counts_wait: bool,
) -> Report {
    let gone = observed.gone;
    let decided = decide(means, rollout, &mut observed).await;
    let workload = read_workload(&observed);
    // Only now: live reads may have shown a later status than the cache.
    let (told_late, untold) = certain(means, &observed, untold);
    let mut report = match decided {
        Ok(Some(decision)) if means.observe => look_on(means, observed, decision),
        Ok(Some(Decision { is_counting: true, look_again, .. })) if counts_wait => {
            Report { look_again, counts_wait, ..Report::default() }
        }
        Ok(Some(decision)) => carry_out(means, rollout, &observed, decision).await,
        // It is there after all: another controller's, or the watch is about to show it.
        Ok(None) if observed.gone => Report::default(),
        // The watch will say so too.
        Ok(None) => Report { ending: Ending::Later(Duration::ZERO), ..Report::default() },
        Err(Stop::Call(error)) => failed(means, rollout, &error, false),
        Err(Stop::Loop) => {
            error!(%rollout, "decides nothing, but asks for live reads again and again: please report this");
            Report { ending: Ending::Later(Duration::ZERO), ..Report::default() }
        }
    };
    // Another status was written in that one's place, so that one never was: there is nothing to tell.
    report.workload = workload;
    report.letters.splice(..0, told_late);
    report.untold = report.untold.or(untold.filter(|_| !report.wrote));
    Report { gone, ..report }
}

/// Tells the owner of a Rollout that cannot be decoded which field does not fit.
pub async fn run_undecodable(means: &Means, rollout: &Key, object: &[u8], fault: &Undecodable) -> Report {
    let object: serde_json::Value = serde_json::from_slice(object).unwrap_or_default();
    let now = means.clock.now();
    let Some(verdict) = undecodable::tell(&object, fault, now) else {
        return Report::default();
    };
    if means.observe {
        warn!(%rollout, why = %fault, "cannot be decoded, which its status would say");
        return Report::default();
    }
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let (uid, version) = (text("uid"), text("resourceVersion"));
    warn!(%rollout, why = %fault, "cannot be decoded");
    let own = ObjectId { kind: Kind::Rollout, key: rollout.clone() };
    match patch_status(&means.server, rollout, uid, version, &verdict.status).await {
        Ok(written) => {
            means.metrics.counters.writes.status.add_one();
            let letters = letters(means, uid, vec![verdict.event]);
            let waits = vec![(own, Until::Version(written.version().as_str().into()))];
            Report { wrote: true, waits, letters, ..Report::default() }
        }
        Err(error) => {
            let outdated = error.verdict() == Verdict::Outdated;
            let mut report = failed(means, rollout, &error, outdated);
            if outdated {
                report.waits.push((own, Until::After(version.into())));
            }
            report
        }
    }
}

/// What is to be told of another controller that works on the Rollout.
pub fn tell_of_rival(means: &Means, rollout: &Key, uid: &str, rival: &Rival) -> Letter {
    let manager = &rival.manager;
    let message = if rival.prevails {
        error!(%rollout, manager, "another controller works on it: it is left alone until this program is started again");
        format!(
            "Another controller writes the status of this Rollout (field manager '{manager}'), so Verdigris does nothing for \
             it any more. Stop one of the two; then restart Verdigris if it is the one that stays"
        )
    } else {
        error!(%rollout, manager, "another Verdigris works on it");
        format!(
            "Another Verdigris writes the status of this Rollout (field manager '{manager}'), too. Stop one of the two"
        )
    };
    means.metrics.counters.rivals.add_one();
    let event = Event { warning: true, reason: "SecondController".to_owned(), message };
    Letter { uid: uid.to_owned(), event, at: means.clock.now() }
}

enum Stop {
    Call(CallError),
    Loop,
}

fn read_workload(observed: &Observed) -> Option<Box<WorkloadSeen>> {
    match &observed.workload {
        Some(Workload::There(seen)) if observed.fresh.contains(&Fresh::Workload) => Some(seen.clone()),
        _ => None,
    }
}

/// `None` if the Rollout is not there any more.
async fn decide(means: &Means, rollout: &Key, observed: &mut Observed) -> Result<Option<Decision>, Stop> {
    for round in 0..=LIVE_READS_MAX {
        let asked = match (means.rules.decide)(observed, means.clock.now()) {
            Outcome::Decided(decision) => return Ok(Some(*decision)),
            Outcome::NeedFresh(asked) => asked,
        };
        if round == 0 {
            means.metrics.counters.passes_with_live_reads.add_one();
        }
        match live::read(&means.server, observed, &asked).await.map_err(Stop::Call)? {
            live::Outcome::Read => {}
            live::Outcome::NoRollout => {
                tracing::debug!(%rollout, "is gone, or another of the same name");
                return Ok(None);
            }
        }
    }
    Err(Stop::Loop)
}

fn look_on(means: &Means, observed: Observed, decision: Decision) -> Report {
    let refused = (means.rules.guard)(&observed, &decision, means.clock.now()).err();
    let refused = refused.map(|refused| refused.to_string());
    let look_again = decision.look_again;
    Report { look_again, sight: Some(Box::new(Sight { observed, decision, refused })), ..Report::default() }
}

async fn carry_out(means: &Means, rollout: &Key, observed: &Observed, mut decision: Decision) -> Report {
    let refused = (means.rules.guard)(observed, &decision, means.clock.now()).err();
    if let Some(refused) = &refused {
        means.metrics.counters.plans_refused.add_one(refused.rule);
        error!(%rollout, rule = %refused.rule, why = refused.message, "the safety kernel refused the plan: nothing of it is written");
        decision = confession(observed, refused, means.clock.now());
    } else if let Some(conditions) = &mut decision.status.conditions {
        conditions.retain(|condition| condition.type_ != PLAN_REFUSED);
    }
    let commit = Commit::new(&means.server, &means.metrics.counters, rollout, observed);
    let Committed { wrote, waits, failure } = commit.carry_out(&decision).await;
    let Some(error) = failure else {
        let seen = observed.rollout.status.clone().unwrap_or_default();
        means.metrics.status_written(rollout, &seen, &decision.status, means.clock.now());
        let events = if refused.is_none() || wrote { decision.events } else { Vec::new() };
        let letters = letters(means, observed.uid(), events);
        let ending = if refused.is_some() { Ending::Later(Duration::ZERO) } else { Ending::Done };
        return Report {
            wrote,
            waits,
            ending,
            letters,
            look_again: decision.look_again,
            ..Report::default()
        };
    };
    let mut report = failed(means, rollout, &error, !waits.is_empty());
    if matches!(report.ending, Ending::Later(_)) && !decision.events.is_empty() {
        report.untold = Some(Untold { status: Box::new(decision.status), events: decision.events });
    }
    Report { wrote, waits, ..report }
}

/// What to do after a call failed. `waiting`: whether the cache will bring the change that made it fail.
fn failed(means: &Means, rollout: &Key, error: &CallError, waiting: bool) -> Report {
    let ending = match error.verdict() {
        Verdict::Outdated | Verdict::Gone if waiting => {
            means.metrics.counters.conflicts.add_one();
            tracing::debug!(%rollout, why = %error, "outdated; decides again once the change has arrived");
            Ending::Outdated
        }
        Verdict::Refused(refusal) => {
            means.metrics.counters.refusals.add_one();
            warn!(%rollout, why = %error, "refused by the API server");
            Ending::Refused(refusal)
        }
        Verdict::Later(wait) => {
            means.metrics.counters.failures.add_one();
            warn!(%rollout, why = %error, "tries again later");
            Ending::Later(wait)
        }
        Verdict::Outdated | Verdict::Gone => {
            means.metrics.counters.failures.add_one();
            warn!(%rollout, why = %error, "tries again later");
            Ending::Later(Duration::ZERO)
        }
    };
    Report { ending, ..Report::default() }
}

/// The status as it is, with a condition that says what was refused, and an event of the same.
fn confession(observed: &Observed, refused: &Refused, now: Timestamp) -> Decision {
    let mut status = observed.rollout.status.clone().unwrap_or_default();
    let message = format!("Verdigris refused its own plan, because {refused}. Please report this");
    let conditions = status.conditions.get_or_insert_default();
    if !conditions.iter().any(|condition| condition.type_ == PLAN_REFUSED && condition.message == message) {
        conditions.retain(|condition| condition.type_ != PLAN_REFUSED);
        let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        conditions.push(Condition {
            type_: PLAN_REFUSED.to_owned(),
            status: "True".to_owned(),
            last_update_time: now.clone(),
            last_transition_time: now,
            reason: format!("{:?}", refused.rule),
            message: message.clone(),
            other: verdigris_crds::Other::new(),
        });
    }
    let event = Event { warning: true, reason: "PlanRefused".to_owned(), message };
    Decision { status, events: vec![event], ..Decision::default() }
}

/// Events whose status turns out to be written are told now; the others wait until that is certain.
fn certain(means: &Means, observed: &Observed, untold: Option<Untold>) -> (Vec<Letter>, Option<Untold>) {
    match untold {
        Some(untold) if observed.rollout.status.as_ref() == Some(&*untold.status) => {
            (letters(means, observed.uid(), untold.events), None)
        }
        untold => (Vec::new(), untold),
    }
}

fn letters(means: &Means, uid: &str, events: Vec<Event>) -> Vec<Letter> {
    let at = means.clock.now();
    events.into_iter().map(|event| Letter { uid: uid.to_owned(), event, at }).collect()
}

/// Tells one event. One that cannot be written is logged instead.
pub async fn tell(means: &Means, rollout: &Key, letter: &Letter) {
    let Letter { uid, event, at } = letter;
    match events::tell(&means.server, rollout, uid, event, *at).await {
        Ok(()) => {
            means.metrics.counters.writes.event.add_one();
            means.metrics.event_told(rollout, event);
        }
        Err(error) => warn!(%rollout, event.reason, event.message, why = %error, "event not written"),
    }
}
