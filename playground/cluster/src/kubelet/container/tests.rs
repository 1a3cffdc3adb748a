use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::kubelet::host::{App, PodHost, Pretence};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
}

/// A container of this image, created at 0, with what it told on its way.
struct Life {
    container: Container,
    run: ContainerRun,
    told: Vec<&'static str>,
}

impl Life {
    fn of(image: &str) -> Self {
        let container: Container = serde_json::from_value(json!({"name": "app", "image": image})).unwrap();
        let run = ContainerRun::new(&container, "Always", at(0), Timing::default());
        Self { container, run, told: Vec::new() }
    }

    /// Goes on at each moment that is due, until `end`; gives what it was in after each step.
    fn until(&mut self, end: Timestamp, environment: &Result<Environment, String>) -> Vec<String> {
        let output = |log| Output::new(log, Arc::new(|| at(0)));
        let start = |_: &Environment, output: Output| {
            let app = App {
                welcome: String::new(),
                pod: String::new(),
                image: String::new(),
                revision: String::new(),
                ports: vec![8080],
                healthy: true,
            };
            Pretence.start(app, output, Arc::new(|| {}))
        };
        let surroundings = Surroundings {
            timing: Timing::default(),
            pod_id: "web_here(1)",
            environment,
            output: &output,
            start: &start,
        };
        let mut seen = Vec::new();
        while let Some(due) = self.run.due().filter(|due| *due <= end) {
            let mut notes = Vec::new();
            self.run.advance(&self.container, due, &surroundings, &mut notes).unwrap();
            self.told.extend(notes.iter().map(|note| note.reason));
            seen.push(format!("{} {}", due.duration_since(at(0)).as_millis(), name(&self.run.state)));
        }
        seen
    }
}

fn name(state: &State) -> &'static str {
    match state {
        State::Creating { .. } => "creating",
        State::ConfigError { .. } => "config error",
        State::PullError { backing_off: false, .. } => "pull error",
        State::PullError { .. } => "pull back-off",
        State::Running { .. } => "running",
        State::Exited { .. } => "exited",
        State::CrashLoop { .. } => "crash loop",
        State::Ended => "ended",
    }
}

#[test]
fn a_container_runs_after_the_startup_delay() {
    let mut life = Life::of("super:1");
    assert_eq!(life.until(at(60_000), &Ok(Environment::new())), ["50 running"]);
    assert!(life.run.is_ready());
    assert_eq!(life.told, ["Pulled", "Created", "Started"]);
}

#[test]
fn a_crash_is_followed_by_one_quick_restart_and_then_by_ever_longer_rests() {
    let mut life = Life::of("super:bad");
    let seen = life.until(at(80_000), &Ok(Environment::new()));
    assert_eq!(
        seen,
        ["50 exited", "100 crash loop", "10100 crash loop", "30100 crash loop", "70100 crash loop"]
    );
    assert_eq!(life.run.restarts, 4);
    assert!(!life.run.is_ready());
    let rests: Vec<u64> = (1..8).map(|failures| Timing::default().back_off(failures).as_secs()).collect();
    assert_eq!(rests, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn an_image_that_cannot_be_pulled_is_tried_again_with_rests() {
    let mut life = Life::of("missing:1");
    let seen = life.until(at(31_000), &Ok(Environment::new()));
    let steps = [
        "50 pull error",
        "100 pull back-off",
        "10100 pull error",
        "10150 pull back-off",
        "30150 pull error",
        "30200 pull back-off",
    ];
    assert_eq!(seen, steps);
}

#[test]
fn a_container_without_its_environment_waits_for_it() {
    let mut life = Life::of("super:1");
    assert_eq!(life.until(at(1_000), &Err("configmap \"a\" not found".into())), ["50 config error"]);
    assert_eq!(life.told, ["Failed"]);
    assert_eq!(life.run.due(), None);
    assert!(life.run.needs_environment());
}
