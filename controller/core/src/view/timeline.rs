//! What happened to a Rollout and what will, as far as its objects tell.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use verdigris_crds::Rollout;

use super::{AnalysisRunView, ReplicaSetView, human, waiting};

/// What is said of the end of a pause that ends by itself.
pub(super) const PROMOTED: &str = "the new version is promoted";

/// Something that happened, or will.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// `40s ago` or `in 12s`.
    pub when: String,
    /// Whether it is still to come.
    pub ahead: bool,
    /// What, in a few words.
    pub what: String,
}

/// All moments that the objects tell of, oldest first.
pub(super) fn moments(
    rollout: &Rollout,
    replica_sets: &[ReplicaSetView],
    runs: &[AnalysisRunView],
    now: Timestamp,
) -> Vec<Moment> {
    let status = rollout.status.clone().unwrap_or_default();
    let duration = status.duration.clone().unwrap_or_default();
    let mut found: Vec<(Option<Timestamp>, String)> = vec![
        (rollout.metadata.creation_timestamp.as_ref().map(|time| time.0), "Rollout created".into()),
        (duration.rollout_started_at.map(|time| time.0), "update began".into()),
        (status.aborted_at.map(|time| time.0), "update aborted".into()),
        (
            duration.finished_at.map(|time| time.0),
            format!("update ended: {}", duration.completion_status.as_deref().unwrap_or("done")),
        ),
        (status.restarted_at.map(|time| time.0), "pods restarted".into()),
    ];
    let pauses = status.pause_conditions.iter().flatten();
    for pause in pauses {
        found.push((Some(pause.start_time.0), format!("paused: {}", pause.reason)));
        found.push((waiting::promoted_at(rollout, pause).filter(|at| *at > now), PROMOTED.to_owned()));
    }
    for set in replica_sets {
        found.push((set.created, format!("ReplicaSet {} created", set.name)));
        if let Some(scale_down) = set.scale_down.as_ref().filter(|scale_down| !scale_down.passed) {
            found.push((Some(scale_down.at), format!("revision {} is scaled down", set.revision)));
        }
    }
    for run in runs {
        let what = format!("{} of revision {}", kind(run), run.revision);
        found.push((run.created, format!("{what} began")));
        found.push((run.completed, format!("{what}: {}", run.phase)));
    }
    let mut moments: Vec<Moment> =
        found.into_iter().filter_map(|(at, what)| Some(Moment::new(at?, what, now))).collect();
    moments.sort();
    moments
}

fn kind(run: &AnalysisRunView) -> String {
    if run.moment.is_empty() {
        format!("AnalysisRun {}", run.name)
    } else {
        format!("{} analysis", run.moment)
    }
}

impl Moment {
    fn new(at: Timestamp, what: String, now: Timestamp) -> Self {
        let ahead = at > now;
        let distance = if ahead { at.duration_since(now) } else { now.duration_since(at) };
        let distance = human::duration(distance.max(SignedDuration::ZERO));
        let when = if ahead { format!("in {distance}") } else { format!("{distance} ago") };
        Self { at, when, ahead, what }
    }
}
