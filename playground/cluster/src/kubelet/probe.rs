//! Probes: when to ask, what to ask, and how many answers it takes.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{container::after, host::Check};

/// One of a container's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Until it succeeds, the others rest.
    Startup,
    /// Where it fails, the container is restarted.
    Liveness,
    /// Whether the container may get requests.
    Readiness,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The container's probe of this kind.
    pub(super) fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
        }
    }

    /// How events call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// The probes of a container that runs, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probes(Box<[Opinion; 3]>);

impl Probes {
    /// Of a container that has just started.
    pub(super) fn new(container: &Container, now: Timestamp) -> Self {
        Self(Box::new(Kind::ALL.map(|kind| Opinion::new(kind, kind.of(container), now))))
    }

    fn opinion(&self, kind: Kind) -> &Opinion {
        &self.0[kind as usize]
    }

    /// Whether the container has come up.
    pub(super) fn has_started(&self) -> bool {
        self.opinion(Kind::Startup).well
    }

    /// Whether it may get requests.
    pub(super) fn is_ready(&self) -> bool {
        self.has_started() && self.opinion(Kind::Readiness).well
    }

    /// What is asked next, and when.
    fn next(&self) -> Option<(Timestamp, Kind)> {
        let asked = |kind: &Kind| (*kind == Kind::Startup) != self.has_started();
        let due =
            Kind::ALL.into_iter().filter(asked).filter_map(|kind| Some((self.opinion(kind).next?, kind)));
        due.min_by_key(|(at, _)| *at)
    }

    /// When the next probe is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.next().map(|(at, _)| at)
    }

    /// The probe that is due at `now`, and how long it may take.
    pub(super) fn due_now(&self, now: Timestamp) -> Option<(Kind, Duration)> {
        self.next().filter(|(at, _)| *at <= now).map(|(_, kind)| (kind, self.opinion(kind).timeout))
    }

    /// Takes a probe's answer in; whether the container must be restarted.
    pub(super) fn answered(&mut self, kind: Kind, well: bool, now: Timestamp) -> bool {
        let opinion = &mut self.0[kind as usize];
        opinion.answered(well, now);
        kind != Kind::Readiness && opinion.failures >= opinion.failures_needed
    }
}

/// What the answers of one probe have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opinion {
    well: bool,
    next: Option<Timestamp>,
    period: Duration,
    timeout: Duration,
    successes: i32,
    successes_needed: i32,
    failures: i32,
    failures_needed: i32,
}

impl Opinion {
    /// Before the first answer, which comes after the initial delay. What has no probe is well; what has one counts as
    /// alive, but not yet as started or ready.
    fn new(kind: Kind, probe: Option<&Probe>, now: Timestamp) -> Self {
        let seconds = |value: Option<i32>, default: i32| {
            Duration::from_secs(u64::try_from(value.unwrap_or(default)).unwrap_or(0))
        };
        let at_least_one = |value: Option<i32>, default: i32| value.unwrap_or(default).max(1);
        Self {
            well: probe.is_none() || kind == Kind::Liveness,
            next: probe.map(|probe| after(now, seconds(probe.initial_delay_seconds, 0))),
            period: seconds(probe.and_then(|probe| probe.period_seconds), 10).max(Duration::from_secs(1)),
            timeout: seconds(probe.and_then(|probe| probe.timeout_seconds), 1).max(Duration::from_secs(1)),
            successes: 0,
            successes_needed: at_least_one(probe.and_then(|probe| probe.success_threshold), 1),
            failures: 0,
            failures_needed: at_least_one(probe.and_then(|probe| probe.failure_threshold), 3),
        }
    }

    fn answered(&mut self, well: bool, now: Timestamp) {
        self.next = Some(after(now, self.period));
        if well {
            self.failures = 0;
            self.successes += 1;
            self.well |= self.successes >= self.successes_needed;
        } else {
            self.successes = 0;
            self.failures += 1;
            self.well &= self.failures < self.failures_needed;
        }
    }
}

/// What the probe asks of this container.
pub(super) fn check(probe: &Probe, container: &Container) -> Check {
    let number = |port: &IntOrString| match port {
        IntOrString::Int(number) => u16::try_from(*number).unwrap_or(0),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| u16::try_from(port.container_port).unwrap_or(0))
            .or_else(|| name.parse().ok())
            .unwrap_or(0),
    };
    if let Some(get) = &probe.http_get {
        let path = get.path.as_deref().unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        return Check::Http { port: number(&get.port), path };
    }
    match &probe.tcp_socket {
        Some(socket) => Check::Tcp { port: number(&socket.port) },
        None => Check::Health,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn probes(container: serde_json::Value) -> Probes {
        Probes::new(&serde_json::from_value(container).unwrap(), at(0))
    }

    #[test]
    fn without_a_probe_it_is_ready_at_once() {
        let probes = probes(json!({"name": "c"}));
        assert!(probes.is_ready() && probes.has_started());
        assert_eq!(probes.due(), None);
    }

    #[test]
    fn thresholds_decide_when_it_turns() {
        let mut probes = probes(json!({"name": "c", "readinessProbe": {
            "initialDelaySeconds": 5, "periodSeconds": 2, "successThreshold": 2, "failureThreshold": 2,
        }}));
        assert_eq!((probes.is_ready(), probes.due()), (false, Some(at(5))));
        let mut seen = Vec::new();
        for (step, well) in [true, true, false, true, false, false, true].into_iter().enumerate() {
            let now = at(5 + 2 * i64::try_from(step).unwrap());
            assert_eq!(probes.due_now(now), Some((Kind::Readiness, Duration::from_secs(1))));
            assert!(!probes.answered(Kind::Readiness, well, now), "unready containers are not restarted");
            seen.push(probes.is_ready());
        }
        assert_eq!(seen, [false, true, true, true, true, false, false]);
        assert_eq!(probes.due(), Some(at(5 + 2 * 6 + 2)));
    }

    #[test]
    fn the_startup_probe_comes_first_and_failing_liveness_asks_for_a_restart() {
        let mut probes = probes(json!({
            "name": "c", "startupProbe": {"periodSeconds": 1, "failureThreshold": 3},
            "livenessProbe": {"periodSeconds": 5, "failureThreshold": 2, "timeoutSeconds": 3},
        }));
        assert_eq!((probes.is_ready(), probes.has_started()), (false, false));
        assert_eq!(probes.due_now(at(0)).unwrap().0, Kind::Startup);
        assert!(!probes.answered(Kind::Startup, false, at(0)));
        assert_eq!(probes.due(), Some(at(1)));
        assert!(!probes.answered(Kind::Startup, true, at(1)));
        assert!(probes.is_ready());
        assert_eq!(probes.due_now(at(1)), Some((Kind::Liveness, Duration::from_secs(3))));
        let restarts = [true, false, false].map(|well| probes.answered(Kind::Liveness, well, at(6)));
        assert_eq!(restarts, [false, false, true]);
    }

    #[test]
    fn a_probe_may_name_its_port() {
        let container =
            serde_json::from_value(json!({"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}))
                .unwrap();
        let probe = serde_json::from_value(json!({"httpGet": {"path": "readyz", "port": "http"}})).unwrap();
        assert_eq!(check(&probe, &container), Check::Http { port: 8080, path: "/readyz".into() });
    }
}
