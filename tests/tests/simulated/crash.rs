//! The controller is killed at each of its writes, before it leaves or before its answer arrives, and started again.

use verdigris_tests::{
    facts::Facts,
    fuse::{Blow, Fuse},
    recording::{Act, SCENARIOS, Scenario},
    world::World,
};

use crate::recordings::perform;

/// Deploy, update, promote, old stack scaled down.
const ACTS: [Act; 4] = [Act::Deploy, Act::Image(2), Act::Promote, Act::Wait(8)];

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
        perform(&world, scenario, act).await;
        world.rest_or_restart(fuse).await;
    }
    let snapshot = world.snapshot(scenario.name, "app").await;
    let mut events = world.events(scenario.name).await;
    events.sort();
    End { facts: snapshot.facts(), replica_sets: snapshot.replica_sets.len(), events }
}
