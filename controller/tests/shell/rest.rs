//! No loop runs hot, and no wish to stop is ignored.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::oneshot, time::timeout};
use verdigris_controller::{Controller, Options, Ports, TokioClock, rules::Rules};
use verdigris_core::{
    decision::{Outcome, Write},
    guard::{Refused, Rule},
};

use crate::{wire::Fate, world::World};

#[tokio::test(start_paused = true)]
async fn a_decision_that_is_never_done_looking_again_gets_one_pass_a_second() {
    let world = World::new();
    let rules = Rules {
        decide: Arc::new(|observed, now| match verdigris_core::decide(observed, now) {
            Outcome::Decided(mut decision) => {
                decision.look_again = Some(now);
                Outcome::Decided(decision)
            }
            asks @ Outcome::NeedFresh(_) => asks,
        }),
        ..Rules::default()
    };
    let controller = world.start_with(Options::default(), rules);
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let passes = controller.counters.passes.get();
    world.pass(100).await;
    let passes = controller.counters.passes.get() - passes;
    assert!((90..=111).contains(&passes), "{passes} passes in 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_the_safety_kernel_refuses_is_not_written_but_told() {
    let world = World::new();
    let rules = Rules {
        guard: Arc::new(|_, decision, _| {
            let points = decision.writes.iter().any(|write| matches!(write, Write::PointService(_)));
            let refused = || Refused { rule: Rule::R1, message: "a test says so".into() };
            if points { Err(refused()) } else { Ok(()) }
        }),
        ..Rules::default()
    };
    let controller = world.start_with(Options::default(), rules);
    world.deploy("app");
    world.pass(600).await;
    assert_eq!((world.selected("app-active"), world.selected("app-preview")), (String::new(), String::new()));
    assert!(world.replica_sets().is_empty(), "nothing of a refused plan is written");
    let condition = world.condition("app", "verdigris.dev/PlanRefused").unwrap();
    assert_eq!(condition["reason"], "R1");
    assert!(condition["message"].as_str().unwrap().contains("a test says so"), "{condition}");
    assert_eq!(
        world.events().iter().filter(|(reason, _, count)| reason == "PlanRefused" && *count == 1).count(),
        1
    );
    let refused = controller.counters.plans_refused.get();
    assert!((10..80).contains(&refused), "{refused} plans refused in ten minutes");

    drop(controller);
    let _sane = world.start();
    world.until_phase("app", "Healthy").await;
    assert_eq!(world.condition("app", "verdigris.dev/PlanRefused"), None);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_for_ever_is_tried_ever_more_rarely() {
    let world = World::new();
    world.wire.judge(|call| {
        let creates =
            call.method == "POST" && call.path.contains("/replicasets") && !call.path.contains("dryRun");
        if creates { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let controller = world.start();
    world.deploy("app");
    world.pass(600).await;
    let tries = controller.counters.refusals.get();
    assert!((5..60).contains(&tries), "{tries} tries in ten minutes");
    let condition = world.condition("app", "Progressing").unwrap();
    assert_eq!(condition["reason"], "ReplicaSetCreateError", "{condition}");
    world.wire.judge(|_| Fate::Deliver);
    world.until_phase("app", "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_for_ever_holds_up_neither_promotion_nor_abort() {
    let world = World::new();
    world.wire.judge(|call| {
        let points = call.method == "PATCH" && call.path.contains("/services/app-preview");
        if points { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    // By now it is asked again no sooner than a minute later.
    world.pass(600).await;
    let condition = world.condition("app", "verdigris.dev/WriteRefused").unwrap();
    assert!(condition["message"].as_str().unwrap().contains("point Service app-preview"), "{condition}");
    world.set_image("app", "example/app:2");
    world.pass(10).await;
    assert_eq!(world.phase("app"), "Paused");
    world.patch_status("app", &json!({"abort": true}));
    world.pass(2).await;
    assert_eq!(world.phase("app"), "Degraded");
    world.set_image("app", "example/app:3");
    world.pass(10).await;
    assert_eq!(world.phase("app"), "Paused");
    world.promote("app");
    world.pass(2).await;
    assert_eq!(world.phase("app"), "Healthy");
}

#[tokio::test(start_paused = true)]
async fn two_writes_that_are_refused_for_ever_hold_up_no_promotion() {
    let world = World::new();
    world.wire.judge(|call| {
        let points = call.path.contains("/services/app-preview");
        let annotates = call.path.split('?').next().is_some_and(|path| path.ends_with("/rollouts/app"));
        if call.method == "PATCH" && (points || annotates) {
            Fate::Answer(403, "Forbidden")
        } else {
            Fate::Deliver
        }
    });
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    world.set_image("app", "example/app:2");
    world.pass(600).await;
    assert_eq!(world.phase("app"), "Paused");
    let before = world.selected("app-active");
    world.promote("app");
    world.pass(2).await;
    assert_ne!(world.selected("app-active"), before);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_ends_what_is_under_way_and_begins_nothing() {
    let world = World::new();
    let clock = TokioClock::starting_at(world.now());
    let ports =
        Ports { client: world.wire.client(), clock: Arc::new(clock), dice: fastrand::Rng::with_seed(1) };
    let (stop, stopped) = oneshot::channel::<()>();
    let controller = Controller::new(ports, Options::default());
    let task = tokio::spawn(controller.run(async { _ = stopped.await }));
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    stop.send(()).unwrap();
    timeout(Duration::from_secs(15), task).await.unwrap().unwrap();
    let writes = world.wire.writes().len();
    world.patch("app", &json!({"spec": {"replicas": 3}}));
    world.pass(60).await;
    assert_eq!(world.wire.writes().len(), writes);
}
