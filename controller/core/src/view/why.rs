//! Why a Rollout stands where it stands: what blocks it, what comes next and when, and what somebody can do.
//!
//! One answer for the terminal (`kubectl rollouts why`) and for pages: made of a [`RolloutView`] alone.

use serde::Serialize;

use super::{AnalysisRunView, Phase, Role, RolloutView, ServiceView, timeline::PROMOTED};

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
    /// What to say where there is no choice.
    #[serde(skip)]
    no_choice: &'static str,
}

/// One of the four questions that [`Why`] answers, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `Stands`, `Blocked by`, `Next` or `You can`.
    pub heading: &'static str,
    /// At least one line.
    pub lines: Vec<Line>,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A sentence.
    Text(String),
    /// A command to type, and what it brings about.
    Command {
        /// As it is typed.
        typed: String,
        /// What it brings about.
        effect: String,
    },
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
        let phase = match said_once(view) {
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
            no_choice: no_choice(view),
        }
    }

    /// The whole answer in words. `program` is what is typed before the verb, `place` what is typed at the end so that
    /// the command finds its namespace.
    #[must_use]
    pub fn answers(&self, program: &str, place: &str) -> [Answer; 4] {
        let text = |text: &str| Line::Text(text.to_owned());
        let answer = |heading, mut lines: Vec<Line>, otherwise: &str| {
            if lines.is_empty() {
                lines.push(text(otherwise));
            }
            Answer { heading, lines }
        };
        let stands = [&self.phase].into_iter().chain(&self.stands).map(|line| text(line)).collect();
        let blocked_by = self.blocked_by.iter().map(|line| text(line)).collect();
        let next = self.next.iter().map(|next| match &next.when {
            Some(when) => text(&format!("{when}: {}", next.what)),
            None => text(&next.what),
        });
        let you_can = self.you_can.iter().map(|choice| {
            let place = if place.is_empty() { String::new() } else { format!(" {place}") };
            let typed = format!("{program} {}{place}", choice.command);
            Line::Command { typed, effect: choice.effect.clone() }
        });
        [
            answer("Stands", stands, ""),
            answer("Blocked by", blocked_by, "nothing"),
            answer("Next", next.collect(), "nothing: it is where its spec wants it"),
            answer("You can", you_can.collect(), self.no_choice),
        ]
    }
}

/// The message, without what is said as the reason that blocks it.
fn said_once(view: &RolloutView) -> &str {
    let reason = view.waiting_for.iter().find_map(|reason| view.message.strip_suffix(reason.as_str()));
    reason.unwrap_or(&view.message).trim_end_matches([':', ' '])
}

/// Whether the controller cannot act on the spec.
fn is_invalid(view: &RolloutView) -> bool {
    view.conditions.iter().any(|condition| condition.type_ == "InvalidSpec" && condition.status == "True")
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
    let is_stopped = !view.actions.pause.possible;
    let promotes_itself = next.iter().any(|next| next.what == PROMOTED);
    let what = match () {
        () if !view.observed => "the controller acts on the newest spec as soon as it has seen it".to_owned(),
        () if is_invalid(view) => "nothing, until its spec is right".to_owned(),
        () if view.actions.retry.possible => {
            format!("nothing: {revision} stays aborted until somebody acts")
        }
        () if is_stopped => "nothing, until spec.paused is false".to_owned(),
        () if promotes_itself => return next,
        () if view.phase == Phase::Paused => format!("nothing by itself: {revision} needs somebody's yes"),
        () => match view.analysis_runs().find(|run| run.awaited) {
            Some(run) => after_analysis(run, &revision),
            None if !is_active && view.current.is_some() && !view.services.is_empty() => {
                format!("traffic is switched to {revision} once nothing blocks it")
            }
            None if view.phase != Phase::Healthy => "it is Healthy once nothing blocks it".to_owned(),
            None => return next,
        },
    };
    next.push(Next { when: None, what });
    next
}

fn after_analysis(run: &AnalysisRunView, revision: &str) -> String {
    match run.moment {
        "post-promotion" => format!(
            "if its analysis succeeds, {revision} becomes the stable version; if it fails, traffic goes back"
        ),
        _ => format!("if its analysis succeeds, {revision} goes on; if it fails, the update is aborted"),
    }
}

fn choices(view: &RolloutView) -> Vec<Choice> {
    let name = &view.name;
    let revision = view
        .current
        .as_ref()
        .map_or_else(|| "the update".to_owned(), |it| format!("revision {}", it.revision));
    let actions = &view.actions;
    let choice = |verb: &str, effect: String| Choice { command: format!("{verb} {name}"), effect };
    let full = || choice("promote --full", format!("promote {revision} without pauses and analysis"));
    // What was aborted was so for a reason: to promote it in spite of that is the last thing to think of.
    let full_comes_last = actions.retry.possible;
    let mut choices = Vec::new();
    if actions.promote.possible {
        let effect = match view.actions.pause.possible {
            true => format!("let {revision} go on; asked early, it is remembered"),
            false => "set spec.paused to false".to_owned(),
        };
        choices.push(choice("promote", effect));
    }
    if actions.promote_full.possible && !full_comes_last {
        choices.push(full());
    }
    if actions.retry.possible {
        choices.push(choice("retry rollout", format!("try {revision} again")));
    }
    if actions.abort.possible {
        choices.push(choice("abort", "send traffic back to the stable version".to_owned()));
    }
    if view.replica_sets().count() > 1 {
        choices.push(choice(
            "undo",
            "go back to the revision before; with --now without a second yes".to_owned(),
        ));
    }
    if actions.promote_full.possible && full_comes_last {
        choices.push(full());
    }
    choices
}

fn no_choice(view: &RolloutView) -> &'static str {
    match () {
        () if !view.observed => "nothing, until the controller has seen it",
        () if is_invalid(view) => "apply a spec without this mistake: it is acted on at once",
        () => "apply another template to begin an update",
    }
}

#[cfg(test)]
mod tests;
