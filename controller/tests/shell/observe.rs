//! `--observe`: beside another controller, writing nothing. The other one is Verdigris under another wire.

use std::sync::Arc;

use verdigris_controller::{
    Controller, Options, Ports, TokioClock, metrics::counters::Counters, rules::Rules,
};

use crate::{wire::Wire, world::World};

/// Starts one that only observes, with a wire of its own.
fn observe(world: &World) -> (Wire, Arc<Counters>, tokio::task::JoinHandle<()>) {
    let wire = Wire::new(world.server.clone());
    let clock = Arc::new(TokioClock::starting_at(world.now()));
    let ports = Ports { client: wire.client(), clock, dice: fastrand::Rng::with_seed(8) };
    let options = Options { observe: true, ..Options::default() };
    let controller = Controller::with_rules(ports, options, Rules::default());
    let counters = controller.counters();
    (wire, counters, tokio::spawn(controller.run(std::future::pending())))
}

#[tokio::test(start_paused = true)]
async fn it_writes_nothing_and_agrees_with_one_that_decides_as_it_does() {
    let world = World::new();
    let (wire, seen, _observer) = observe(&world);
    let _acts = world.start();
    world.deploy_and_update("app").await;
    world.pass(600).await;
    assert_eq!(wire.writes(), []);
    assert_eq!(wire.calls().iter().filter(|call| call.path.contains("/events")).count(), 0);
    assert_eq!(
        (seen.agreements.get(), seen.differences.get()),
        (2, 0),
        "the first deploy's switch and the promoted one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_it_would_not_have_done_is_a_difference() {
    let world = World::new();
    let (wire, seen, _observer) = observe(&world);
    let acts = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    // Its pods never get ready.
    world.set_image("app", "example/app:2-error");
    world
        .until("the preview shows it", |world| world.selected("app-preview") != world.selected("app-active"))
        .await;
    drop(acts);
    world.point("app-active", &world.selected("app-preview"));
    world.pass(5).await;
    assert_eq!(seen.differences.get(), 1);
    assert_eq!(wire.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_does_for_a_minute_is_a_difference() {
    let world = World::new();
    let acts = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    drop(acts);
    let (wire, seen, _observer) = observe(&world);
    world.set_image("app", "example/app:2");
    world.pass(50).await;
    assert_eq!(seen.differences.get(), 0, "somebody may still do it");
    world.pass(20).await;
    assert!(seen.differences.get() > 0);
    let told = seen.differences.get();
    world.pass(3600).await;
    assert_eq!((seen.differences.get(), wire.writes()), (told, Vec::new()), "once is enough");
}
