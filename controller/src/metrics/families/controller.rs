//! Of the controller itself.

use tokio::time::Duration;
use verdigris_core::guard::Rule;

use super::{Family, Kind, Source, View};
use crate::{
    metrics::{counters::Count, text::Lines, work::WATCHED},
    version::COMMIT,
};

/// The peer's name of its queue of Rollouts.
const QUEUE: &[(&str, &str)] = &[("name", "Rollouts")];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "build_info",
        kind: Kind::Gauge,
        labels: &["version", "goversion", "goarch", "commit"],
        help: "What this program was built from; always 1. It is not written in Go: goversion is empty.",
        source: Source::Few(|_, lines| {
            let commit = ("commit", COMMIT.unwrap_or("unknown"));
            lines.sample(&[VERSION, ("goversion", ""), ("goarch", architecture()), commit], 1);
        }),
    },
    Family {
        name: "argo_rollouts_controller_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "The version that runs; always 1. A version of Verdigris, under the name that dashboards ask for.",
        source: Source::Few(|_, lines| lines.sample(&[VERSION], 1)),
    },
    Family {
        name: "verdigris_leader",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if this replica is the one that works, 0 if it stands by.",
        source: Source::Few(|view, lines| lines.sample(&[], u8::from(view.metrics.leads()))),
    },
    Family {
        name: "verdigris_second_replica",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if another controller works as well, though --leader-elect=false says that there is one.",
        source: Source::Few(|view, lines| lines.sample(&[], u8::from(view.metrics.is_beside()))),
    },
    Family {
        name: "verdigris_cache_synced",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 once everything was listed that decisions need.",
        source: Source::Few(|view, lines| {
            lines.sample(&[], u8::from(view.metrics.work().measured.synced));
        }),
    },
    Family {
        name: "verdigris_cache_objects",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "Objects that the controller keeps in memory.",
        source: Source::Few(|view, lines| {
            for (kind, count) in view.metrics.work().measured.cached {
                if !kind.is_empty() {
                    lines.sample(&[("kind", kind)], count);
                }
            }
        }),
    },
    Family {
        name: "verdigris_watch_trouble",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "1 if objects of this kind cannot be watched just now.",
        source: Source::Few(|view, lines| {
            let work = view.metrics.work();
            for kind in WATCHED {
                lines.sample(&[("kind", kind)], u8::from(work.measured.troubles.contains(kind)));
            }
        }),
    },
    Family {
        name: "verdigris_reconcile_duration_seconds",
        kind: Kind::Histogram,
        labels: &["outcome"],
        help: "How long passes took, by how they ended.",
        source: Source::Few(|view, lines| {
            for (outcome, times) in &view.metrics.work().passes {
                lines.histogram(&[("outcome", outcome.text())], times);
            }
        }),
    },
    Family {
        name: "verdigris_reconcile_oldest_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "How long ago the Rollout was looked at that was not looked at for longest.",
        source: Source::Few(|view, lines| {
            let oldest = if view.metrics.leads() {
                view.metrics.objects().oldest_look(view.now)
            } else {
                Duration::ZERO
            };
            lines.sample(&[], oldest.as_secs_f64());
        }),
    },
    Family {
        name: "verdigris_queue_length",
        kind: Kind::Gauge,
        labels: &["state"],
        help: "Rollouts that are due, that are due later, that wait for the cache to show what was written, or that are worked on.",
        source: Source::Few(|view, lines| {
            let work = view.metrics.work();
            let measured = &work.measured;
            lines.sample(&[("state", "due")], measured.due);
            lines.sample(&[("state", "later")], measured.later);
            lines.sample(&[("state", "waiting_for_cache")], measured.waiting);
            lines.sample(&[("state", "running")], work.running.len());
        }),
    },
    Family {
        name: "verdigris_queue_oldest_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "For how long the first Rollout in the queue has been due.",
        source: Source::Few(|view, lines| {
            let since = view.metrics.work().measured.due_since;
            let age = since.map(|since| view.now.duration_since(since)).unwrap_or_default();
            lines.sample(&[], age.as_secs_f64());
        }),
    },
    Family {
        name: "workqueue_depth",
        kind: Kind::Gauge,
        labels: &["name"],
        help: "Rollouts that are due.",
        source: Source::Few(|view, lines| lines.sample(QUEUE, view.metrics.work().measured.due)),
    },
    Family {
        name: "workqueue_adds_total",
        kind: Kind::Counter,
        labels: &["name"],
        help: "How often a Rollout was put into the queue.",
        source: Source::Few(|view, lines| lines.sample(QUEUE, view.metrics.work().measured.added)),
    },
    Family {
        name: "workqueue_queue_duration_seconds",
        kind: Kind::Histogram,
        labels: &["name"],
        help: "How long Rollouts were due before a pass began.",
        source: Source::Few(|view, lines| lines.histogram(QUEUE, &view.metrics.work().waited)),
    },
    Family {
        name: "workqueue_work_duration_seconds",
        kind: Kind::Histogram,
        labels: &["name"],
        help: "How long passes took.",
        source: Source::Few(|view, lines| lines.histogram(QUEUE, &view.metrics.work().worked)),
    },
    Family {
        name: "workqueue_unfinished_work_seconds",
        kind: Kind::Gauge,
        labels: &["name"],
        help: "How long the passes under way have taken so far, all together.",
        source: Source::Few(|view, lines| {
            lines.sample(QUEUE, view.metrics.work().unfinished(view.now).0.as_secs_f64());
        }),
    },
    Family {
        name: "workqueue_longest_running_processor_seconds",
        kind: Kind::Gauge,
        labels: &["name"],
        help: "How long the pass under way that began first has taken so far.",
        source: Source::Few(|view, lines| {
            lines.sample(QUEUE, view.metrics.work().unfinished(view.now).1.as_secs_f64());
        }),
    },
    Family {
        name: "workqueue_retries_total",
        kind: Kind::Counter,
        labels: &["name"],
        help: "Passes that are tried again because they failed.",
        source: Source::Few(|view, lines| lines.sample(QUEUE, view.metrics.work().retries())),
    },
    Family {
        name: "verdigris_guard_refusals_total",
        kind: Kind::Counter,
        labels: &["rule"],
        help: "Plans of our own that the safety kernel refused, by the rule that they would have broken.",
        source: Source::Few(|view, lines| {
            for rule in Rule::ALL {
                let (name, count) = (rule.to_string(), view.metrics.counters.plans_refused.of(&rule));
                lines.sample(&[("rule", name.as_str())], count);
            }
        }),
    },
    Family {
        name: "verdigris_writes_total",
        kind: Kind::Counter,
        labels: &["write"],
        help: "Writes that succeeded, by what they did.",
        source: Source::Few(|view, lines| {
            for (write, count) in view.metrics.counters.writes.each() {
                lines.sample(&[("write", write)], count.get());
            }
        }),
    },
    count(
        "verdigris_write_conflicts_total",
        "Writes that were refused because the object had changed meanwhile.",
        |view, lines| total(&view.metrics.counters.conflicts, lines),
    ),
    count(
        "verdigris_write_refusals_total",
        "Writes that the API server refused for another reason that trying again does not mend.",
        |view, lines| total(&view.metrics.counters.refusals, lines),
    ),
    count("verdigris_call_failures_total", "Calls that failed for a passing reason.", |view, lines| {
        total(&view.metrics.counters.failures, lines)
    }),
    count(
        "verdigris_stale_cache_skips_total",
        "Passes put off because the cache did not yet show what we wrote.",
        |view, lines| total(&view.metrics.counters.waits_for_cache, lines),
    ),
    count("verdigris_stale_cache_live_reads_total", "Such waits that a live read ended.", |view, lines| {
        total(&view.metrics.counters.releases_by_live_read, lines)
    }),
    count("verdigris_live_read_passes_total", "Passes that read something live.", |view, lines| {
        total(&view.metrics.counters.passes_with_live_reads, lines)
    }),
    count("verdigris_panics_total", "Passes that a fault of ours ended.", |view, lines| {
        total(&view.metrics.counters.panics, lines)
    }),
    count(
        "verdigris_rivals_total",
        "Rollouts that are left alone because another controller works on them.",
        |view, lines| total(&view.metrics.counters.rivals, lines),
    ),
    count(
        "verdigris_undecodable_passes_total",
        "Passes over Rollouts whose JSON does not fit the API types.",
        |view, lines| total(&view.metrics.counters.undecodable, lines),
    ),
    count(
        "verdigris_observe_agreements_total",
        "Switches by another controller that we would have done too (--observe).",
        |view, lines| total(&view.metrics.counters.agreements, lines),
    ),
    count(
        "verdigris_observe_differences_total",
        "What we would have done otherwise than the other controller (--observe).",
        |view, lines| total(&view.metrics.counters.differences, lines),
    ),
];

const VERSION: (&str, &str) = ("version", env!("CARGO_PKG_VERSION"));

const fn count(name: &'static str, help: &'static str, write: fn(&View<'_>, &mut Lines<'_>)) -> Family {
    Family { name, kind: Kind::Counter, labels: &[], help, source: Source::Few(write) }
}

fn total(count: &Count, lines: &mut Lines<'_>) {
    lines.sample(&[], count.get());
}

/// In Go's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
