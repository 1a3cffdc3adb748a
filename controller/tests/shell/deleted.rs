//! A Rollout that goes while a pass on it is under way.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use serde_json::Value;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn its_services_are_let_go_also_if_it_goes_in_the_middle_of_a_pass() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let (server, deleted) = (world.server.clone(), AtomicBool::new(false));
    world.wire.judge(move |call| {
        // All is written and only told now: the pass ends as if nothing had happened.
        if call.path.contains("/events") && !deleted.swap(true, Ordering::Relaxed) {
            let path = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app";
            server.ask(Method::DELETE, path, &Value::Null).unwrap();
        }
        crate::wire::Fate::Deliver
    });
    world.set_image("app", "example/app:2");
    let names = ["app-active", "app-preview"];
    world.until("nobody is selected", |world| names.iter().all(|name| world.selected(name).is_empty())).await;
}
