//! Random sequences of requests against both servers: equal answers, equal events, watches that agree with lists.
//!
//! 600 sequences, or as many as there are in two minutes: `VERDIGRIS_RANDOM_SEQUENCES` and `VERDIGRIS_RANDOM_SECONDS` say otherwise.
//! `VERDIGRIS_RANDOM_SEED` begins at another seed, which also plays a failure again; `VERDIGRIS_RANDOM_FAILURES` ends it after so
//! many different ones.
//! What is found is printed.

use std::{env, sync::Arc, time::Duration};

use http::Method;
use jiff::Timestamp;
use serde_json::json;
use verdigris_conformance::{
    random::{
        campaign::{Plan, run},
        player::Player,
    },
    server::{Controllers, Server},
};
use verdigris_playground_apiserver::server::ApiServer;

/// Fewer sequences prove nothing.
const SEQUENCES_MIN: u64 = 50;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[expect(clippy::disallowed_methods, reason = "both servers live in real time: this is where it enters")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn random_sequences_are_answered_the_same() {
    let plan = Plan {
        seed: number("VERDIGRIS_RANDOM_SEED", 1),
        duration: Duration::from_secs(number("VERDIGRIS_RANDOM_SECONDS", 120)),
        sequences_max: number("VERDIGRIS_RANDOM_SEQUENCES", 600),
        failures_max: usize::try_from(number("VERDIGRIS_RANDOM_FAILURES", 1000)).unwrap(),
        shrinks_max: 100,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome = {
        let (embedded, real, _server) = runtime.block_on(async {
            let server = Server::real(Controllers::None).await.unwrap();
            let embedded = ApiServer::new(Arc::new(now), plan.seed);
            // As with the real server, versions get more digits than the numbers in messages have.
            for _ in 0..200 {
                embedded.forget_events();
                let event =
                    json!({"metadata": {"generateName": "e-"}, "involvedObject": {"namespace": "default"}});
                embedded.ask(Method::POST, "/api/v1/namespaces/default/events", &event).unwrap();
            }
            let embedded = Player::new("embedded", embedded.client()).await.unwrap();
            let real = Player::new("real", server.client()).await.unwrap();
            (embedded, real, server)
        });
        run(runtime.handle(), [&embedded, &real], plan).unwrap()
    };
    println!("{} sequences, {} requests to each server", outcome.sequences, outcome.requests);
    for (seed, failure) in outcome.failures.values() {
        println!("\nVERDIGRIS_RANDOM_SEED={seed}: {}\n{}", failure.about, failure.words);
    }
    let (failed, played) = (outcome.failed, outcome.sequences);
    println!("{failed} of {played} sequences were answered in another way");
    assert!(played >= SEQUENCES_MIN, "only {played} sequences in {:?}", plan.duration);
    assert_eq!(failed, 0, "{failed} of {played} differ; they are printed above");
}
