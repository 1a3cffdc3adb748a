//! AnalysisRuns of a revision: what they came to, and a small picture of each metric.

use askama::Template;
use jiff::Timestamp;
use verdigris_core::view::{
    AnalysisRunView,
    analysis_run::{MeasurementView, MetricView},
};

use crate::{
    pages::words::{clock, icon_class, sentence, sign},
    spark::Spark,
};

/// An AnalysisRun.
#[derive(Template)]
#[template(path = "run.html")]
pub(super) struct RunLine {
    name: String,
    class: &'static str,
    sign: &'static str,
    /// `Pre-promotion analysis`.
    what: String,
    phase: String,
    /// The update waits for it.
    awaited: bool,
    counts: String,
    message: String,
    created: Option<Timestamp>,
    age: String,
    metrics: Vec<MetricLine>,
}

struct MetricLine {
    name: String,
    class: &'static str,
    phase: String,
    dry_run: bool,
    /// `3 of 5 measured: 2 successful, 1 failed`.
    counts: String,
    /// What counts as good and as bad, in words and expressions.
    conditions: Vec<(&'static str, String)>,
    message: String,
    /// Of what was measured; `None` while there is nothing.
    spark: Option<Spark>,
    measurements: Vec<MeasurementLine>,
}

struct MeasurementLine {
    at: Option<Timestamp>,
    clock: String,
    class: &'static str,
    phase: String,
    value: String,
    message: String,
}

impl RunLine {
    pub(super) fn new(run: &AnalysisRunView) -> Self {
        let what =
            if run.moment.is_empty() { "Analysis".to_owned() } else { format!("{} analysis", run.moment) };
        Self {
            name: run.name.clone(),
            class: icon_class(run.icon),
            sign: sign(run.icon),
            what: sentence(&what),
            phase: run.phase.clone(),
            awaited: run.awaited,
            counts: run.counts.words(),
            message: run.message.clone(),
            created: run.created,
            age: run.age.clone(),
            metrics: run.metrics.iter().map(MetricLine::new).collect(),
        }
    }
}

impl MetricLine {
    fn new(metric: &MetricView) -> Self {
        let measured: u64 = metric.counts.all().iter().fold(0, |sum, (count, ..)| sum.saturating_add(*count));
        let words = metric.counts.words();
        let counts = match metric.wanted {
            _ if measured == 0 => words,
            Some(wanted) => format!("{measured} of {wanted} measured: {words}"),
            None => words,
        };
        let conditions = [("good if", &metric.success_condition), ("bad if", &metric.failure_condition)];
        let conditions = conditions.into_iter().filter_map(|(words, text)| Some((words, text.clone()?)));
        Self {
            name: metric.name.clone(),
            class: icon_class(metric.icon),
            phase: metric.phase.clone(),
            dry_run: metric.dry_run,
            counts,
            conditions: conditions.collect(),
            message: metric.message.clone(),
            spark: Spark::of(&metric.measurements),
            measurements: metric.measurements.iter().rev().map(MeasurementLine::new).collect(),
        }
    }
}

impl MeasurementLine {
    fn new(measurement: &MeasurementView) -> Self {
        Self {
            at: measurement.at(),
            clock: measurement.at().map(clock).unwrap_or_default(),
            class: icon_class(measurement.icon),
            phase: measurement.phase.clone(),
            value: measurement.value.clone().unwrap_or_default(),
            message: measurement.message.clone(),
        }
    }
}
