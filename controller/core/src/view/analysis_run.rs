//! The AnalysisRuns of a Rollout: what was measured, and what it came to.
//!
//! Order, icons and words are the peer's.

mod metric;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;
use verdigris_crds::{Rollout, keys};

use super::{
    Icon, human,
    replica_set::{is_owned_by, revision},
};
pub use metric::{MeasurementView, MetricView};

/// An AnalysisRun as the API server holds it. Its schema may be anybody's: all but the metadata is read as any JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalysisRun {
    /// `metadata`.
    pub metadata: ObjectMeta,
    /// `spec`.
    pub spec: Value,
    /// `status`.
    pub status: Value,
}

/// An AnalysisRun, its metrics and their measurements.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunView {
    /// `metadata.name`.
    pub name: String,
    /// The revision that it is about; 0 if it carries none.
    pub revision: u64,
    /// The pod template hash that it is about.
    pub hash: String,
    /// What it is made for: `pre-promotion`, `post-promotion`, `step`, `background`; empty where nobody says.
    pub moment: &'static str,
    /// Its phase; `Pending` while nobody has written one.
    pub phase: String,
    /// The icon for that phase.
    pub icon: Icon,
    /// Why it is in that phase. May be empty.
    pub message: String,
    /// Whether the update waits for it.
    pub awaited: bool,
    /// Measurements of all metrics.
    pub counts: MeasurementCounts,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Its age, as kubectl writes it.
    pub age: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// Its metrics, in the order of its spec.
    pub metrics: Vec<MetricView>,
    /// Jobs that measure for it.
    pub jobs: Vec<JobView>,
}

/// How many measurements came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementCounts {
    /// Good ones.
    pub successful: u64,
    /// Bad ones.
    pub failed: u64,
    /// Those that are neither.
    pub inconclusive: u64,
    /// Those that were not possible.
    pub error: u64,
}

/// A Job that measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// The phase of its measurement.
    pub phase: String,
    /// The icon for that phase.
    pub icon: Icon,
    /// Time since it was started, as kubectl writes it.
    pub age: String,
}

impl AnalysisRun {
    /// From metadata and the rest of the object.
    #[must_use]
    pub fn new(metadata: ObjectMeta, mut rest: Value) -> Self {
        let mut take = |part: &str| rest.get_mut(part).map(Value::take).unwrap_or_default();
        let (spec, status) = (take("spec"), take("status"));
        Self { metadata, spec, status }
    }
}

impl MeasurementCounts {
    /// The peer's INFO column: `✔ 3,✖ 1`; what there is none of is left out.
    #[must_use]
    pub fn info(&self) -> String {
        let counts = self.all().into_iter().filter(|(count, ..)| *count > 0);
        counts.map(|(count, icon, _)| format!("{} {count}", icon.symbol())).collect::<Vec<_>>().join(",")
    }

    /// In words: `3 successful, 1 failed`; `nothing measured yet` where that is so.
    #[must_use]
    pub fn words(&self) -> String {
        let counts = self.all().into_iter().filter(|(count, ..)| *count > 0);
        let words: Vec<String> = counts
            .map(|(count, icon, word)| {
                let many = if icon == Icon::Warning && count > 1 { "s" } else { "" };
                format!("{count} {word}{many}")
            })
            .collect();
        if words.is_empty() { "nothing measured yet".to_owned() } else { words.join(", ") }
    }

