//! A new AnalysisRun: when, under which name, and what it says.

use std::collections::BTreeMap;

use verdigris_crds::{AnalysisRunStatus, keys};

use super::{Outcome, Stage, Standing, UNMEASURED_SECONDS, described, is_about};
use crate::analysis::{Moment, Source, Wanted, wanted};
use crate::blue_green::plan::{Draft, Pass};
use crate::blue_green::promotion::{self, Steering};
use crate::decision::{NewAnalysisRun, Write};
use crate::identity::template_sha256;
use crate::observed::Fresh;
use crate::observed::analysis::AnalysisRunSeen;
use crate::seen::after;

/// Makes the run if its time has come, and answers what the status is to say of it.
pub(super) fn run(
    pass: &Pass<'_>,
    steering: &Steering,
    stage: &Stage,
    draft: &mut Draft,
    outcome: &mut Outcome,
) -> Option<AnalysisRunStatus> {
    if !promotion::is_ready(pass, steering) {
        return None;
    }
    if let Some(entry) = &stage.entry
        && stage.standing == Standing::Missing
        && !is_known(pass, &entry.name)
    {
        // A cache that lags must not make a twin.
        draft.need([Fresh::AnalysisRun(entry.name.clone())]);
        return None;
    }
    let stable = pass.stable_hash.as_deref().unwrap_or_default();
    let source = Source { rollout: &pass.observed.rollout, latest: &pass.hash, stable };
    let wanted = match wanted(stage.moment, pass.strategy, &pass.observed.analysis, source) {
        Ok(wanted) => wanted,
        Err(wrong) => {
            let text = format!("no AnalysisRun can be made: {}: {}", wrong.field, wrong.detail);
            outcome.stalled = Some(("CannotBeMade", text));
            return None;
        }
    };
    let sha256 = template_sha256(&wanted.spec);
    match name(pass, stage.moment, &sha256) {
        Name::Taken(run) => Some(described(run, None)),
        Name::Unknown(name) => {
            draft.need([Fresh::AnalysisRun(name)]);
            None
        }
        Name::Refused(text) => {
            outcome.stalled = Some(("Refused", text));
            None
        }
        Name::Free(name) => {
            draft.look_at(after(pass.stamp, UNMEASURED_SECONDS));
            let entry = AnalysisRunStatus { name: name.clone(), ..AnalysisRunStatus::default() };
            let new = new_run(pass, stage.moment, wanted, (name, sha256));
            outcome.writes.push(Write::CreateAnalysisRun(Box::new(new)));
            Some(entry)
        }
    }
}

/// Whether what is known of this run, be it that there is none, is certain.
fn is_known(pass: &Pass<'_>, name: &str) -> bool {
    pass.observed.analysis.runs.contains_key(name)
        || pass.observed.fresh.contains(&Fresh::AnalysisRun(name.to_owned()))
}

enum Name<'a> {
    /// A run of ours that says the same is under way: it was made, and never recorded.
    Taken(&'a AnalysisRunSeen),
    Free(String),
    /// The API server says that the name is taken, and the cache knows nothing of it.
    Unknown(String),
    /// The API server refuses the run.
    Refused(String),
}

/// `<rollout>-<hash>-<revision>-pre`; then the same with `.1`, `.2` and so on.
fn name<'a>(pass: &'a Pass<'_>, moment: Moment, sha256: &str) -> Name<'a> {
    let base = format!("{}-{}-{}-{}", pass.observed.name(), pass.hash, pass.revision, moment.infix());
    let refused = pass.observed.refusals.iter().rev().find_map(|refusal| {
        let number = refusal.what.strip_prefix("create AnalysisRun ")?.strip_prefix(&base)?;
        let number: usize = if number.is_empty() { 0 } else { number.strip_prefix('.')?.parse().ok()? };
        Some((refusal, number))
    });
    if let Some((refusal, _)) = refused.filter(|(refusal, _)| refusal.reason != "AlreadyExists") {
        let (code, reason, message) = (refusal.code, &refusal.reason, &refusal.message);
        return Name::Refused(format!(
            "The API server refused to {} ({code} {reason}): {message}",
            refusal.what
        ));
    }
    let taken = refused.map(|(_, number)| number);
    let mut number = 0;
    loop {
        let name = if number == 0 { base.clone() } else { format!("{base}.{number}") };
        match pass.observed.analysis.runs.get(&name) {
            Some(run) if is_same(pass, run, moment, sha256) => return Name::Taken(run),
            None if taken == Some(number) && !is_known(pass, &name) => return Name::Unknown(name),
            None if taken.is_none_or(|taken| taken < number) => return Name::Free(name),
            Some(_) | None => number += 1,
        }
    }
}

fn is_same(pass: &Pass<'_>, run: &AnalysisRunSeen, moment: Moment, sha256: &str) -> bool {
    is_about(pass, run, moment)
        && !run.is_finished()
        && !run.terminating
        && !run.deleting
        && run.sha256.as_deref() == Some(sha256)
}

fn new_run(
    pass: &Pass<'_>,
    moment: Moment,
    wanted: Wanted,
    (name, sha256): (String, String),
) -> NewAnalysisRun {
    let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let metadata = &pass.observed.rollout.metadata;
    let instance = metadata.labels.as_ref().and_then(|labels| labels.get(keys::INSTANCE_ID));
    let selector = pass.selector.match_labels.iter().flatten();
    // What we know a run by comes last, whatever the user wants on it.
    let labels: BTreeMap<String, String> = wanted
        .labels
        .into_iter()
        .chain(selector.map(|(key, value)| own(key, value)))
        .chain(instance.map(|instance| own(keys::INSTANCE_ID, instance)))
        .chain([own(keys::POD_TEMPLATE_HASH, &pass.hash), own(keys::ROLLOUT_TYPE, moment.label())])
        .collect();
    let annotations = wanted
        .annotations
        .into_iter()
        .chain([own(keys::REVISION, &pass.revision.to_string()), own(keys::ANALYSIS_SHA256, &sha256)])
        .collect();
    NewAnalysisRun { name, labels, annotations, spec: wanted.spec }
}
