//! Every state that small models can reach: two templates, so that a third revision is one of the two come back; actions
//! of users, some of which race with whatever moves; pods of each version ready or not; runs of analyses in each phase;
//! time in jumps to the next moment at which something is due.
//!
//! In every state the safety kernel must accept the decision, and no state may be a dead end: once nobody acts any more,
//! the pods are well and what is measured succeeds, it must come to rest in a phase that says what to do, and doing it
//! must lead on.

mod canonical;
mod ends;
mod models;
mod users;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris_crds::keys;

use super::tests::{deployed, shop};
use super::*;
use canonical::key;
use users::{User, act_as};

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
struct Reach {
    /// Actions of users on one path.
    actions: usize,
    /// When users act and runs come to their ends: between any two steps, or only when all is at rest.
    races: bool,
    pods: Pods,
}

/// When pods break, and get well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pods {
    Never,
    AtRest,
    Anywhere,
}

/// Far more states than a model is to have: it would take all memory, and all patience.
const MOST_STATES: usize = 40_000;

/// What is searched: a world, and what is done to it.
struct Model {
    name: &'static str,
    start: Cluster,
    users: &'static [User],
    /// Phases that somebody may write into AnalysisRuns.
    measured: &'static [&'static str],
    reaches: Vec<Reach>,
}

/// A state, and how it was reached.
struct Node {
    /// None once all that can happen in it was played.
    cluster: Option<Cluster>,
    phase: (String, String),
    depth: usize,
    /// Where it goes if nobody acts and the pods are well; itself at the very end.
    next: usize,
    /// Whether neither the controller nor the cluster has anything to do just now.
    at_rest: bool,
    /// Where each action of a user leads.
    acted: Vec<(User, usize)>,
    /// How it was reached.
    from: Option<(usize, String)>,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    known: BTreeMap<String, usize>,
    transitions: usize,
}

fn number_of_pods(cluster: &Cluster) -> i32 {
    cluster.rollout.spec.replicas.unwrap_or(1)
}

/// One thing that happens, and the state that it leads to.
struct Step {
    what: String,
    cluster: Cluster,
    key: String,
}

impl Step {
    fn to(what: String, cluster: Cluster) -> Self {
        Self { what, key: key(&cluster), cluster }
    }
}

/// What the controller does next.
enum Passed {
    /// It comes to another state.
    On(Cluster, String),
    /// It has nothing to do that matters, until then.
    Rests(Cluster, Option<Timestamp>),
}

fn passed(cluster: &Cluster, before: &str) -> Result<Passed, Refused> {
    let mut next = cluster.clone();
    for _ in 0..MOST_PASSES {
        let (changed, look_again) = next.pass()?;
        if !changed {
            return Ok(Passed::Rests(next, look_again));
        }
        let after = key(&next);
        if after != before {
            return Ok(Passed::On(next, after));
        }
    }
    panic!("it writes for ever and nothing changes: {:?}", next.log);
}

fn toggled(cluster: &Cluster, set: &str) -> Cluster {
    let mut next = cluster.clone();
    let broken = next.pods.get(set).into_iter().flatten().any(|pod| pod.broken);
    next.break_pods(set, if broken { 0 } else { usize::MAX });
    next
}

impl Graph {
    /// The number of this state, which is new if nobody has been here.
    fn place(&mut self, step: Step, from: usize) -> (usize, bool) {
        let Step { what, mut cluster, key } = step;
        cluster.log.clear();
        self.transitions += 1;
        if let Some(&known) = self.known.get(&key) {
            return (known, false);
        }
        let number = self.nodes.len();
        assert!(number < MOST_STATES, "more states than a model is to have");
        let depth = self.nodes.get(from).map_or(0, |node| node.depth + 1);
        let from = (number > 0).then_some((from, what));
        let (phase, message) = cluster.phase();
        let phase = (phase.to_owned(), message.to_owned());
        self.nodes.push(Node {
            cluster: Some(cluster),
            phase,
            depth,
            next: number,
            at_rest: true,
            acted: Vec::new(),
            from,
        });
        self.known.insert(key, number);
        (number, true)
    }

    /// How a state was reached, for a failure's message.
    fn path(&self, mut number: usize) -> String {
        let mut steps = Vec::new();
        while let Some((before, step)) = self.nodes.get(number).and_then(|node| node.from.as_ref()) {
            steps.push(step.clone());
            number = *before;
        }
        steps.reverse();
        steps.join(" > ")
    }

    fn search(model: &Model, reach: Reach) -> Self {
        let mut graph = Self::default();
        let replicas = number_of_pods(&model.start);
        graph.place(Step::to(String::new(), model.start.clone()), 0);
        // Level by level, so that each state is met with the fewest actions that lead to it.
        let mut level = vec![0];
        for actions in 0..=reach.actions {
            let mut at = 0;
            while let Some(&number) = level.get(at) {
                level.extend(graph.let_be(number, model, reach));
                at += 1;
            }
            level.retain(|&number| reach.races || graph.nodes[number].at_rest);
            if actions < reach.actions {
                level = level.iter().flat_map(|&number| graph.act(number, model, replicas)).collect();
            }
        }
        graph
    }

    /// What users can do in a state. The states that are new.
    fn act(&mut self, number: usize, model: &Model, replicas: i32) -> Vec<usize> {
        let mut new = Vec::new();
        let Some(cluster) = self.nodes[number].cluster.take() else { return new };
        let before = key(&cluster);
        for &user in model.users {
            let mut next = cluster.clone();
            act_as(user, &mut next, replicas);
            let step = Step::to(format!("{user:?}"), next);
            if step.key != before {
                let (target, is_new) = self.place(step, number);
                self.nodes[number].acted.push((user, target));
                new.extend(is_new.then_some(target));
            }
        }
        new
    }

