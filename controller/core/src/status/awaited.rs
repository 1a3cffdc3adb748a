//! What is awaited, and until when: one condition of ours, for people and machines that cannot read a phase.
//!
//! It is absent while nothing is awaited. The text says only what stays true while one waits (no counts that change, no
//! time that is left), so it costs no status write of its own.

use jiff::Timestamp;
use verdigris_crds::{RolloutStatus, keys};

use super::conditions::Conditions;
use super::deadline;
use crate::blue_green::drain::{PROOF_TIMEOUT_SECONDS, Traffic};
use crate::blue_green::plan::{Draft, Pass};
use crate::blue_green::promotion::{Gate, PAUSE, Promotion, Steering};
use crate::blue_green::restart;
use crate::decision::{ReplicaSetChange, Write};
use crate::observed::ReplicaSetSeen;
use crate::seen::after;

/// Sets or removes the condition, when all others say what they are going to say.
pub(super) fn fill(
    pass: &Pass<'_>,
    steering: &Steering,
    promotion: &Promotion,
    traffic: &Traffic,
    draft: &Draft,
    status: &RolloutStatus,
    conditions: &mut Conditions,
) {
    let by_people = people(pass, steering, status);
    let awaited = by_people
        .or_else(|| restart::awaited(pass.spec, status))
        .or_else(|| analysed(pass, steering))
        .or_else(|| pods(pass, promotion.size, status, conditions))
        .or_else(|| followed(pass, traffic, conditions))
        .or_else(|| drained(pass, status, draft));
    match awaited {
        Some((reason, text)) => {
            conditions.put(keys::AWAITED, "True", reason, &text, pass.stamp);
        }
        // It says so until the pods are gone too: one status for both.
        None if conditions.reason(keys::AWAITED) == "ScaleDown" && is_going(pass, status, draft) => {}
        None => conditions.remove(keys::AWAITED),
    }
}

type Awaited = Option<(&'static str, String)>;

fn version(pass: &Pass<'_>) -> String {
    format!("revision {} ({})", pass.revision, pass.hash)
}

fn people(pass: &Pass<'_>, steering: &Steering, status: &RolloutStatus) -> Awaited {
    let version = version(pass);
    if status.abort == Some(true) {
        return Some(("Retry", format!("{version} was aborted: waits for a retry or another template")));
    }
    if pass.halted() {
        return Some(("Resume", "Waits until spec.paused is not true".to_owned()));
    }
    let pause = status.pause_conditions.iter().flatten().next()?;
    match steering.gate {
        _ if pause.reason != PAUSE => Some((
            "Resume",
            format!("{version} is paused ({}): waits for somebody to promote it", pause.reason),
        )),
        Gate::Seconds(seconds) => {
            let at = after(pause.start_time.0, seconds);
            Some(("PromotionTime", format!("{version} is promoted at {at}, or when somebody promotes it")))
        }
        Gate::Manual | Gate::Open => {
            Some(("Promotion", format!("{version} waits for somebody to promote it")))
        }
    }
}

fn analysed(pass: &Pass<'_>, steering: &Steering) -> Awaited {
    let run = steering.analyses.running()?;
    Some(("Analysis", format!("{} waits for AnalysisRun {run} to succeed", version(pass))))
}

fn pods(pass: &Pass<'_>, wanted: i32, status: &RolloutStatus, conditions: &Conditions) -> Awaited {
    let works = status.phase.as_deref() == Some("Healthy");
    let has_all = pass.current.is_some_and(|current| current.is_fully_available(wanted));
    if works || has_all || wanted == 0 {
        return None;
    }
    let until = deadline::due(pass, conditions);
    let until = until.map_or_else(String::new, |until| format!("; unless they come farther, until {until}"));
    Some((
        "Pods",
        format!("Waits until all pods of {} are available ({wanted} are wanted){until}", version(pass)),
    ))
}

fn followed(pass: &Pass<'_>, traffic: &Traffic, conditions: &Conditions) -> Awaited {
    let leaving = traffic.leaving.as_ref()?;
    let since = conditions.get(keys::TRAFFIC_SWITCHED)?.last_transition_time.0;
    let until = after(since, PROOF_TIMEOUT_SECONDS);
    let service = &pass.active.name;
    Some((
        "Traffic",
        format!("Waits until no endpoint of service '{service}' is a pod of {leaving}, until {until}"),
    ))
}

/// The old version that goes first.
fn drained(pass: &Pass<'_>, status: &RolloutStatus, draft: &Draft) -> Awaited {
    let is_in_use = |seen: &ReplicaSetSeen| {
        let hash = seen.hash(pass.observed.name());
        hash == Some(pass.hash.as_str()) || hash == status.stable_rs.as_deref()
    };
    let old = pass.observed.owned().filter(|seen| !is_in_use(seen));
    let (at, seen) = old.filter_map(|seen| Some((goes_at(seen, draft)?, seen))).min_by_key(|(at, _)| *at)?;
    let (revision, hash) = (seen.revision(), pass.hash_of(seen));
    Some(("ScaleDown", format!("Revision {revision} ({hash}) is kept until {at}, then scaled down")))
}

/// Whether an old version that is to have no pods has some yet.
fn is_going(pass: &Pass<'_>, status: &RolloutStatus, draft: &Draft) -> bool {
    pass.observed.owned().any(|seen| {
        let wanted = change_of(seen, draft).and_then(|change| change.replicas);
        let is_stable = seen.hash(pass.observed.name()) == status.stable_rs.as_deref();
        !is_stable && seen.replicas > 0 && wanted.unwrap_or(seen.replicas_wanted) == 0
    })
}

fn change_of<'d>(seen: &ReplicaSetSeen, draft: &'d Draft) -> Option<&'d ReplicaSetChange> {
    draft.grow.iter().chain(&draft.shrink).find_map(|write| match write {
        Write::UpdateReplicaSet(change) if change.at.uid == seen.uid => Some(change),
        _ => None,
    })
}

/// When it is scaled to zero, by what the writes of this pass leave of it.
fn goes_at(seen: &ReplicaSetSeen, draft: &Draft) -> Option<Timestamp> {
    let change = change_of(seen, draft);
    let replicas = change.and_then(|change| change.replicas).unwrap_or(seen.replicas_wanted);
    let annotation = change.and_then(|change| change.annotations.get(keys::SCALE_DOWN_DEADLINE));
    let deadline = match annotation {
        Some(annotation) => annotation.as_ref().and_then(|text| text.parse().ok()),
        None => seen.scale_down_deadline(),
    };
    deadline.filter(|_| replicas > 0)
}
