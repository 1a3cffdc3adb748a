//! How long updates took, of all Rollouts together; the peer's but for the last two.

use super::{Family, Kind, Source};
use crate::metrics::lock;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "rollout_duration_seconds",
        kind: Kind::Histogram,
        labels: &["status"],
        help: "How long updates took from begin to end, by how they ended.",
        source: Source::Few(|view, lines| {
            for (status, ended) in &lock(&view.metrics.durations).ended {
                lines.histogram(&[("status", *status)], &ended.update);
            }
        }),
    },
    Family {
        name: "rollout_progression_duration_seconds",
        kind: Kind::Histogram,
        labels: &["status"],
        help: "The same without the time in which a person was waited for.",
        source: Source::Few(|view, lines| {
            for (status, ended) in &lock(&view.metrics.durations).ended {
                lines.histogram(&[("status", *status)], &ended.progression);
            }
        }),
    },
    Family {
        name: "rollout_manual_pause_duration_seconds",
        kind: Kind::Histogram,
        labels: &["status"],
        help: "How long a person was waited for in updates, by how they ended.",
        source: Source::Few(|view, lines| {
            for (status, ended) in &lock(&view.metrics.durations).ended {
                lines.histogram(&[("status", *status)], &ended.pause);
            }
        }),
    },
    Family {
        name: "verdigris_switch_drained_seconds",
        kind: Kind::Histogram,
        labels: &["proof"],
        help: "From the switch of an active Service until its endpoints showed it, or until the clock had to do.",
        source: Source::Few(|view, lines| {
            for (proof, times) in &lock(&view.metrics.durations).drained {
                lines.histogram(&[("proof", *proof)], times);
            }
        }),
    },
    Family {
        name: "verdigris_phase_duration_seconds",
        kind: Kind::Histogram,
        labels: &["phase"],
        help: "How long phases lasted, by the phase that ended.",
        source: Source::Few(|view, lines| {
            for (phase, times) in &lock(&view.metrics.durations).phases {
                lines.histogram(&[("phase", *phase)], times);
            }
        }),
    },
];
