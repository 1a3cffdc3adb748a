//! The same dice and the same answers make the same run.

use crate::{
    wire::{Call, Fate},
    world::World,
};

async fn run(seed: u64) -> Vec<Call> {
    let world = World::new();
    let mut dice = fastrand::Rng::with_seed(seed);
    world.wire.judge(move |_| match dice.u8(..100) {
        0..10 => Fate::Answer(503, "ServiceUnavailable"),
        10..15 => Fate::Answer(409, "Conflict"),
        15..20 => Fate::LoseAnswer,
        _ => Fate::Deliver,
    });
    let _controller = world.start();
    for name in ["app", "shop", "cart"] {
        world.deploy(name);
    }
    for name in ["app", "shop", "cart"] {
        world.until_phase(name, "Healthy").await;
        world.set_image(name, "example/app:2");
    }
    for name in ["app", "shop", "cart"] {
        world.until_phase(name, "Paused").await;
        world.promote(name);
        world.until_phase(name, "Healthy").await;
    }
    world.pass(600).await;
    world.wire.calls()
}

#[test]
fn same_seed_same_requests_at_the_same_moments() {
    let runs = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(run(seed))
    };
    let first = runs(1);
    assert_eq!(first, runs(1));
    assert_ne!(first, runs(2));
}
