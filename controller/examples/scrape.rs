//! How large an answer to Prometheus is with so many Rollouts, as text and as gzip, how long it takes, and for how long at a
//! time it keeps the controller waiting: `cargo run --release -p verdigris-controller --example scrape -- 1000 5000`.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;
use verdigris_controller::{
    key::Key,
    metrics::{Metrics, facts::Facts, gzip::Gzip, scrape::Scrape, work::PassEnd},
};
use verdigris_core::decision::Event;

/// What a Rollout that lives for long has been told of.
const REASONS: [&str; 8] = [
    "RolloutUpdated",
    "NewReplicaSetCreated",
    "RolloutPaused",
    "RolloutResumed",
    "SwitchService",
    "RolloutCompleted",
    "ScalingReplicaSet",
    "RolloutNotCompleted",
];

fn main() {
    for argument in std::env::args().skip(1) {
        let count: usize = argument.parse().expect("a number of Rollouts");
        measure(&filled(count), count);
    }
}

fn filled(count: usize) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    let facts = Facts::of(&json!({"spec": {"replicas": 3, "strategy": {"blueGreen": {}}}, "status": {
        "phase": "Healthy", "replicas": 3, "availableReplicas": 3, "updatedReplicas": 3, "conditions": [
            {"type": "Progressing", "reason": "NewReplicaSetAvailable", "lastTransitionTime": "2026-11-21T08:00:00Z"}]}}));
    for number in 0..count {
        let key = Key::new(&format!("team-{}", number % 50), &format!("service-{number}"));
        metrics.rollout_shown(&key, Some(facts));
        metrics.pass_began(&key, Duration::from_micros(300));
        metrics.pass_ended(&key, PassEnd::Changed);
        for reason in REASONS {
            let event = Event { warning: false, reason: reason.to_owned(), message: String::new() };
            metrics.event_told(&key, &event);
        }
    }
    metrics
}

fn measure(metrics: &Arc<Metrics>, count: usize) {
    let (mut bytes, mut samples, mut pieces, mut longest) = (0, 0, 0, Duration::ZERO);
    let (mut time, mut packing, mut packed) = (Duration::ZERO, Duration::ZERO, 0);
    let mut gzip = Gzip::default();
    let mut scrape = Scrape::new(Arc::clone(metrics));
    loop {
        let began = Instant::now();
        let Some(piece) = scrape.next() else { break };
        let written = began.elapsed();
        packed += gzip.push(&piece).len();
        let both = began.elapsed();
        time += written;
        packing += both - written;
        longest = longest.max(both);
        bytes += piece.len();
        pieces += 1;
        samples += piece.lines().filter(|line| !line.starts_with('#')).count();
    }
    packed += gzip.end().len();
    println!(
        "{count} Rollouts: {samples} series, {bytes} bytes in {:.1} ms; as gzip {packed} bytes in {:.1} ms more; {pieces} pieces, \
         the longest {:.2} ms",
        time.as_secs_f64() * 1000.0,
        packing.as_secs_f64() * 1000.0,
        longest.as_secs_f64() * 1000.0,
    );
}