    /// What happens by itself in a state: the controller, the cluster, pods, time. The states that are new.
    fn let_be(&mut self, number: usize, model: &Model, reach: Reach) -> Vec<usize> {
        let mut new = Vec::new();
        let (steps, at_rest) = self.steps(number, model, reach);
        self.nodes[number].at_rest = at_rest;
        for step in steps {
            let is_fair = step.what.starts_with("fair");
            let (target, is_new) = self.place(step, number);
            if is_fair {
                self.nodes[number].next = target;
            }
            new.extend(is_new.then_some(target));
        }
        new
    }

    /// All steps that no user takes. The one that a fair world takes says so.
    fn steps(&self, number: usize, model: &Model, reach: Reach) -> (Vec<Step>, bool) {
        let Some(cluster) = &self.nodes[number].cluster else { return (Vec::new(), true) };
        let before = key(cluster);
        let mut steps = Vec::new();
        let mut world = cluster.clone();
        let world_moved = world.act().then(|| key(&world)).filter(|key| *key != before);
        let world_moves = world_moved.is_some();
        let pass = passed(cluster, &before)
            .unwrap_or_else(|refused| panic!("{}: {refused} after {}", model.name, self.path(number)));
        let is_at_rest = !world_moves && matches!(pass, Passed::Rests(..));
        let mut due = None;
        if let Some(key) = world_moved {
            steps.push(Step { what: "fair: the cluster moves".to_owned(), cluster: world, key });
        }
        match pass {
            Passed::On(pass, key) => {
                self.is_safe(cluster, &pass, number);
                let step = if world_moves { "the controller moves" } else { "fair: the controller moves" };
                steps.push(Step { what: step.to_owned(), cluster: pass, key });
            }
            Passed::Rests(settled, look_again) if is_at_rest => {
                Self::scale_is_right(&settled, || self.path(number));
                due = [look_again, settled.next_move()]
                    .into_iter()
                    .flatten()
                    .filter(|due| *due > settled.now)
                    .min();
            }
            Passed::Rests(..) => {}
        }
        let is_broken = |pods: &Vec<Pod>| pods.iter().any(|pod| pod.broken);
        let broken = cluster.pods.iter().find(|(_, pods)| is_broken(pods)).map(|(set, _)| set);
        let sets = cluster
            .pods
            .iter()
            .filter(|_| reach.pods == Pods::Anywhere || is_at_rest && reach.pods == Pods::AtRest);
        for set in sets.filter(|(_, pods)| !pods.is_empty()).map(|(set, _)| set) {
            let mends = is_at_rest && broken == Some(set);
            let step = if mends { "fair: pods get well" } else { "pods break or get well" };
            steps.push(Step::to(step.to_owned(), toggled(cluster, set)));
        }
        let measured = if is_at_rest || reach.races { model.measured } else { &[] };
        let is_measured = !model.measured.is_empty() && cluster.analysis_runs.values().any(is_open);
        for (number, run) in cluster.analysis_runs.values().filter(|run| is_open(run)).enumerate() {
            for phase in measured.iter().filter(|phase| !run.terminating || **phase == "Successful") {
                let is_fair = is_at_rest && broken.is_none() && number == 0 && *phase == "Successful";
                let mut next = cluster.clone();
                next.set_run_phase(&run.name, phase, "");
                let fair = if is_fair { "fair: " } else { "" };
                steps.push(Step::to(format!("{fair}a run is {phase}"), next));
            }
        }
        if let Some(due) = due {
            let mut later = cluster.clone();
            later.now = due;
            let is_fair = broken.is_none() && !is_measured;
            let step = if is_fair { "fair: time passes" } else { "time passes" };
            steps.push(Step::to(step.to_owned(), later));
        }
        (steps, is_at_rest)
    }

    /// Once all is at rest, autoscalers are told of the pods that serve, and of no others.
    fn scale_is_right(cluster: &Cluster, path: impl Fn() -> String) {
        let status = cluster.status();
        let active = cluster.active();
        let recorded = status.blue_green.and_then(|it| it.active_selector);
        let serving = cluster.replica_sets.values().find(|seen| seen.hash("app") == Some(active));
        if let Some(serving) = serving.filter(|_| recorded.as_deref() == Some(active)) {
            let selector = status.selector.unwrap_or_default();
            assert!(selector.contains(active), "the scale selects {selector:?} after {}", path());
            assert_eq!(
                status.hpa_replicas.unwrap_or(0),
                serving.replicas,
                "pods of the scale after {}",
                path()
            );
        }
    }

    /// What a pass must leave alone, said without the guard's help.
    fn is_safe(&self, before: &Cluster, after: &Cluster, number: usize) {
        let of = |cluster: &Cluster, hash: &str| {
            cluster.replica_sets.values().find(|seen| seen.hash("app") == Some(hash)).cloned()
        };
        let desired = number_of_pods(after);
        let (old, new) = (before.active(), after.active());
        assert!(after.replica_sets.len() <= 2, "two templates, after {}", self.path(number));
        if let Some(selected) = of(after, new) {
            let had = of(before, new).map_or(0, |seen| seen.replicas_wanted);
            let kept = selected.replicas_wanted >= desired.min(had);
            assert!(kept, "what is selected lost pods after {}", self.path(number));
            let recorded = before.status().blue_green.and_then(|it| it.active_selector);
            let serves = selected.available_replicas >= desired
                || recorded.as_deref() == Some(new)
                || (before.status().abort == Some(true) && selected.ready_replicas > 0);
            assert!(old == new || serves, "switched to what is not there after {}", self.path(number));
        }
    }
}

fn is_open(run: &AnalysisRunSeen) -> bool {
    !run.is_finished()
}
