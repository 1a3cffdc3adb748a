//! Every state that a small model can reach: two templates, so that a third revision is one of the two come back; up to
//! six actions of users, and two that race with whatever moves; pods of each version ready or not;
//! time in jumps to the next moment at which something is due.
//!
//! In every state the safety kernel must accept the decision, and no state may be a dead end: once nobody acts any more
//! and the pods are well, it must come to rest in a phase that says what to do, and doing it must lead on.

mod canonical;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tests::deployed;
use super::*;
use canonical::key;

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
struct Reach {
    /// Actions of users on one path.
    actions: usize,
    /// Whether users act, and pods break, between any two steps too, or only when all is at rest.
    anywhere: bool,
}

/// What users do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// The other template.
    Update,
    ClearPause,
    PromoteFull,
    Abort,
    Retry,
    /// The wheel is taken, or given back.
    TogglePaused,
    /// Somebody strips the hash off the active Service.
    Strip,
    /// Somebody points the active Service at the version that it does not select.
    Misdirect,
    /// Between no pods and the usual number.
    ToggleReplicas,
}

/// What is searched: a strategy, and the actions that users take.
struct Model {
    name: &'static str,
    strategy: Value,
    spec: Value,
    users: &'static [User],
    /// Actions that race with the controller, with the cluster and with each other.
    races: usize,
}

