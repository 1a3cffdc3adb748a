//! A metric of an AnalysisRun, and its measurements.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{AnalysisRun, Icon, MeasurementCounts, icon, phase, text, time};

/// A metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricView {
    /// Its name.
    pub name: String,
    /// Its phase; `Pending` while it has not been measured.
    pub phase: String,
    /// The icon for that phase.
    pub icon: Icon,
    /// Why it is in that phase. May be empty.
    pub message: String,
    /// Whether nothing depends on it.
    pub dry_run: bool,
    /// How many measurements there are to be, where the spec says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// What counts as good: an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<String>,
    /// What counts as bad: an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_condition: Option<String>,
    /// Its measurements, those that are not kept any more among them.
    pub counts: MeasurementCounts,
    /// The measurements that are kept, oldest first.
    pub measurements: Vec<MeasurementView>,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementView {
    /// What it came to.
    pub phase: String,
    /// The icon for that phase.
    pub icon: Icon,
    /// What was measured, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value as a number, where it is one (or a list of one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// What whoever measured has to say. May be empty.
    pub message: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// The Job that measures, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// The metrics of a run in the order of its spec; then those that only its status knows.
pub(super) fn all(run: &AnalysisRun) -> Vec<MetricView> {
    let asked = list(&run.spec, "metrics");
    let results = list(&run.status, "metricResults");
    let name = |object: &Value| text(object, "name").unwrap_or_default();
    let result_of = |asked: &Value| results.iter().find(|result| name(result) == name(asked));
    let measured = asked.iter().map(|asked| MetricView::of(asked, result_of(asked).unwrap_or(&Value::Null)));
    let unasked = results.iter().filter(|result| asked.iter().all(|asked| name(asked) != name(result)));
    measured.chain(unasked.map(|result| MetricView::of(result, result))).collect()
}

impl MetricView {
    fn of(asked: &Value, result: &Value) -> Self {
        let phase = phase(result);
        Self {
            name: text(asked, "name").unwrap_or_default(),
            icon: icon(&phase),
            phase,
            message: text(result, "message").unwrap_or_default(),
            dry_run: result.get("dryRun").and_then(Value::as_bool).unwrap_or_default(),
            // A result has a count too: of what was measured.
            wanted: asked.get("provider").and_then(|_| whole_number(asked.get("count")?)),
            success_condition: text(asked, "successCondition"),
            failure_condition: text(asked, "failureCondition"),
            counts: MeasurementCounts::of(result),
            measurements: list(result, "measurements").iter().map(MeasurementView::of).collect(),
        }
    }
}

impl MeasurementView {
    fn of(measurement: &Value) -> Self {
        let phase = phase(measurement);
        let value = text(measurement, "value");
        let job = measurement.get("metadata").and_then(|metadata| text(metadata, "job-name"));
        Self {
            icon: icon(&phase),
            phase,
            number: value.as_deref().and_then(number),
            value,
            message: text(measurement, "message").unwrap_or_default(),
            started: time(measurement, "startedAt"),
            finished: time(measurement, "finishedAt"),
            job,
        }
    }

    /// When it ended, or was begun.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.finished.or(self.started)
    }
}

fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Numbers may be written as strings: arguments are.
fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0)
}

/// `0.97` and `[0.97]`.
fn number(value: &str) -> Option<f64> {
    let trimmed = value.trim();
    let inner = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(trimmed);
    inner.trim().parse().ok().filter(|number: &f64| number.is_finite())
}
