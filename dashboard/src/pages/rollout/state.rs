//! Phase and message, what the Rollout waits for, and what can be done.

use askama::Template;
use verdigris_core::view::{Phase, Role, RolloutView, Strategy};
use verdigris_crds::Rollout;

use super::{Ask, Page};
use crate::{
    pages::words::{phase_class, pods, sentence, sign},
    write::Verb,
};

/// The longest message beside the phase.
const MESSAGE_CHARS_MAX: usize = 48;

/// The head of the page.
#[derive(Template)]
#[template(path = "state.html")]
pub(super) struct StateFragment {
    name: String,
    phase: String,
    class: &'static str,
    /// For the window's title.
    symbol: &'static str,
    sign: &'static str,
    message: String,
    /// The most important thing to know; the others are what the page answers below.
    sentence: String,
    strategy: &'static str,
    /// Steps and weights of a canary.
    canary: Option<String>,
    counts: Vec<(&'static str, i32)>,
    asks: Vec<Ask>,
}

/// The head of a page with nothing to show.
#[derive(Template)]
#[template(path = "blank.html")]
pub(super) struct Blank<'a> {
    pub(super) name: &'a str,
    pub(super) sentence: &'a str,
}

impl StateFragment {
    pub(super) fn new(page: &Page<'_>, rollout: &Rollout) -> Self {
        let view = page.view;
        let first = view.waiting_for.first().cloned().unwrap_or_else(|| calm(view));
        Self {
            name: view.name.clone(),
            phase: view.phase.as_str().to_owned(),
            class: phase_class(&view.phase),
            symbol: view.icon.symbol(),
            sign: sign(view.icon),
            // What the first sentence says already is not said twice; a long one has its place below.
            message: Some(&view.message)
                .filter(|message| !message.ends_with(&first) && message.chars().count() <= MESSAGE_CHARS_MAX)
                .cloned()
                .unwrap_or_default(),
            sentence: sentence(&first),
            strategy: view.strategy.as_str(),
            canary: view.canary.as_ref().map(|canary| {
                let step = canary.step.as_ref().map(|step| format!("step {step}, ")).unwrap_or_default();
                format!("{step}weight {} of {} wanted", canary.actual_weight, canary.set_weight)
            }),
            counts: vec![
                ("wanted", view.replicas.desired),
                ("there", view.replicas.current),
                ("of the newest version", view.replicas.updated),
                ("available", view.replicas.available),
            ],
            asks: asks(page, rollout),
        }
    }
}

/// What to say if nothing keeps the Rollout from going on.
fn calm(view: &RolloutView) -> String {
    let active = view.services.iter().find(|service| matches!(service.role, Role::Active | Role::Stable));
    let available = usize::try_from(view.replicas.available).unwrap_or_default();
    match (&view.phase, active.and_then(|service| service.revision)) {
        (Phase::Healthy, Some(revision)) => {
            format!("Revision {revision} takes the traffic; {} available", pods(available))
        }
        (Phase::Healthy, None) => format!("{} available", pods(available)),
        _ => view.message.clone(),
    }
}

/// Buttons that make sense now; one that cannot work is not there.
fn asks(page: &Page<'_>, rollout: &Rollout) -> Vec<Ask> {
    let (view, actions) = (page.view, &page.view.actions);
    let newest = view
        .current
        .as_ref()
        .map_or_else(|| "the newest version".to_owned(), |current| format!("revision {}", current.revision));
    let stable = rollout.status.as_ref().and_then(|status| status.stable_rs.as_deref()).unwrap_or_default();
    let stable = view.replica_sets().find(|set| set.hash == stable);
    let stable =
        stable.map_or_else(|| "the stable version".to_owned(), |set| format!("revision {}", set.revision));
    let waiting = view.phase == Phase::Paused;
    let mut asks = Vec::new();
    if actions.promote.possible {
        let effect = match (view.strategy, waiting) {
            (Strategy::BlueGreen, true) => format!("Sends production traffic to {newest}."),
            (Strategy::BlueGreen, false) => {
                format!("Sends production traffic to {newest} once it is available.")
            }
            _ => format!("Lets {newest} take its next step."),
        };
        let class = if waiting { "first" } else { "" };
        asks.push(page.ask(Verb::Promote, "Promote", effect, class));
    }
    if actions.retry.possible {
        asks.push(page.ask(Verb::Retry, "Retry", format!("Tries {newest} again."), "first"));
    }
    if actions.promote_full.possible {
        let effect = format!("Promotes {newest} without pauses and analysis.");
        asks.push(page.ask(Verb::PromoteFull, "Promote full", effect, ""));
    }
    if actions.abort.possible {
        asks.push(page.ask(
            Verb::Abort,
            "Abort",
            format!("Goes back to {stable}; {newest} is scaled down."),
            "grave",
        ));
    }
    asks
}