/// A state, and how it was reached.
struct Node {
    cluster: Cluster,
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

fn act_as(user: User, cluster: &mut Cluster, replicas: i32) {
    match user {
        User::Update => {
            let image = cluster.rollout.spec.template.as_ref();
            let image = image.and_then(|it| it.pointer("/spec/containers/0/image")).and_then(Value::as_str);
            let other = if image == Some("example/app:1") { "example/app:2" } else { "example/app:1" };
            cluster.set_image(other);
        }
        User::ClearPause => cluster.promote(),
        User::PromoteFull => cluster.steer(|status| status.promote_full = Some(true)),
        User::Abort => cluster.steer(|status| status.abort = Some(true)),
        User::Retry => cluster.steer(|status| status.abort = None),
        User::TogglePaused => cluster.edit(|rollout| {
            rollout.spec.paused = if rollout.spec.paused == Some(true) { None } else { Some(true) };
        }),
        User::Strip => cluster.point_by_hand("app-active", None),
        User::Misdirect => {
            let active = cluster.active().to_owned();
            let hashes = cluster.replica_sets.values().filter_map(|seen| seen.hash("app"));
            let other = hashes.map(str::to_owned).find(|hash| *hash != active);
            if let Some(other) = other {
                cluster.point_by_hand("app-active", Some(&other));
            }
        }
        User::ToggleReplicas => {
            let next = if number_of_pods(cluster) == 0 { replicas } else { 0 };
            cluster.edit(|rollout| rollout.spec.replicas = Some(next));
        }
    }
}

/// The controller's next step that matters. `None` if there is none.
fn passed(cluster: &Cluster, before: &str) -> Result<Option<Cluster>, Refused> {
    let mut next = cluster.clone();
    for _ in 0..MOST_PASSES {
        if !next.pass()?.0 {
            return Ok(None);
        }
        if key(&next) != before {
            return Ok(Some(next));
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
    fn place(&mut self, mut cluster: Cluster, from: (usize, String)) -> (usize, bool) {
        cluster.log.clear();
        let key = key(&cluster);
        self.transitions += 1;
        if let Some(&known) = self.known.get(&key) {
            return (known, false);
        }
        let number = self.nodes.len();
        let depth = self.nodes.get(from.0).map_or(0, |node| node.depth + 1);
        let from = (number > 0).then_some(from);
        self.nodes.push(Node { cluster, depth, next: number, at_rest: true, acted: Vec::new(), from });
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
        let mut start = deployed(&model.strategy);
        start.settings.ready_after_seconds = 1;
        start.apply(&model.spec);
        start.wait(100);
        let replicas = number_of_pods(&start);
        graph.place(start, (0, String::new()));
        // Level by level, so that each state is met with the fewest actions that lead to it.
        let mut level = vec![0];
        for actions in 0..=reach.actions {
            let mut at = 0;
            while let Some(&number) = level.get(at) {
                level.extend(graph.let_be(number, model, reach));
                at += 1;
            }
            level.retain(|&number| reach.anywhere || graph.nodes[number].at_rest);
            if actions < reach.actions {
                level = level.iter().flat_map(|&number| graph.act(number, model, replicas)).collect();
            }
        }
        graph
    }

    /// What users can do in a state. The states that are new.
    fn act(&mut self, number: usize, model: &Model, replicas: i32) -> Vec<usize> {
        let mut new = Vec::new();
        let before = key(&self.nodes[number].cluster);
        for &user in model.users {
            let mut next = self.nodes[number].cluster.clone();
            act_as(user, &mut next, replicas);
            if key(&next) != before {
                let (target, is_new) = self.place(next, (number, format!("{user:?}")));
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
        for (step, cluster) in steps {
            let is_fair = step.starts_with("fair");
            let (target, is_new) = self.place(cluster, (number, step));
            if is_fair {
                self.nodes[number].next = target;
            }
            new.extend(is_new.then_some(target));
        }
        new
    }

    /// All steps that no user takes. The one that a fair world takes says so.
    fn steps(&self, number: usize, model: &Model, reach: Reach) -> (Vec<(String, Cluster)>, bool) {
        let cluster = &self.nodes[number].cluster;
        let before = key(cluster);
        let mut steps = Vec::new();
        let mut world = cluster.clone();
        let world_moves = world.act() && key(&world) != before;
        let pass = passed(cluster, &before)
            .unwrap_or_else(|refused| panic!("{}: {refused} after {}", model.name, self.path(number)));
        let is_at_rest = !world_moves && pass.is_none();
        if world_moves {
            steps.push(("fair: the cluster moves".to_owned(), world));
        }
        if let Some(pass) = pass {
            self.is_safe(cluster, &pass, number);
            let step = if world_moves { "the controller moves" } else { "fair: the controller moves" };
            steps.push((step.to_owned(), pass));
        }
        let is_broken = |pods: &Vec<Pod>| pods.iter().any(|pod| pod.broken);
        let broken = cluster.pods.iter().find(|(_, pods)| is_broken(pods)).map(|(set, _)| set);
        let sets = cluster.pods.iter().filter(|_| is_at_rest || reach.anywhere);
        for set in sets.filter(|(_, pods)| !pods.is_empty()).map(|(set, _)| set) {
            let mends = is_at_rest && broken == Some(set);
            let step = if mends { "fair: pods get well" } else { "pods break or get well" };
            steps.push((step.to_owned(), toggled(cluster, set)));
        }
        if is_at_rest && let Some(due) = due(cluster) {
            let mut later = cluster.clone();
            later.now = due;
            let step = if broken.is_none() { "fair: time passes" } else { "time passes" };
            steps.push((step.to_owned(), later));
        }
        (steps, is_at_rest)
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

    /// Where each state ends once nobody acts any more. A circle in time would be a dead end with lights on.
    fn ends(&self) -> Vec<usize> {
        let mut ends: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let (mut trail, mut at) = (Vec::new(), start);
            while ends[at].is_none() && self.nodes[at].next != at {
                assert!(trail.len() <= self.nodes.len(), "it goes round for ever after {}", self.path(start));
                trail.push(at);
                at = self.nodes[at].next;
            }
            let end = ends[at].unwrap_or(at);
            ends[at] = Some(end);
            trail.into_iter().for_each(|passed| ends[passed] = Some(end));
        }
        ends.into_iter().flatten().collect()
    }

    /// Every end says in which phase it is and why, and what it asks for leads on.
    fn none_is_stuck(&self, model: &Model) -> BTreeMap<String, usize> {
        let ends = self.ends();
        let mut phases = BTreeMap::new();
        for (number, &end) in ends.iter().enumerate() {
            let (phase, message) = self.nodes[end].cluster.phase();
            let text = format!("{phase} {}", message.split(':').next().unwrap_or_default());
            let is_known = matches!(phase, "Healthy" | "Paused" | "Degraded");
            assert!(is_known, "{}: ends as {phase}: {message} after {}", model.name, self.path(number));
            if number != end {
                continue;
            }
            *phases.entry(text.trim().to_owned()).or_insert(0) += 1;
            for &(user, acted) in &self.nodes[end].acted {
                let then = self.nodes[ends[acted]].cluster.phase();
                let wanted: &[&str] = match (phase, message, user) {
                    ("Paused", "BlueGreenPause", User::ClearPause) => &["Healthy"],
                    ("Paused", "BlueGreenPause", User::PromoteFull) => &["Healthy"],
                    ("Paused", "BlueGreenPause", User::Abort) => &["Degraded"],
                    ("Degraded", _, User::Retry) => &["Paused", "Healthy"],
                    ("Healthy", _, User::Strip | User::Misdirect) => &["Healthy"],
                    ("Paused", "BlueGreenPause", User::Strip | User::Misdirect) => &["Paused"],
                    _ => continue,
                };
                assert!(
                    wanted.contains(&then.0),
                    "{}: {phase} {message}, then {user:?}, ends as {then:?} after {}",
                    model.name,
                    self.path(end)
                );
            }
        }
        phases
    }
}

/// When something happens by itself.
fn due(cluster: &Cluster) -> Option<Timestamp> {
    let (_, decision) = cluster.decide().expect("safe");
    [decision.look_again, cluster.next_move()].into_iter().flatten().filter(|due| *due > cluster.now).min()
}

/// Delays short enough for a path to see their end.
fn strategy(more: &Value) -> Value {
    let mut strategy = json!({"scaleDownDelaySeconds": 2, "abortScaleDownDelaySeconds": 2});
    for (key, value) in more.as_object().into_iter().flatten() {
        strategy[key] = value.clone();
    }
    strategy
}

/// Searches, and says how much there was to find: `cargo test -p verdigris-core search -- --nocapture`.
fn search(model: &Model) {
    for reach in [Reach { actions: 6, anywhere: false }, Reach { actions: model.races, anywhere: true }] {
        let graph = Graph::search(model, reach);
        let phases = graph.none_is_stuck(model);
        let depth = graph.nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        let (states, transitions) = (graph.nodes.len(), graph.transitions);
        let Model { name, .. } = model;
        println!(
            "{name}, {reach:?}: {states} states, {transitions} transitions, depth {depth}; ends: {phases:?}"
        );
        assert!(phases.keys().any(|found| found.starts_with("Healthy")), "{phases:?}");
    }
}

#[test]
fn every_reachable_state_under_a_manual_gate_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a manual gate",
        strategy: strategy(&json!({})),
        spec: json!({"replicas": 1}),
        users: &[
            User::Update,
            User::ClearPause,
            User::PromoteFull,
            User::Abort,
            User::Retry,
            User::Misdirect,
        ],
        races: 2,
    });
}

#[test]
fn every_reachable_state_with_a_small_preview_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a small preview",
        strategy: strategy(&json!({"previewReplicaCount": 1, "previewService": null})),
        spec: json!({"replicas": 2}),
        users: &[User::Update, User::ClearPause, User::Abort, User::Retry],
        races: 2,
    });
}

#[test]
fn every_reachable_state_with_a_deadline_that_aborts_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "no gate, a deadline that aborts, a rollback window",
        strategy: strategy(&json!({"autoPromotionEnabled": true, "previewService": null})),
        spec: json!({"replicas": 1, "progressDeadlineSeconds": 3, "progressDeadlineAbort": true,
            "rollbackWindow": {"revisions": 1}}),
        users: &[User::Update, User::Abort, User::Retry, User::Strip],
        races: 1,
    });
}

#[test]
fn every_reachable_state_with_a_wheel_and_no_pods_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a manual gate, paused by hand, with and without pods",
        strategy: strategy(&json!({"previewService": null})),
        spec: json!({"replicas": 1}),
        users: &[User::Update, User::ClearPause, User::TogglePaused, User::ToggleReplicas],
        races: 2,
    });
}
