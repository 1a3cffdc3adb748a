//! Why a Rollout stands where it stands: what blocks it, what comes next and when, and what somebody can do.
//!
//! One answer for the terminal (`kubectl rollouts why`) and for pages: made of a [`RolloutView`] alone.

use serde::Serialize;

use super::{Phase, Role, RolloutView, ServiceView, timeline::PROMOTED};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The Rollout.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// `Paused: BlueGreenPause`.
    pub phase: String,
    /// Who gets the traffic, a sentence for each Service.
    pub stands: Vec<String>,
    /// What keeps it from going on, the most important first. Empty if nothing does.
    pub blocked_by: Vec<String>,
    /// What happens by itself, soonest first.
    pub next: Vec<Next>,
    /// What somebody can do about it.
    pub you_can: Vec<Choice>,
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// `in 25s`; absent where it hangs on something else than time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What.
    pub what: String,
}

/// Something that somebody can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The arguments of the command: `promote shop`.
    pub command: String,
    /// What it brings about.
    pub effect: String,
}

impl Why {
    /// Answers for one Rollout.
    #[must_use]
    pub fn of(view: &RolloutView) -> Self {
        let phase = match view.message.as_str() {
            "" => view.phase.to_string(),
            message => format!("{}: {message}", view.phase),
        };
        Self {
            name: view.name.clone(),
            namespace: view.namespace.clone(),
            phase,
            stands: view.services.iter().map(traffic).collect(),
            blocked_by: view.waiting_for.clone(),
            next: next(view),
            you_can: choices(view),
        }
    }
}

fn traffic(service: &ServiceView) -> String {
    let ServiceView { name, role, .. } = service;
    let to = match (service.found, service.revision, &service.hash) {
        (false, ..) => return format!("{} service {name} was not found", role.as_str()),
        (true, Some(revision), Some(hash)) => format!("to revision {revision} ({hash})"),
        (true, None, Some(hash)) => format!("to {hash}, which is no version of this rollout"),
        (true, _, None) => "to pods of every version".to_owned(),
    };
    let ready = service.pods.iter().filter(|pod| pod.ready).count();
    format!(
        "{} service {name} sends traffic {to}, {ready} of {} pods ready",
        role.as_str(),
        service.pods.len()
    )
}

fn next(view: &RolloutView) -> Vec<Next> {
    let ahead = view.timeline.iter().filter(|moment| moment.ahead);
    let mut next: Vec<Next> =
        ahead.map(|moment| Next { when: Some(moment.when.clone()), what: moment.what.clone() }).collect();
    let revision =
        view.current.as_ref().map_or_else(|| "it".to_owned(), |it| format!("revision {}", it.revision));
    let of_role = |role| view.services.iter().find(|service| service.role == role);
    let is_active = of_role(Role::Active).and_then(|active| active.hash.as_ref())
        == view.current.as_ref().map(|current| &current.hash);
    if view.actions.retry.possible {
        next.push(Next {
            when: None,
            what: format!("nothing: {revision} stays aborted until somebody acts"),
        });
    } else if view.phase == Phase::Paused && next.iter().all(|next| next.what != PROMOTED) {
        next.push(Next { when: None, what: format!("nothing by itself: {revision} needs somebody's yes") });
    } else if !is_active && view.current.is_some() && !view.services.is_empty() {
        next.push(Next {
            when: None,
            what: format!("traffic is switched to {revision} once nothing blocks it"),
        });
    }
    next
}

fn choices(view: &RolloutView) -> Vec<Choice> {
    let name = &view.name;
    let revision = view
        .current
        .as_ref()
        .map_or_else(|| "the update".to_owned(), |it| format!("revision {}", it.revision));
    let actions = &view.actions;
    let all = [
        (&actions.promote, "promote", format!("let {revision} go on; asked early, it is remembered")),
        (&actions.promote_full, "promote --full", format!("promote {revision} without pauses and analysis")),
        (&actions.retry, "retry rollout", format!("try {revision} again")),
        (&actions.abort, "abort", "send traffic back to the stable version".to_owned()),
    ];
    let possible = all.into_iter().filter(|(action, ..)| action.possible);
    let mut choices: Vec<Choice> =
        possible.map(|(_, verb, effect)| Choice { command: format!("{verb} {name}"), effect }).collect();
    if view.revisions.len() > 1 {
        let effect = "go back to the revision before; with --now without a second yes";
        choices.push(Choice { command: format!("undo {name}"), effect: effect.to_owned() });
    }
    choices
}

#[cfg(test)]
mod tests;
