//! Every API write of one blue-green update, from the server's own record. ARCHITECTURE.md gives the reason for each.

use verdigris_playground_apiserver::write_log::{Verb, Write};
use verdigris_tests::{
    recording::{Act, SCENARIOS},
    world::World,
};

use crate::recordings::perform;

/// The writes of an update under a manual gate, in order: apply, promote, scale-down delay, rest.
const UPDATE: &[&str] = &[
    "create replicasets app-v2",
    "patch rollouts app",
    "patch services app-preview",
    "patch rollouts/status app",
    "patch rollouts/status app",
    "patch rollouts/status app",
    "patch services app-active",
    "patch rollouts/status app",
    "patch replicasets app-v1",
    "patch rollouts/status app",
    "patch replicasets app-v1",
    "patch rollouts/status app",
];

#[tokio::test(start_paused = true)]
async fn one_update_costs_what_the_architecture_says_and_no_write_changes_nothing() {
    let scenario = &SCENARIOS[0];
    let mut world = World::with_cluster(19).await;
    world.create_namespace(scenario.name).await;
    world.start_controller();
    perform(&world, scenario, Act::Deploy).await;
    world.rest().await;
    let before = world.writes();
    for act in [Act::Image(2), Act::Promote, Act::Wait(8)] {
        perform(&world, scenario, act).await;
        world.rest().await;
    }
    let versions = world.snapshot(scenario.name, "app").await.versions();
    let ours: Vec<Write> = world
        .server()
        .writes_since(before)
        .into_iter()
        .filter(|write| write.manager == "verdigris")
        .collect();
    for write in &ours {
        assert!(write.changed, "changed nothing: {write:?}");
    }
    let said = |write: &Write| {
        let subresource =
            if write.subresource.is_empty() { String::new() } else { format!("/{}", write.subresource) };
        let line = format!("{} {}{subresource} {}", verb(write.verb), write.plural, write.name);
        verdigris_tests::facts::in_versions(&line, &versions)
    };
    let (events, objects): (Vec<&Write>, Vec<&Write>) =
        ours.iter().partition(|write| write.plural == "events");
    let objects: Vec<String> = objects.into_iter().map(said).collect();
    assert_eq!(objects, UPDATE, "{} events besides", events.len());
    let architecture = include_str!("../../../ARCHITECTURE.md");
    for line in UPDATE {
        assert!(
            architecture.contains(&format!("`{line}`")),
            "ARCHITECTURE.md does not give the reason for {line}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_world_costs_nothing() {
    let scenario = &SCENARIOS[0];
    let mut world = World::with_cluster(23).await;
    world.create_namespace(scenario.name).await;
    world.start_controller();
    perform(&world, scenario, Act::Deploy).await;
    world.rest().await;
    let before = world.writes();
    world.wait_seconds(24 * 3600).await;
    assert_eq!(world.server().writes_since(before).len(), 0, "writes in a quiet day");
    world.kill_controller();
    world.start_controller();
    world.rest().await;
    let after: Vec<Write> = world.server().writes_since(before);
    assert!(
        after.iter().all(|write| write.plural == "events"),
        "a restart writes nothing but events: {after:#?}"
    );
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Patch => "patch",
        Verb::Apply => "apply",
        Verb::Delete => "delete",
        Verb::DeleteCollection => "delete all",
    }
}
