//! Analyses before and after promotion, as far as the Rollout's side goes: runs are made, awaited, obeyed, ended and
//! cleared away. Who measures them writes their phase.
//!
//! | when | what |
//! | --- | --- |
//! | all pods of the new version are available | the run before promotion; pause and its clock begin once it has succeeded |
//! | a status says that the new version is active | the run after promotion; until it has succeeded the old version is stable, and stays |
//! | Failed or Error | the update is aborted |
//! | Inconclusive | the Rollout pauses; going on makes another run |
//! | abort, full promotion, fast rollback, a new template | runs are ended |
//!
//! A run that was begun is never ended, nor held to be done, because a pod is unready.

mod make;
mod others;

use verdigris_crds::{AnalysisRunStatus, keys};

use crate::analysis::Moment;
use crate::decision::{Event, Write};
use crate::observed::Fresh;
use crate::observed::analysis::AnalysisRunSeen;
use crate::seen::after;

use super::plan::{Draft, Pass, at_run, normal, warning};
use super::promotion::{Promotion, Steering};

/// The reason of the pause after an analysis that does not know.
pub(crate) const INCONCLUSIVE: &str = "InconclusiveAnalysisRun";
/// Who measures runs takes them up within a second; after so many nobody does.
const UNMEASURED_SECONDS: i64 = 10;

/// Both analyses of one pass.
pub(crate) struct Analyses {
    pub pre: Stage,
    pub post: Stage,
}

/// One analysis.
pub(crate) struct Stage {
    pub moment: Moment,
    /// The run that counts, as the status is to name it, unless another is made.
    pub entry: Option<AnalysisRunStatus>,
    pub standing: Standing,
}

/// Where an analysis stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing waits for it.
    Idle,
    /// Its time has not come.
    Later,
    /// It is awaited, and has no run.
    Missing,
    /// It is awaited.
    Running,
    /// The last run did not know, and the user said to go on: it needs another.
    Again,
    /// It did not know: the user is to say.
    Inconclusive,
    Successful,
    /// Why the update is to be aborted.
    Failed(String),
}

/// What a pass makes of its analyses, beside the writes.
#[derive(Default)]
pub(crate) struct Outcome {
    pub pre: Option<AnalysisRunStatus>,
    pub post: Option<AnalysisRunStatus>,
    pub events: Vec<Event>,
    /// Reason and message, where an analysis does not get on.
    pub stalled: Option<(&'static str, String)>,
    pub writes: Vec<Write>,
    pub deletes: Vec<Write>,
}

impl Analyses {
    /// Whether the analysis before promotion stands in its way no longer.
    pub fn pre_passed(&self) -> bool {
        matches!(self.pre.standing, Standing::Idle | Standing::Successful)
    }

    /// Whether the analysis after promotion stands in the way no longer.
    pub fn post_passed(&self) -> bool {
        matches!(self.post.standing, Standing::Idle | Standing::Successful)
    }

    /// Why the update is to be aborted, if it is.
    pub fn failed(&self) -> Option<&str> {
        [&self.pre, &self.post].into_iter().find_map(|stage| match &stage.standing {
            Standing::Failed(detail) => Some(detail.as_str()),
            _ => None,
        })
    }

    pub fn is_inconclusive(&self) -> bool {
        self.any(&Standing::Inconclusive)
    }

    /// Whether the user said to go on after an analysis that did not know.
    pub fn goes_on(&self) -> bool {
        self.any(&Standing::Again)
    }

    /// Whether the update waits for an analysis and for nothing else.
    pub fn is_awaited(&self) -> bool {
        [&self.pre, &self.post].into_iter().any(|stage| {
            let standing = &stage.standing;
            matches!(
                standing,
                Standing::Missing | Standing::Running | Standing::Again | Standing::Inconclusive
            )
        })
    }