    /// Each count with its icon and its word, in the peer's order.
    #[must_use]
    pub fn all(&self) -> [(u64, Icon, &'static str); 4] {
        [
            (self.successful, Icon::Ok, "successful"),
            (self.failed, Icon::Bad, "failed"),
            (self.inconclusive, Icon::Unknown, "inconclusive"),
            (self.error, Icon::Warning, "error"),
        ]
    }

    fn of(result: &Value) -> Self {
        let count = |field: &str| result.get(field).and_then(Value::as_u64).unwrap_or_default();
        Self {
            successful: count("successful"),
            failed: count("failed"),
            inconclusive: count("inconclusive"),
            error: count("error"),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            successful: self.successful.saturating_add(other.successful),
            failed: self.failed.saturating_add(other.failed),
            inconclusive: self.inconclusive.saturating_add(other.inconclusive),
            error: self.error.saturating_add(other.error),
        }
    }
}

impl AnalysisRunView {
    fn of(run: &AnalysisRun, awaited: Option<&str>, now: Timestamp) -> Self {
        let metadata = &run.metadata;
        let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
        let name = metadata.name.clone().unwrap_or_default();
        let phase = phase(&run.status);
        let metrics = metric::all(run);
        let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
        Self {
            revision: revision(metadata),
            hash: label(keys::POD_TEMPLATE_HASH).unwrap_or_default(),
            moment: moment(label(keys::ROLLOUT_TYPE).as_deref().unwrap_or_default()),
            icon: icon(&phase),
            message: text(&run.status, "message").unwrap_or_default(),
            awaited: awaited == Some(name.as_str()) && !is_last(&phase),
            counts: metrics.iter().fold(MeasurementCounts::default(), |sum, metric| sum.plus(metric.counts)),
            created,
            age: human::age(created, now),
            completed: time(&run.status, "completedAt"),
            jobs: jobs(&metrics, now),
            metrics,
            phase,
            name,
        }
    }
}

/// The runs that the Rollout owns: newest revision first, then by age, as the peer's clients order them.
pub(super) fn of_rollout(rollout: &Rollout, runs: &[AnalysisRun], now: Timestamp) -> Vec<AnalysisRunView> {
    let uid = rollout.metadata.uid.as_deref();
    let awaited = awaited(rollout);
    let awaited = awaited.as_ref().map(|awaited| awaited.name.as_str());
    let own = runs.iter().filter(|run| is_owned_by(&run.metadata, uid));
    let mut views: Vec<AnalysisRunView> = own.map(|run| AnalysisRunView::of(run, awaited, now)).collect();
    views.sort_by(|one, other| {
        let by_revision = other.revision.cmp(&one.revision);
        by_revision.then_with(|| one.created.cmp(&other.created)).then_with(|| other.name.cmp(&one.name))
    });
    views
}

/// An analysis that the update waits for, by what the status says.
pub(super) struct Awaited {
    /// `pre-promotion` or `post-promotion`.
    pub(super) moment: &'static str,
    pub(super) name: String,
    pub(super) phase: String,
}

/// The analysis that the update waits for, if it waits for one.
pub(super) fn awaited(rollout: &Rollout) -> Option<Awaited> {
    let status = rollout.status.as_ref()?;
    let current = status.current_pod_hash.as_deref()?;
    let services = status.blue_green.as_ref()?;
    if status.abort == Some(true) || status.stable_rs.as_deref() == Some(current) {
        return None;
    }
    let is_switched = services.active_selector.as_deref() == Some(current);
    let (moment, run) = match is_switched {
        false => ("pre-promotion", services.pre_promotion_analysis_run_status.as_ref()?),
        true => ("post-promotion", services.post_promotion_analysis_run_status.as_ref()?),
    };
    let phase = if run.status.is_empty() { "Pending" } else { &run.status };
    let waits = !is_last(phase);
    waits.then(|| Awaited { moment, name: run.name.clone(), phase: phase.to_owned() })
}

/// What a run is made for, by its label.
fn moment(label: &str) -> &'static str {
    match label {
        "PrePromotion" => "pre-promotion",
        "PostPromotion" => "post-promotion",
        "Step" => "step",
        "Background" => "background",
        _ => "",
    }
}

fn jobs(metrics: &[MetricView], now: Timestamp) -> Vec<JobView> {
    let measurements = metrics.iter().flat_map(|metric| &metric.measurements);
    let with_job = measurements.filter_map(|measurement| Some((measurement.job.clone()?, measurement)));
    with_job
        .map(|(name, measurement)| JobView {
            name,
            phase: measurement.phase.clone(),
            icon: measurement.icon,
            age: human::age(measurement.started, now),
        })
        .collect()
}

/// The peer's icon for a phase.
fn icon(phase: &str) -> Icon {
    match phase {
        "Successful" => Icon::Ok,
        "Failed" => Icon::Bad,
        "Error" => Icon::Warning,
        "Inconclusive" => Icon::Unknown,
        "Running" => Icon::Progressing,
        "Pending" => Icon::Waiting,
        _ => Icon::Blank,
    }
}

fn is_last(phase: &str) -> bool {
    matches!(phase, "Successful" | "Failed" | "Error" | "Inconclusive")
}

/// The phase of a run or a metric; nothing written is as if it had not begun.
fn phase(status: &Value) -> String {
    text(status, "phase").unwrap_or_else(|| "Pending".to_owned())
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn time(object: &Value, field: &str) -> Option<Timestamp> {
    object.get(field)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
