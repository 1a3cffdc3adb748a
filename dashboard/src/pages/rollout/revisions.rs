//! Revisions with their pods, and the way back to each.

use askama::Template;
use jiff::Timestamp;
use verdigris_core::view::{Icon, PodView, ReplicaSetStatus, ReplicaSetView, RevisionView, Strategy, Tag};
use verdigris_crds::{Rollout, keys};

use super::{Ask, Page, runs::RunLine};
use crate::{
    pages::words::{icon_class, pod_look, sign},
    problem::render,
    write::Verb,
};

/// Pods that one revision lists; a number stands for the rest.
const PODS_MAX: usize = 50;

/// All revisions, newest first.
#[derive(Template)]
#[template(path = "revisions.html")]
pub(super) struct Revisions {
    revisions: Vec<Revision>,
}

struct Revision {
    number: u64,
    name: String,
    hash: String,
    class: &'static str,
    sign: &'static str,
    status: &'static str,
    tags: Vec<&'static str>,
    images: Vec<String>,
    ready: i32,
    wanted: i32,
    created: Option<Timestamp>,
    age: String,
    scale_down: Option<Timestamp>,
    pods: Vec<PodLine>,
    pods_more: usize,
    /// Its analyses, as HTML.
    runs: Vec<String>,
    asks: Vec<Ask>,
}

struct PodLine {
    name: String,
    class: &'static str,
    sign: &'static str,
    status: String,
    info: String,
    trouble: Option<String>,
    created: Option<Timestamp>,
    age: String,
}

impl Revisions {
    pub(super) fn new(page: &Page<'_>, rollout: &Rollout) -> Self {
        let revisions = page.view.revisions.iter().flat_map(|revision| of_number(page, rollout, revision));
        Self { revisions: revisions.collect() }
    }
}

/// The ReplicaSets of one revision, mostly one, with its analyses below the first.
fn of_number(page: &Page<'_>, rollout: &Rollout, revision: &RevisionView) -> Vec<Revision> {
    let mut all: Vec<Revision> =
        revision.replica_sets.iter().map(|set| Revision::new(page, rollout, set)).collect();
    if all.is_empty() {
        all.push(Revision::gone(revision));
    }
    if let Some(first) = all.first_mut() {
        first.runs = revision.analysis_runs.iter().map(|run| render(&RunLine::new(run))).collect();
    }
    all
}

impl Revision {
    fn new(page: &Page<'_>, rollout: &Rollout, set: &ReplicaSetView) -> Self {
        Self {
            number: set.revision,
            name: set.name.clone(),
            hash: set.hash.clone(),
            class: icon_class(set.icon),
            sign: sign(set.icon),
            status: match set.status {
                ReplicaSetStatus::ScaledDown => "scaled down",
                ReplicaSetStatus::Progressing => "on its way",
                ReplicaSetStatus::Healthy => "healthy",
                ReplicaSetStatus::ReplicaFailure => "pods cannot be created",
            },
            tags: set.tags.iter().map(|tag| tag.as_str()).collect(),
            images: set.images.clone(),
            ready: set.ready,
            wanted: set.wanted,
            created: set.created,
            age: set.age.clone(),
            scale_down: set
                .scale_down
                .as_ref()
                .filter(|down| !down.passed && set.wanted > 0)
                .map(|down| down.at),
            pods: set.pods.iter().take(PODS_MAX).map(PodLine::new).collect(),
            pods_more: set.pods.len().saturating_sub(PODS_MAX),
            runs: Vec::new(),
            asks: if set.can_roll_back { ways_back(page, rollout, set) } else { Vec::new() },
        }
    }

    /// One whose ReplicaSet was cleared away; its analyses are still there.
    fn gone(revision: &RevisionView) -> Self {
        let hash = revision.analysis_runs.first().map(|run| run.hash.clone()).unwrap_or_default();
        Self {
            number: revision.number,
            name: format!("gone-{}", revision.number),
            hash,
            class: icon_class(Icon::Neutral),
            sign: sign(Icon::Neutral),
            status: "its ReplicaSet is gone",
            tags: Vec::new(),
            images: Vec::new(),
            ready: 0,
            wanted: 0,
            created: None,
            age: String::new(),
            scale_down: None,
            pods: Vec::new(),
            pods_more: 0,
            runs: Vec::new(),
            asks: Vec::new(),
        }
    }
}

/// Back to this revision: as a new revision that goes the usual way, and in one step if it is still warm.
fn ways_back(page: &Page<'_>, rollout: &Rollout, set: &ReplicaSetView) -> Vec<Ask> {
    let number = set.revision;
    let strategy = rollout.spec.strategy.as_ref();
    let blue_green = strategy.and_then(|strategy| strategy.blue_green.as_ref());
    let waits = blue_green.is_some_and(|blue_green| blue_green.auto_promotion_enabled == Some(false));
    let active = set.has(Tag::Active);
    let effect = match (active, waits) {
        (true, _) => format!("Takes the update back: the spec asks for revision {number} again."),
        (false, true) => {
            format!("Brings revision {number} back as a new revision, in preview until it is promoted.")
        }
        (false, false) => format!("Brings revision {number} back as a new revision."),
    };
    let mut asks = vec![to_revision(page, set, Verb::Undo, &format!("Roll back to {number}"), effect)];
    let now_fits = page.view.strategy == Strategy::BlueGreen && rollout.spec.workload_ref.is_none();
    if set.warm && now_fits && !active {
        let effect = format!("Revision {number} is still warm: production traffic goes to it at once.");
        if was_stable(page, set) {
            // The controller goes back to it without a pause in any case: two buttons would promise a difference.
            asks.clear();
        }
        asks.push(to_revision(page, set, Verb::UndoNow, "Roll back now", effect));
    }
    asks
}

/// Whether it was promoted once and has kept its pods since.
fn was_stable(page: &Page<'_>, set: &ReplicaSetView) -> bool {
    let mut sets = page.scene.replica_sets.iter();
    let found = sets.find(|found| found.metadata.name.as_ref() == Some(&set.name));
    let annotations = found.and_then(|found| found.metadata.annotations.as_ref());
    annotations.is_some_and(|annotations| annotations.contains_key(keys::FORMERLY_STABLE))
}

fn to_revision(page: &Page<'_>, set: &ReplicaSetView, verb: Verb, label: &str, effect: String) -> Ask {
    let mut ask = page.ask(verb, label, effect, "");
    ask.id = format!("{}-{}", ask.id, set.name);
    ask.fields.push(("to", set.revision.to_string()));
    ask
}

impl PodLine {
    fn new(pod: &PodView) -> Self {
        let (class, icon) = pod_look(pod);
        Self {
            name: pod.name.clone(),
            class,
            sign: sign(icon),
            status: pod.status.clone(),
            info: match pod.restarts {
                0 => format!("{}/{} ready", pod.containers_ready, pod.containers),
                1 => format!("{}/{} ready, 1 restart", pod.containers_ready, pod.containers),
                many => format!("{}/{} ready, {many} restarts", pod.containers_ready, pod.containers),
            },
            trouble: pod.trouble.clone(),
            created: pod.created,
            age: pod.age.clone(),
        }
    }
}
