//! What metrics say of objects, read from the objects as the watches show them. Fields are read as any JSON: the schema may
//! be anybody's.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::keys;

/// What is told of a Rollout. Small, and the same size whatever the Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `blueGreen`, `canary` or `none`.
    pub strategy: &'static str,
    /// The peer's name of the traffic router; empty without one.
    pub traffic_router: &'static str,
    /// The phase in the peer's metrics.
    pub info_phase: InfoPhase,
    /// `status.phase`.
    pub phase: Phase,
    /// The latest change that the status tells of, in seconds since 1970; 0 if it tells of none.
    pub changed: i64,
    /// `spec.replicas`.
    pub desired: i64,
    /// `status.replicas`.
    pub replicas: i64,
    /// `status.availableReplicas`.
    pub available: i64,
    /// `status.updatedReplicas`.
    pub updated: i64,
}

/// The phase in the peer's metrics, which is not `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoPhase {
    /// The newest version is there.
    Completed,
    /// There is work to do.
    Progressing,
    /// Somebody is waited for.
    Paused,
    /// `progressDeadlineSeconds` were not enough.
    Timeout,
    /// The API server takes no ReplicaSet.
    Error,
    /// The update was aborted.
    Abort,
    /// The spec cannot be carried out.
    InvalidSpec,
}

impl InfoPhase {
    /// Those that the peer's deprecated `rollout_phase` has a series of.
    pub const ALL_BUT_INVALID: [Self; 6] =
        [Self::Completed, Self::Progressing, Self::Paused, Self::Timeout, Self::Error, Self::Abort];

    /// As a label.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Progressing => "Progressing",
            Self::Paused => "Paused",
            Self::Timeout => "Timeout",
            Self::Error => "Error",
            Self::Abort => "Abort",
            Self::InvalidSpec => "InvalidSpec",
        }
    }
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody has written a status.
    Unknown,
    /// All is as it should be.
    Healthy,
    /// There is work to do.
    Progressing,
    /// Somebody is waited for.
    Paused,
    /// It went wrong.
    Degraded,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Healthy, Self::Progressing, Self::Paused, Self::Degraded];

    /// Reads it.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|phase| Some(phase.text()) == text).unwrap_or(Self::Unknown)
    }

    /// As a label.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Paused => "Paused",
            Self::Degraded => "Degraded",
        }
    }
}

impl Facts {
    /// Reads a Rollout.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let (spec, status) = (&object["spec"], &object["status"]);
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let (strategy, traffic_router) = strategy(&spec["strategy"]);
        Self {
            strategy,
            traffic_router,
            info_phase: info_phase(status),
            phase: Phase::of(status["phase"].as_str()),
            changed: changed(status),
            desired: spec["replicas"].as_i64().unwrap_or(1),
            replicas: number(&status["replicas"]),
            available: number(&status["availableReplicas"]),
            updated: number(&status["updatedReplicas"]),
        }
    }
}

fn strategy(strategy: &Value) -> (&'static str, &'static str) {
    const ROUTERS: [(&str, &str); 6] = [
        ("appMesh", "AppMesh"),
        ("smi", "SMI"),
        ("nginx", "Nginx"),
        ("istio", "Istio"),
        ("ambassador", "Ambassador"),
        ("alb", "ALB"),
    ];
    if !strategy["blueGreen"].is_null() {
        return ("blueGreen", "");
    }
    let canary = &strategy["canary"];
    if canary.is_null() {
        return ("none", "");
    }
    let router = ROUTERS.into_iter().find(|(field, _)| !canary["trafficRouting"][field].is_null());
    ("canary", router.map_or("", |(_, name)| name))
}

fn conditions(status: &Value) -> impl Iterator<Item = &Value> {
    status["conditions"].as_array().into_iter().flatten()
}

fn info_phase(status: &Value) -> InfoPhase {
    let condition = |type_: &str| conditions(status).find(|condition| condition["type"] == type_);
    if condition("InvalidSpec").is_some() {
        return InfoPhase::InvalidSpec;
    }
    match condition("Progressing").and_then(|condition| condition["reason"].as_str()) {
        Some("NewReplicaSetAvailable") => InfoPhase::Completed,
        Some("RolloutPaused") => InfoPhase::Paused,
        Some("ReplicaSetCreateError") => InfoPhase::Error,
        Some("ProgressDeadlineExceeded") => InfoPhase::Timeout,
        Some("RolloutAborted") => InfoPhase::Abort,
        _ => InfoPhase::Progressing,
    }
}

/// A phase that somebody sees for the first time began no later than this. Our own conditions do not count: they change within
/// a phase.
fn changed(status: &Value) -> i64 {
    let conditions = conditions(status)
        .filter(|condition| !condition["type"].as_str().unwrap_or_default().starts_with(keys::OWN_PREFIX))
        .map(|condition| &condition["lastTransitionTime"]);
    let pauses = status["pauseConditions"].as_array().into_iter().flatten().map(|pause| &pause["startTime"]);
    let times = conditions.chain(pauses).chain([&status["abortedAt"]]);
    let seconds = |time: &Value| Some(time.as_str()?.parse::<Timestamp>().ok()?.as_second());
    times.filter_map(seconds).max().unwrap_or_default()
}

