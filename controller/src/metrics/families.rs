//! All metrics: what they are called, what they say, and where their samples come from.

mod analysis;
mod controller;
mod kubernetes;
mod rollouts;
mod switches;

use tokio::time::Instant;

use super::{Metrics, facts::TemplateMetrics, objects::RolloutSeries, process::Process, text::Lines};

/// One metric.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its samples are.
    pub kind: Kind,
    /// The labels of each, in order; a histogram's buckets have `le` besides.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    pub(super) source: Source,
}

/// What samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// Any number.
    Gauge,
    /// How often values were at most each of some bounds.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Where samples come from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// Few, all at once.
    Few(fn(&View<'_>, &mut Lines<'_>)),
    /// Those of a Rollout.
    Rollouts(fn(&RolloutSeries, &mut Lines<'_>)),
    /// Those of an AnalysisRun in this phase.
    Runs(fn(&'static str, &mut Lines<'_>)),
    /// Those of a template that measures this.
    Templates(fn(&TemplateMetrics, &mut Lines<'_>)),
}

/// What few samples are made of.
pub(super) struct View<'a> {
    pub metrics: &'a Metrics,
    pub process: Option<Process>,
    pub now: Instant,
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Family> {
    let groups = [
        rollouts::FAMILIES,
        analysis::FAMILIES,
        switches::FAMILIES,
        controller::FAMILIES,
        kubernetes::FAMILIES,
    ];
    groups.into_iter().flatten()
}
