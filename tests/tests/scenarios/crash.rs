//! The controller is killed at each of its writes, before it leaves or before its answer arrives, and started again.

use futures::{StreamExt, stream};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    facts::{Facts, differences},
    fuse::{Blow, Fuse},
    real_world::RealWorld,
    recording::{Act, SCENARIOS, Scenario},
    world::World,
};

/// Deploy, update, promote, old stack scaled down.
const ACTS: [Act; 4] = [Act::Deploy, Act::Image(2), Act::Promote, Act::Wait(8)];

/// In real time every play takes its delays: so many at once.
const PLAYS_AT_ONCE: usize = 12;

/// What must not depend on whether and when the controller died.
#[derive(Debug, PartialEq)]
struct End {
    facts: Facts,
    replica_sets: usize,
    events: Vec<String>,
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_write_leaves_the_same_end_one_replica_set_a_version_and_no_second_event() {
    let scenario = &SCENARIOS[0];
    let fuse = Fuse::solid();
    let undisturbed = play(scenario, &fuse).await;
    let writes = fuse.writes();
    assert!(writes > 8, "only {writes} writes: the scenario did not run");
    assert_eq!(undisturbed.replica_sets, 2);
    assert_eq!(undisturbed.facts["status.phase"], "Healthy");
    assert_eq!(undisturbed.facts["status.activeSelector"], "v2");
    for at in 1..=writes {
        for blow in [Blow::BeforeTheWrite, Blow::AfterTheWrite] {
            let disturbed = play(scenario, &Fuse::new(at, blow)).await;
            let place = format!("killed at write {at} of {writes}, {blow:?}");
            assert_eq!(disturbed.facts, undisturbed.facts, "{place}");
            assert_eq!(disturbed.replica_sets, undisturbed.replica_sets, "{place}");
            // Events follow the status, so a kill between the two loses some; none is ever told twice.
            for event in &disturbed.events {
                assert!(undisturbed.events.contains(event), "{place}: {event}");
            }
        }
    }
}

async fn play(scenario: &Scenario, fuse: &Fuse) -> End {
    let mut world = World::with_cluster(17).await;
    world.create_namespace(scenario.name).await;
    world.start_controller_with(fuse);
    for act in ACTS {
        perform(&world, scenario, scenario.name, act).await;
        world.rest_or_restart(fuse).await;
    }
    end(&world, scenario.name).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_write_on_a_real_kubernetes_leaves_the_same_end() {
    let world = RealWorld::start(17).await.unwrap();
    let fuse = Fuse::solid();
    let undisturbed = play_for_real(&world, "undisturbed".into(), &fuse, None).await.unwrap();
    let writes = fuse.writes();
    assert!(writes > 8, "only {writes} writes: the scenario did not run");
    assert_eq!((undisturbed.replica_sets, undisturbed.facts["status.activeSelector"].as_str()), (2, "v2"));
    // Every write, and both ways to lose it in turn; in virtual time each is lost both ways.
    let plays = (1..=writes).map(|at| {
        let blow = if at % 2 == 0 { Blow::BeforeTheWrite } else { Blow::AfterTheWrite };
        let (world, undisturbed) = (&world, &undisturbed);
        async move {
            let played =
                play_for_real(world, format!("at-{at}"), &Fuse::new(at, blow), Some(undisturbed)).await;
            played.err().map(|error| format!("killed at write {at} of {writes}, {blow:?}: {error}"))
        }
    });
    let wrong: Vec<String> =
        stream::iter(plays).buffer_unordered(PLAYS_AT_ONCE).filter_map(async |wrong| wrong).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.real().nothing_was_refused().unwrap();
}

/// Plays in a namespace of its own, with a controller of its own, which is started again once the fuse has blown.
async fn play_for_real(
    world: &RealWorld,
    namespace: String,
    fuse: &Fuse,
    wanted: Option<&End>,
) -> Result<End, String> {
    world.create_namespace(&namespace).await;
    let mut controller = world.start_controller_in(&namespace, fuse);
    let mut killed = false;
    for act in ACTS {
        perform(world, &SCENARIOS[0], &namespace, act).await;
        loop {
            let reached = world.comes_to(async || reached(&end(world, &namespace).await, act, wanted));
            tokio::select! { biased;
                () = fuse.blown(), if !killed => {
                    drop(controller);
                    killed = true;
                    controller = world.start_controller_in(&namespace, &Fuse::solid());
                }
                outcome = reached => break outcome.map_err(|error| format!("{act:?}: {error}"))?,
            }
        }
    }
    drop(controller);
    let end = end(world, &namespace).await;
    match wanted {
        // A status is a few writes: which numbers are seen in between is chance, and so are the counts of their events.
        Some(wanted) => match end.events.iter().find(|event| !wanted.events.contains(event)) {
            Some(event) => Err(format!("an event that is not told without a kill: {event}")),
            None => Ok(end),
        },
        None => Ok(end),
    }
}

/// Whether an act has had its effect; after the last, whether the end is the wanted one.
fn reached(seen: &End, act: Act, wanted: Option<&End>) -> Result<(), String> {
    let fact = |name: &str| seen.facts.get(name).map(String::as_str).unwrap_or("-");
    let holds = match act {
        Act::Deploy => fact("status.phase") == "Healthy",
        Act::Image(_) => fact("status.phase") == "Paused" && fact("replicaSet.v2.replicas") == "2",
        Act::Promote => fact("status.phase") == "Healthy" && fact("status.activeSelector") == "v2",
        _ => match wanted {
            Some(wanted) => return seen.same_as(wanted),
            None => fact("replicaSet.v1.replicas") == "0" && fact("status.replicas") == "2",
        },
    };
    if holds { Ok(()) } else { Err(format!("{:?}", seen.facts)) }
}

impl End {
    fn same_as(&self, wanted: &Self) -> Result<(), String> {
        let different = differences(&wanted.facts, &self.facts);
        if different.is_empty() && self.replica_sets == wanted.replica_sets {
            return Ok(());
        }
        Err(format!("{} ReplicaSets, not {}; {different:?}", self.replica_sets, wanted.replica_sets))
    }
}

async fn end(world: &impl AnyWorld, namespace: &str) -> End {
    let snapshot = world.snapshot(namespace, "app").await;
    let mut events = world.events(namespace).await;
    events.sort();
    End { facts: snapshot.facts(), replica_sets: snapshot.replica_sets.len(), events }
}
