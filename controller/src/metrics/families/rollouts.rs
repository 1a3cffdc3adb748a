//! Of each Rollout; the peer's but for the last.

use super::{Family, Kind, Source};
use crate::metrics::facts::InfoPhase;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "rollout_info",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "strategy", "traffic_router", "phase"],
        help: "A Rollout, with its strategy and phase; always 1.",
        source: Source::Rollouts(|series, lines| {
            let facts = &series.facts;
            let phase = facts.info_phase.text();
            let router = ("traffic_router", facts.traffic_router);
            lines.sample(&[("strategy", facts.strategy), router, ("phase", phase)], 1);
        }),
    },
    Family {
        name: "rollout_info_replicas_available",
        kind: Kind::Gauge,
        labels: &["namespace", "name"],
        help: "Available pods of a Rollout's active version.",
        source: Source::Rollouts(|series, lines| lines.sample(&[], series.facts.available)),
    },
    Family {
        name: "rollout_info_replicas_unavailable",
        kind: Kind::Gauge,
        labels: &["namespace", "name"],
        help: "Pods of all versions of a Rollout, without the available ones of its active version.",
        source: Source::Rollouts(|series, lines| {
            lines.sample(&[], series.facts.replicas - series.facts.available);
        }),
    },
    Family {
        name: "rollout_info_replicas_desired",
        kind: Kind::Gauge,
        labels: &["namespace", "name"],
        help: "Pods that a Rollout is to have.",
        source: Source::Rollouts(|series, lines| lines.sample(&[], series.facts.desired)),
    },
    Family {
        name: "rollout_info_replicas_updated",
        kind: Kind::Gauge,
        labels: &["namespace", "name"],
        help: "Pods of a Rollout's newest version.",
        source: Source::Rollouts(|series, lines| lines.sample(&[], series.facts.updated)),
    },
    Family {
        name: "rollout_phase",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "strategy", "phase"],
        help: "1 for the phase that a Rollout is in, 0 for the others. Older than rollout_info, which says the same in one series.",
        source: Source::Rollouts(|series, lines| {
            for phase in InfoPhase::ALL_BUT_INVALID {
                let is_in = u8::from(series.facts.info_phase == phase);
                lines.sample(&[("strategy", series.facts.strategy), ("phase", phase.text())], is_in);
            }
        }),
    },
    Family {
        name: "rollout_reconcile",
        kind: Kind::Histogram,
        labels: &["namespace", "name"],
        help: "How long passes over a Rollout took, in seconds.",
        source: Source::Rollouts(|series, lines| lines.histogram(&[], &series.reconcile)),
    },
    Family {
        name: "rollout_reconcile_error",
        kind: Kind::Counter,
        labels: &["namespace", "name"],
        help: "Passes over a Rollout that failed.",
        source: Source::Rollouts(|series, lines| {
            if series.errors > 0 {
                lines.sample(&[], series.errors);
            }
        }),
    },
    Family {
        name: "rollout_events_total",
        kind: Kind::Counter,
        labels: &["namespace", "name", "type", "reason"],
        help: "Events told about a Rollout.",
        source: Source::Rollouts(|series, lines| {
            for event in &series.events {
                let kind = if event.warning { "Warning" } else { "Normal" };
                lines.sample(&[("type", kind), ("reason", &*event.reason)], event.count);
            }
        }),
    },
    Family {
        name: "verdigris_rollout_phase_start_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "phase"],
        help: "When the phase in a Rollout's status began, in seconds since 1970.",
        source: Source::Rollouts(|series, lines| {
            if series.phase_began > 0 {
                lines.sample(&[("phase", series.facts.phase.text())], series.phase_began);
            }
        }),
    },
];
