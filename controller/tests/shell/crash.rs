//! The controller dies at each of its writes; another one starts and brings it to the same end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    wire::Fate,
    world::{Running, World, listed},
};

/// What must not depend on a crash.
#[derive(Debug, PartialEq)]
struct End {
    status: Value,
    active: String,
    preview: String,
    sizes: Vec<Value>,
}

fn end(world: &World) -> End {
    let mut status = world.rollout("app")["status"].clone();
    // When things happened may differ by the crash.
    status["duration"] = Value::Null;
    let conditions = status["conditions"].as_array_mut().into_iter().flatten();
    let mut conditions: Vec<Value> =
        conditions.map(|it| json!([it["type"], it["status"], it["reason"], it["message"]])).collect();
    conditions.sort_by_key(ToString::to_string);
    status["conditions"] = conditions.into();
    let sizes = world
        .replica_sets()
        .iter()
        .map(|seen| json!([seen["metadata"]["name"], seen["spec"]["replicas"]]))
        .collect();
    End { status, active: world.selected("app-active"), preview: world.selected("app-preview"), sizes }
}

struct Outcome {
    writes: usize,
    end: End,
    events: Vec<(String, String, i64)>,
}

/// Plays an update. At the write number `fatal` the controller is killed, before it reaches the server or after.
async fn play(fatal: usize, after: bool) -> Outcome {
    let world = World::new();
    let (writes, killed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, kill) = (Arc::clone(&writes), Arc::clone(&killed));
    world.wire.judge(move |call| {
        if call.method == "GET"
            || call.path.contains("dryRun")
            || count.fetch_add(1, Ordering::Relaxed) + 1 != fatal
        {
            return Fate::Deliver;
        }
        kill.notify_one();
        // The answer never comes to matter: the controller is gone before it could read it.
        if after { Fate::LoseAnswer } else { Fate::Answer(503, "ServiceUnavailable") }
    });
    let mut controller: Option<Running> = Some(world.start());
    let user = async {
        world.deploy("app");
        world.until_phase("app", "Healthy").await;
        world.update("app", "example/app:2").await;
        world.pass(180).await;
    };
    let restarts = async {
        killed.notified().await;
        controller.take();
        world.pass(1).await;
        controller = Some(world.start());
        std::future::pending::<()>().await;
    };
    tokio::select! { biased;
        () = restarts => {}
        () = user => {}
    }
    Outcome { writes: writes.load(Ordering::Relaxed), end: end(&world), events: world.events() }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_write_changes_neither_the_end_nor_tells_anything_twice() {
    let undisturbed = play(usize::MAX, false).await;
    assert!(undisturbed.writes > 20, "{}", undisturbed.writes);
    assert!(undisturbed.events.len() > 10, "{:?}", undisturbed.events);
    // Before a write is after the one before it, for the cluster; so only the first is tried both ways.
    let deaths = (1..=undisturbed.writes).map(|fatal| (fatal, true));
    for (fatal, after) in std::iter::once((1, false)).chain(deaths) {
        let outcome = play(fatal, after).await;
        assert_eq!(outcome.end, undisturbed.end, "killed at write {fatal}");
        for (reason, message, count) in &outcome.events {
            assert_eq!(*count, 1, "told twice after a crash at write {fatal}: {reason} {message}");
            let told = undisturbed.events.iter().any(|event| event.0 == *reason && event.1 == *message);
            assert!(told, "told only after a crash at write {fatal}: {reason} {message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_at_rest_writes_nothing_for_all_state_is_in_the_cluster() {
    let world = World::new();
    let mut controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    world.set_image("app", "example/app:2");
    for (phase, promote) in [("Paused", true), ("Healthy", false)] {
        world.until_phase("app", phase).await;
        world.pass(300).await;
        let writes = world.wire.writes().len();
        drop(controller);
        controller = world.start();
        world.pass(300).await;
        assert_eq!(world.wire.writes().len(), writes, "{phase}: {}", listed(&world.wire.writes()[writes..]));
        if promote {
            world.promote("app");
        }
    }
    assert_eq!(controller.counters.writes.without_events(), 0);
}
