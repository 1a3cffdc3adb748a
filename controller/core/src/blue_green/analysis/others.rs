//! Runs that nobody waits for: ended, then kept as history, then deleted.

use std::collections::BTreeSet;

use super::{Outcome, end, may_be_ended};
use crate::blue_green::plan::{Draft, Pass, at_run};
use crate::decision::Write;
use crate::observed::Fresh;
use crate::observed::analysis::AnalysisRunSeen;

/// How many finished runs of either kind are kept, where `spec.analysis` does not say.
const DEFAULT_LIMIT: usize = 5;

/// Ends and deletes what is not current, newest first.
pub(super) fn clear(pass: &Pass<'_>, draft: &mut Draft, outcome: &mut Outcome) {
    let current: BTreeSet<String> =
        [&outcome.pre, &outcome.post].into_iter().flatten().map(|entry| entry.name.clone()).collect();
    let mut others: Vec<&AnalysisRunSeen> = pass
        .observed
        .analysis
        .runs
        .values()
        .filter(|run| run.controller_uid.as_deref() == Some(pass.observed.uid()))
        .filter(|run| !run.deleting && !current.contains(&run.name))
        .collect();
    others.sort_by(|left, right| (right.created, &right.name).cmp(&(left.created, &left.name)));
    let (mut successful, mut unsuccessful) =
        (limit(pass, "successfulRunHistoryLimit"), limit(pass, "unsuccessfulRunHistoryLimit"));
    for run in others {
        let left = if run.phase == "Successful" { &mut successful } else { &mut unsuccessful };
        let is_kept = has_replica_set(pass, run) && (!run.is_finished() || *left > 0);
        if run.is_finished() && is_kept {
            *left -= 1;
        }
        if !is_kept {
            draft.need([Fresh::Rollout, Fresh::ReplicaSets]);
            outcome.deletes.push(Write::DeleteAnalysisRun(at_run(run)));
        } else if may_be_ended(pass, run) {
            outcome.writes.push(end(run));
        }
    }
}

fn limit(pass: &Pass<'_>, field: &str) -> usize {
    let written = pass.spec.analysis.as_ref().and_then(|analysis| analysis.get(field)?.as_i64());
    written.map_or(DEFAULT_LIMIT, |limit| usize::try_from(limit).unwrap_or(0))
}

/// Whether the version that the run is about can still be gone back to.
fn has_replica_set(pass: &Pass<'_>, run: &AnalysisRunSeen) -> bool {
    run.hash().is_some_and(|hash| {
        hash == pass.hash || pass.with_hash(hash).is_some_and(|replica_set| !replica_set.deleting)
    })
}
