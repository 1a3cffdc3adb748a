//! Every API write of one blue-green update, from the server's own record. ARCHITECTURE.md gives the reason for each.

use verdigris_playground_apiserver::write_log::{Verb, Write};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    facts::in_versions,
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
    world::World,
};

/// The writes of an update under a manual gate, in order: apply, promote, scale-down delay, rest.
const UPDATE: &[&str] = &[
    "create replicasets app-v2",
    "patch rollouts app",
    "patch services app-preview",
    "patch rollouts/status app",
    "patch rollouts/status app",
    "patch services app-active",
    "patch rollouts/status app",
    "patch replicasets app-v1",
    "patch rollouts/status app",
    "patch replicasets app-v1",
    "patch rollouts/status app",
];

/// Pods that come up or go one after the other are each a number that people watch: two pods, up and down.
const MORE_STATUSES_MAX: usize = 4;
/// What is quiet for so long in real time has come to rest: nothing in the scenario is due later.
const QUIET_SECONDS: u64 = 4;
/// Rollouts, ReplicaSets, Services and EndpointSlices: a list and a watch each.
const WATCHED_KINDS: usize = 4;

#[tokio::test(start_paused = true)]
async fn one_update_costs_what_the_architecture_says_and_no_write_changes_nothing() {
    let scenario = &SCENARIOS[0];
    let mut world = World::with_cluster(19).await;
    world.create_namespace(scenario.name).await;
    world.start_controller();
    perform(&world, scenario, scenario.name, Act::Deploy).await;
    world.rest().await;
    let before = world.writes();
    for act in [Act::Image(2), Act::Promote, Act::Wait(8)] {
        perform(&world, scenario, scenario.name, act).await;
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
        in_versions(&line, &versions)
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
    perform(&world, scenario, scenario.name, Act::Deploy).await;
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

/// Of a real server we see the requests: that of each write but the statuses, whose number depends on how pods come up, there is
/// exactly one; that a quiet world costs none; and that a restart costs only events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_update_costs_on_a_real_kubernetes_what_the_architecture_says() {
    let scenario = &SCENARIOS[0];
    let world = RealWorld::start(19).await.unwrap();
    let controller = world.start_controller();
    world.create_namespace(scenario.name).await;
    perform(&world, scenario, scenario.name, Act::Deploy).await;
    settled(&world, &[("status.phase", "Healthy"), ("service.app-active.selects", "v1")]).await;
    let before = writes(&world).len();
    perform(&world, scenario, scenario.name, Act::Image(2)).await;
    settled(&world, &[("status.phase", "Paused")]).await;
    perform(&world, scenario, scenario.name, Act::Promote).await;
    settled(&world, &[("replicaSet.v1.replicas", "0"), ("status.replicas", "2")]).await;
    let ours = writes(&world).split_off(before);
    let versions = world.snapshot(scenario.name, "app").await.versions();
    let mut ours: Vec<String> = ours.iter().map(|line| in_versions(line, &versions)).collect();
    let statuses = |lines: &[String]| lines.iter().filter(|line| line.contains("/status")).count();
    let wanted: Vec<String> = UPDATE.iter().map(|line| (*line).to_owned()).collect();
    let (told, most) = (statuses(&ours), statuses(&wanted) + MORE_STATUSES_MAX);
    assert!(told <= most, "{told} statuses, at most {most} are due: {ours:#?}");
    ours.retain(|line| !line.contains("/status"));
    let wanted: Vec<String> = wanted.into_iter().filter(|line| !line.contains("/status")).collect();
    assert_eq!(ours, wanted);

    let rested = writes(&world).len();
    world.wait_seconds(QUIET_SECONDS).await;
    assert_eq!(writes(&world).split_off(rested), [""; 0], "writes in a quiet world");
    drop(controller);
    let asked = world.real().asked_by_controller().unwrap().len();
    let _controller = world.start_controller();
    let asks_again = async || match world.real().asked_by_controller().unwrap().len() > asked + WATCHED_KINDS
    {
        true => Ok(()),
        false => Err("the controller does not ask for anything after its restart".to_owned()),
    };
    world.comes_to(asks_again).await.unwrap();
    world.wait_seconds(QUIET_SECONDS).await;
    assert_eq!(writes(&world).split_off(rested), [""; 0], "a restart writes nothing but events");
    world.real().nothing_was_refused().unwrap();
}

/// The controller's writes that were accepted, without events: `create replicasets app-5d8f`.
fn writes(world: &RealWorld) -> Vec<String> {
    let asked = world.real().asked_by_controller().expect("an audit log");
    let done = asked.iter().filter(|entry| entry.writes() && entry.code() < 300);
    let lines = done.filter(|entry| entry.resource() != "events").map(|entry| {
        let name = entry.object_ref.as_ref().map_or("", |object| object.name.as_str());
        format!("{} {} {name}", entry.verb, entry.resource())
    });
    lines.collect()
}

/// Waits until the facts are so, and then until no write has come for a while.
async fn settled(world: &RealWorld, wanted: &[(&str, &str)]) {
    let look = async || {
        let facts = world.snapshot(SCENARIOS[0].name, "app").await.facts();
        let is_so = |(name, value): &(&str, &str)| facts.get(*name).is_some_and(|fact| fact == value);
        if wanted.iter().all(is_so) { Ok(()) } else { Err(format!("{facts:#?}")) }
    };
    world.comes_to(look).await.expect("these facts");
    let seen = std::cell::Cell::new(usize::MAX);
    let quiet = async || {
        let before = seen.replace(writes(world).len());
        world.wait_seconds(1).await;
        if writes(world).len() == before { Ok(()) } else { Err("the controller still writes".to_owned()) }
    };
    world.comes_to(quiet).await.expect("a rest");
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
