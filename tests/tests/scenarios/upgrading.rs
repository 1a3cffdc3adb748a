//! Our controller is replaced while updates are in flight: stopped as a signal stops it, and the next one started. And two of
//! ours at once, by mistake.

use futures::future::join_all;
use verdigris_controller::Options;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
    world::World,
};

use crate::recordings::{play, same_events, same_facts};

/// So long after an act the controller is replaced, in milliseconds: at once, amid the writes, and while pods come up.
const AFTER_MILLISECONDS: [u64; 4] = [0, 3, 60, 400];
/// How long each controller lives in real time: shorter than any scenario.
const LIFE_SECONDS: u64 = 2;

#[tokio::test(start_paused = true)]
async fn upgrading_after_each_act_gives_what_the_peer_gave() {
    for after in AFTER_MILLISECONDS {
        for scenario in SCENARIOS {
            let mut world = World::with_cluster(59).await;
            world.create_namespace(scenario.name).await;
            world.start_controller();
            for (act, step) in scenario.acts {
                perform(&world, scenario, scenario.name, *act).await;
                world.wait_milliseconds(after).await;
                world.upgrade().await;
                if *act == Act::Restart {
                    // The time that it names lies ahead.
                    world.wait_seconds(1).await;
                }
                world.rest().await;
                if let Some(step) = step {
                    same_facts(&world, scenario, step).await.expect("the same facts");
                }
            }
            same_events(&world, scenario).await.expect("the same events");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upgrading_all_the_time_on_a_real_kubernetes_gives_what_the_peer_gave_and_two_at_once_are_noticed() {
    let world = RealWorld::start(59).await.unwrap();
    let upgrades = async {
        loop {
            let controller = world.start_controller();
            world.wait_seconds(LIFE_SECONDS).await;
            controller.stop().await;
        }
    };
    let plays = join_all(SCENARIOS.iter().map(|scenario| play(&world, scenario)));
    let found: Vec<Vec<String>> = tokio::select! { biased;
        found = plays => found,
        () = upgrades => Vec::new(),
    };
    let found = found.concat();
    assert!(found.is_empty(), "{} differences without a reason:\n{}", found.len(), found.join("\n"));
    two_installations_are_noticed_and_updates_go_on(&world).await;
    world.real().nothing_was_refused().unwrap();
}

/// One for all namespaces and one for this: updates go on, and it is said.
async fn two_installations_are_noticed_and_updates_go_on(world: &RealWorld) {
    let scenario = &SCENARIOS[0];
    world.create_namespace("other").await;
    let other = world.real().install_in("other").await.expect("a second installation");
    let installed = |place: &str| Options { installed_in: Some(place.to_owned()), ..Options::default() };
    let namespaced = Options { namespace: Some("other".to_owned()), ..installed("other") };
    let _one = world.start_controller_as(world.real().controller(), installed("verdigris"));
    let _two = world.start_controller_as(other, namespaced);
    let told = async || {
        let events = world.events("other").await;
        let told = events
            .iter()
            .any(|event| event.contains("SecondController") && event.contains("field manager 'verdigris"));
        if told { Ok(()) } else { Err(format!("{events:?}")) }
    };
    let healthy = async |version: &str| {
        let facts = world.snapshot("other", "app").await.facts();
        let is_so = |name: &str, value: &str| facts.get(name).is_some_and(|fact| fact == value);
        let done = is_so("status.phase", "Healthy") && is_so("status.activeSelector", version);
        if done { Ok(()) } else { Err(format!("{facts:?}")) }
    };
    perform(world, scenario, "other", Act::Deploy).await;
    world.comes_to(async || healthy("v1").await).await.expect("v1 serves");
    for number in 2..4 {
        perform(world, scenario, "other", Act::Image(number)).await;
        world.wait_seconds(2).await;
        perform(world, scenario, "other", Act::PromoteFull).await;
        world.comes_to(async || healthy(&format!("v{number}")).await).await.expect("it serves");
        world.wait_seconds(2).await;
    }
    world.comes_to(told).await.expect("an event");
    world.real().nothing_was_refused_from("other").expect("rights enough");
}