    /// The run that is awaited, by name.
    pub fn running(&self) -> Option<&str> {
        let mut stages = [&self.pre, &self.post].into_iter();
        let running = stages.find(|stage| stage.standing == Standing::Running)?;
        running.entry.as_ref().map(|entry| entry.name.as_str())
    }

    fn any(&self, standing: &Standing) -> bool {
        self.pre.standing == *standing || self.post.standing == *standing
    }
}

/// Where both analyses stand. `skips`: no analysis is made now, and those that run are ended. `anew`: the update begins
/// anew after an abort, and what was found before is of the past.
pub(crate) fn standing(pass: &Pass<'_>, skips: bool, anew: bool) -> Analyses {
    let status = pass.seen.blue_green.as_ref();
    let status = status.filter(|_| !pass.transition && !anew);
    let at = |moment: Moment| {
        let entry = status.and_then(|status| moment.entry(status).cloned());
        stage(pass, moment, entry, skips)
    };
    Analyses { pre: at(Moment::PrePromotion), post: at(Moment::PostPromotion) }
}

fn stage(pass: &Pass<'_>, moment: Moment, entry: Option<AnalysisRunStatus>, skips: bool) -> Stage {
    if moment.asked(pass.strategy).is_none() {
        return Stage { moment, entry: None, standing: Standing::Idle };
    }
    let run = entry.as_ref().and_then(|entry| pass.observed.analysis.runs.get(&entry.name));
    let run = run.filter(|run| is_about(pass, run, moment));
    let goes_on = went_on(pass) && entry.as_ref().is_some_and(|entry| entry.status == "Inconclusive");
    let standing = match (moment, pass.is_switched(), run) {
        _ if skips => Standing::Idle,
        (Moment::PrePromotion, true, _) => Standing::Idle,
        (Moment::PostPromotion, false, _) => Standing::Later,
        (_, _, None) => Standing::Missing,
        (_, _, Some(run)) => judged(run, moment, goes_on),
    };
    let entry = entry.map(|entry| run.map_or_else(|| entry.clone(), |run| described(run, Some(&entry))));
    Stage { moment, entry, standing }
}

fn judged(run: &AnalysisRunSeen, moment: Moment, goes_on: bool) -> Standing {
    match run.phase.as_str() {
        "Successful" => Standing::Successful,
        "Inconclusive" if goes_on => Standing::Again,
        "Inconclusive" => Standing::Inconclusive,
        "Failed" | "Error" => {
            let words = moment.words();
            let message = if run.message.is_empty() { String::new() } else { format!(": {}", run.message) };
            Standing::Failed(format!("Blue/green {words} analysis phase error/failed{message}"))
        }
        _ => Standing::Running,
    }
}

/// Whether a user has cleared a pause that the controller had added.
fn went_on(pass: &Pass<'_>) -> bool {
    pass.seen.controller_pause == Some(true) && pass.seen.pause_conditions.as_ref().is_none_or(Vec::is_empty)
}

/// Whether a run is ours and says what the current version is worth, at this revision and moment.
fn is_about(pass: &Pass<'_>, run: &AnalysisRunSeen, moment: Moment) -> bool {
    run.controller_uid.as_deref() == Some(pass.observed.uid())
        && run.hash() == Some(pass.hash.as_str())
        && run.revision.as_deref() == Some(pass.revision.to_string().as_str())
        && run.labels.get(keys::ROLLOUT_TYPE).map(String::as_str) == Some(moment.label())
}

fn described(run: &AnalysisRunSeen, before: Option<&AnalysisRunStatus>) -> AnalysisRunStatus {
    AnalysisRunStatus {
        name: run.name.clone(),
        status: run.phase.clone(),
        message: (!run.message.is_empty()).then(|| run.message.clone()),
        other: before.map(|before| before.other.clone()).unwrap_or_default(),
    }
}

/// Makes the runs that are due, ends those that nobody waits for, and clears away old ones.
pub(crate) fn act(pass: &Pass<'_>, steering: &Steering, promotion: &Promotion, draft: &mut Draft) {
    let analyses = &steering.analyses;
    let mut outcome = Outcome::default();
    if promotion.reason.is_some() && analyses.post.standing == Standing::Successful {
        draft.need(reads_before_believing(&analyses.post));
    }
    outcome.pre = now(pass, steering, &analyses.pre, draft, &mut outcome);
    outcome.post = now(pass, steering, &analyses.post, draft, &mut outcome);
    for stage in [&analyses.post, &analyses.pre] {
        outcome.events.extend(told(pass, stage));
    }
    others::clear(pass, draft, &mut outcome);
    draft.analysis = outcome;
}

/// The live read that a promotion depends on.
pub(crate) fn reads_before_believing(stage: &Stage) -> Option<Fresh> {
    stage.entry.as_ref().map(|entry| Fresh::AnalysisRun(entry.name.clone()))
}

/// One analysis: its run made, ended, or looked after. Answers what the status is to say of it.
fn now(
    pass: &Pass<'_>,
    steering: &Steering,
    stage: &Stage,
    draft: &mut Draft,
    outcome: &mut Outcome,
) -> Option<AnalysisRunStatus> {
    let entry = stage.entry.clone();
    let run = entry.as_ref().and_then(|entry| pass.observed.analysis.runs.get(&entry.name));
    let configured = moment_is_configured(pass, stage.moment);
    if let Some(why) = pass.observed.analysis.unreadable.as_ref().filter(|_| configured) {
        outcome.stalled = Some(("Unreadable", why.clone()));
        return entry;
    }
    match stage.standing {
        Standing::Idle => {
            outcome.writes.extend(run.filter(|run| may_be_ended(pass, run)).map(end));
            entry
        }
        Standing::Missing | Standing::Again => make::run(pass, steering, stage, draft, outcome).or(entry),
        Standing::Running => {
            if let Some(run) = run.filter(|run| run.phase.is_empty()) {
                let until = after(run.created, UNMEASURED_SECONDS);
                if pass.now < until {
                    draft.look_at(until);
                } else {
                    outcome.stalled = Some(("NotMeasured", unmeasured(&run.name)));
                }
            }
            entry
        }
        Standing::Later | Standing::Inconclusive | Standing::Successful | Standing::Failed(_) => entry,
    }
}

fn moment_is_configured(pass: &Pass<'_>, moment: Moment) -> bool {
    moment.asked(pass.strategy).is_some()
}

fn unmeasured(name: &str) -> String {
    format!(
        "nobody measures AnalysisRun {name}: it has no phase yet, and this version of Verdigris runs no metrics. Run a \
         controller that does, or promote in full to skip it"
    )
}

fn may_be_ended(pass: &Pass<'_>, run: &AnalysisRunSeen) -> bool {
    run.controller_uid.as_deref() == Some(pass.observed.uid())
        && !run.is_finished()
        && !run.terminating
        && !run.deleting
}

fn end(run: &AnalysisRunSeen) -> Write {
    Write::TerminateAnalysisRun(at_run(run))
}

/// The event of a run whose phase is not the one that the status tells.
fn told(pass: &Pass<'_>, stage: &Stage) -> Option<Event> {
    let entry = stage.entry.as_ref().filter(|entry| !entry.status.is_empty())?;
    let status = pass.seen.blue_green.as_ref()?;
    let before = stage.moment.entry(status).filter(|before| before.name == entry.name);
    if before.is_some_and(|before| before.status == entry.status) {
        return None;
    }
    let before = before.map_or("NoPreviousStatus", |before| before.status.as_str());
    let (kind, name, phase) = (stage.moment.label(), &entry.name, &entry.status);
    let text = format!("{kind} Analysis Run '{name}' Status New: '{phase}' Previous: '{before}'");
    let event = if matches!(phase.as_str(), "Failed" | "Error") { warning } else { normal };
    Some(event(&format!("AnalysisRun{phase}"), text))
}
