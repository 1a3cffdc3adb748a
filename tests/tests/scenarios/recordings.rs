//! The peer's recordings as a differential test: the same scenario on our controller, and taking over at each step.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    facts::{differences, in_versions},
    real_world::RealWorld,
    recording::{Act, SCENARIOS, Scenario},
    world::World,
};

/// Where ours differs on purpose: scenario and step (`*` for any), fact, and the row of `docs/compatibility.md` that
/// gives the reason.
const INTENDED: &[(&str, &str, &str)] = &[
    ("*", "status.observedGeneration", "raises its generation"),
    ("workload-ref/01-migrated", "replicaSet.v1.history", "Every generation of the workload appends"),
    ("workload-ref/02-paused-r2", "replicaSet.v1.history", "Every generation of the workload appends"),
    ("invalid/01-no-active-service", "condition.InvalidSpec", "InvalidSpec messages name field and value"),
    ("invalid/01-no-active-service", "status.message", "InvalidSpec messages name field and value"),
];

/// Events that one of the two sends and the other does not, on purpose: scenario (`*` for any), the event's start, and
/// the row.
const INTENDED_EVENTS: &[(&str, &str, &str)] = &[
    ("*", "Normal RolloutAddedToInformer", "RolloutAddedToInformer"),
    (
        "workload-ref",
        "Normal NewReplicaSetCreated Rollout/app: Created ReplicaSet app-v1",
        "swallows `NewReplicaSetCreated`",
    ),
    ("analysis", "Normal MetricSuccessful AnalysisRun/", "Nobody measures AnalysisRuns yet"),
    ("analysis", "Normal AnalysisRunSuccessful AnalysisRun/", "Nobody measures AnalysisRuns yet"),
    ("analysis", "Warning MetricFailed AnalysisRun/", "Nobody measures AnalysisRuns yet"),
    ("analysis", "Warning AnalysisRunFailed AnalysisRun/", "Nobody measures AnalysisRuns yet"),
];

#[tokio::test(start_paused = true)]
async fn playing_a_scenario_gives_what_the_peer_gave() {
    let mut found = Vec::new();
    for scenario in SCENARIOS {
        let mut world = World::with_cluster(11).await;
        world.start_controller();
        found.extend(play(&world, scenario).await);
    }
    assert!(found.is_empty(), "{} differences without a reason:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn playing_a_scenario_on_a_real_kubernetes_gives_what_the_peer_gave() {
    let world = RealWorld::start(11).await.unwrap();
    let _controller = world.start_controller();
    let found = join_all(SCENARIOS.iter().map(|scenario| play(&world, scenario))).await.concat();
    assert!(found.is_empty(), "{} differences without a reason:\n{}", found.len(), found.join("\n"));
    world.real().nothing_was_refused().unwrap();
}

/// What came out otherwise than the peer's, and not on purpose.
pub async fn play(world: &impl AnyWorld, scenario: &Scenario) -> Vec<String> {
    let mut found = Vec::new();
    world.create_namespace(scenario.name).await;
    for (act, step) in scenario.acts {
        perform(world, scenario, scenario.name, *act).await;
        let as_the_peer = async || match step {
            Some(step) => same_facts(world, scenario, step).await,
            None => has_had_its_effect(world, scenario, *act).await,
        };
        found.extend(world.comes_to(as_the_peer).await.err());
    }
    found.extend(world.comes_to(async || same_events(world, scenario).await).await.err());
    found
}

/// Where nobody looked at the peer: in real time the next act must not overtake this one.
async fn has_had_its_effect(world: &impl AnyWorld, scenario: &Scenario, act: Act) -> Result<(), String> {
    let phase = world.get_rollout(scenario.name, "app").await["status"]["phase"].clone();
    let wanted = if act == Act::Abort { "Degraded" } else { "Healthy" };
    if phase == wanted { Ok(()) } else { Err(format!("{act:?}: phase {phase}")) }
}

/// Whether the world is as the peer left its own at this step.
pub async fn same_facts(world: &impl AnyWorld, scenario: &Scenario, step: &str) -> Result<(), String> {
    let ours = world.snapshot(scenario.name, "app").await.facts();
    let peers = scenario.recorded(step).expect("a recording").facts();
    let mut found = Vec::new();
    for (fact, peer, our) in differences(&peers, &ours) {
        let intended = INTENDED.iter().any(|(place, name, _)| {
            (*place == "*" || *place == format!("{}/{step}", scenario.name)) && fact == *name
        });
        if !intended {
            found.push(format!("{}/{step}: {fact}: the peer {peer:?}, ours {our:?}", scenario.name));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Whether the same events were told as by the peer.
pub async fn same_events(world: &impl AnyWorld, scenario: &Scenario) -> Result<(), String> {
    let last = world.snapshot(scenario.name, "app").await;
    let final_step = scenario.acts.iter().rev().find_map(|(_, step)| *step).expect("a step");
    let peer_versions = scenario.recorded(final_step).expect("a recording").versions();
    let lines = |events: Vec<String>, versions: &BTreeMap<String, String>| -> BTreeSet<String> {
        events.iter().map(|line| without_count(&in_versions(line, versions))).collect()
    };
    let peers = lines(scenario.recorded_events().expect("a recording"), &peer_versions);
    let ours = lines(world.events(scenario.name).await, &last.versions());
    let only_one = peers.difference(&ours).map(|line| (line, "the peer"));
    let only_one = only_one.chain(ours.difference(&peers).map(|line| (line, "ours")));
    let found: Vec<String> = only_one
        .filter(|(line, _)| {
            let mut intended =
                INTENDED_EVENTS.iter().filter(|(place, ..)| ["*", scenario.name].contains(place));
            !intended.any(|(_, start, _)| line.starts_with(start))
        })
        .map(|(line, who)| format!("{}: event only of {who}: {line}", scenario.name))
        .collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

#[test]
fn every_intended_difference_has_its_row() {
    let document = include_str!("../../../docs/compatibility.md");
    let rows = INTENDED.iter().map(|(_, _, row)| *row).chain(INTENDED_EVENTS.iter().map(|(.., row)| *row));
    for row in rows {
        assert!(document.contains(row), "docs/compatibility.md has no row that says {row:?}");
    }
}

/// `Normal SwitchService Rollout/app x2: text` without `x2`.
fn without_count(line: &str) -> String {
    let Some((head, text)) = line.split_once(": ") else { return line.to_owned() };
    let head = head.rsplit_once(" x").map_or(head, |(head, _)| head);
    format!("{head}: {text}")
}