/// The phases of AnalysisRuns.
pub const RUN_PHASES: [&str; 6] = ["Pending", "Error", "Failed", "Successful", "Running", "Inconclusive"];

/// The phase of an AnalysisRun; of one that nobody measures yet there is none, which is `Pending`.
#[must_use]
pub fn run_phase(phase: &str) -> &'static str {
    RUN_PHASES.into_iter().find(|known| *known == phase).unwrap_or("Pending")
}

/// The peer's name of each provider of metrics.
const PROVIDERS: [(&str, &str); 12] = [
    ("prometheus", "Prometheus"),
    ("job", "Job"),
    ("kayenta", "Kayenta"),
    ("web", "Web"),
    ("datadog", "Datadog"),
    ("wavefront", "Wavefront"),
    ("newRelic", "NewRelic"),
    ("cloudWatch", "CloudWatch"),
    ("graphite", "Graphite"),
    ("influxdb", "Influxdb"),
    ("skywalking", "skywalking"),
    ("plugin", "RPCPlugin"),
];

/// What a template measures: type and name of each metric.
pub type TemplateMetrics = BTreeSet<(&'static str, Box<str>)>;

/// Reads it.
#[must_use]
pub fn template_metrics(spec: &Value) -> TemplateMetrics {
    let metrics = spec["metrics"].as_array().into_iter().flatten();
    let read = |metric: &Value| {
        let provider = &metric["provider"];
        let known = PROVIDERS.into_iter().find(|(field, _)| !provider[field].is_null());
        let name = metric["name"].as_str().unwrap_or_default();
        (known.map_or("Unknown Provider", |(_, name)| name), name.into())
    };
    metrics.map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn phases_are_those_of_the_peers_metrics() {
        let phase = |conditions: Value| Facts::of(&json!({"status": {"conditions": conditions}})).info_phase;
        let because = |reason: &str| phase(json!([{"type": "Progressing", "reason": reason}]));
        assert_eq!(because("NewReplicaSetAvailable"), InfoPhase::Completed);
        assert_eq!(because("RolloutPaused"), InfoPhase::Paused);
        assert_eq!(because("ReplicaSetCreateError"), InfoPhase::Error);
        assert_eq!(because("ProgressDeadlineExceeded"), InfoPhase::Timeout);
        assert_eq!(because("RolloutAborted"), InfoPhase::Abort);
        assert_eq!(because("ReplicaSetUpdated"), InfoPhase::Progressing);
        assert_eq!(phase(json!([{"type": "InvalidSpec"}])), InfoPhase::InvalidSpec);
        assert_eq!(phase(Value::Null), InfoPhase::Progressing);
    }

    #[test]
    fn strategy_and_router_are_named_as_the_peer_does() {
        let read = |strategy: Value| {
            let facts = Facts::of(&json!({"spec": {"strategy": strategy}}));
            (facts.strategy, facts.traffic_router)
        };
        assert_eq!(read(json!({"blueGreen": {}})), ("blueGreen", ""));
        assert_eq!(
            read(json!({"canary": {"trafficRouting": {"istio": {}, "alb": {}}}})),
            ("canary", "Istio")
        );
        assert_eq!(read(json!({"canary": {}})), ("canary", ""));
        assert_eq!(read(json!({})), ("none", ""));
    }

    #[test]
    fn a_status_of_any_shape_is_read() {
        let facts =
            Facts::of(&json!({"spec": {"replicas": 3}, "status": {"phase": "Paused", "replicas": "many",
            "availableReplicas": 2,
            "conditions": [{"type": "Available", "lastTransitionTime": "2026-11-21T08:00:00Z"},
                {"type": "verdigris.dev/Progress", "lastTransitionTime": "2026-11-21T09:00:00Z"}, 7],
            "pauseConditions": [{"startTime": "2026-11-21T08:00:05Z"}]}}));
        assert_eq!((facts.desired, facts.replicas, facts.available, facts.phase), (3, 0, 2, Phase::Paused));
        let moment: Timestamp = "2026-11-21T08:00:05Z".parse().unwrap();
        assert_eq!(facts.changed, moment.as_second());
        assert_eq!(Facts::of(&json!([])).desired, 1);
    }

    #[test]
    fn templates_tell_what_they_measure_and_with_what() {
        let spec = json!({"metrics": [{"name": "rate", "provider": {"prometheus": {}}},
            {"name": "rate", "provider": {"prometheus": {}}}, {"name": "test", "provider": {"oracle": {}}}]});
        let wanted: BTreeSet<(&str, Box<str>)> =
            [("Prometheus", "rate".into()), ("Unknown Provider", "test".into())].into();
        assert_eq!(template_metrics(&spec), wanted);
    }
}
