//! Blue-green: two full stacks, one switch.
//!
//! | question | answered by |
//! | --- | --- |
//! | what users ask for, and whether the new version may be promoted now | [`promotion`] |
//! | what each Service is to select, and whether a selector drifted | [`services`] |
//! | when the preview Service is to show the new version | [`preview`] |
//! | whether traffic has really left the old version | [`drain`] |
//! | how large the new version is to be before it is promoted | [`preview_size`] |
//! | whether going back to a version needs a gate | [`rollback`] |
//! | how large each ReplicaSet is to be, and its annotations | [`scale`] |
//! | which Services are let go | [`left_behind`] |
//! | when the Deployment goes that the template comes from | [`workload`] |
//! | what analyses say, and which runs they need | [`analysis`] |
//! | which old ReplicaSets are of no use any more | [`history`] |
//! | which pods are to be restarted now | [`restart`] |
//! | which labels and annotations pods have for their role | [`metadata`] |
//! | which nodes pods of a new version keep off | [`anti_affinity`] |
//! | what all of this means for the status | [`crate::status`] |
//!
//! Order of the writes: create and grow, then point Services, then shrink, then delete, and pods last. Every prefix is
//! safe: traffic never goes where there are no pods, and pods never go while traffic may come.

pub(crate) mod analysis;
pub(crate) mod anti_affinity;
pub(crate) mod drain;
pub(crate) mod history;
pub(crate) mod left_behind;
pub(crate) mod metadata;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod preview_size;
pub(crate) mod promotion;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod scale;
pub(crate) mod services;
pub(crate) mod workload;

use std::collections::BTreeSet;

use crate::decision::{Decision, Outcome};
use crate::observed::Fresh;
use crate::status;
use plan::{Draft, Pass};

/// Answers one pass for a valid blue-green Rollout.
pub(crate) fn decide(pass: &Pass<'_>) -> Result<Decision, BTreeSet<Fresh>> {
    let mut draft = Draft::default();
    let steering = promotion::steering(pass);
    let verdict = promotion::verdict(pass, &steering, &mut draft);
    let services = services::point(pass, &steering, &verdict, &mut draft);
    let promoted = promotion::conclude(pass, &steering, &verdict, &services);
    let traffic = drain::traffic(pass, &services, &mut draft);
    scale::all(pass, &steering, &services, &promoted, &traffic, &mut draft);
    workload::relieve(pass, &promoted, &mut draft);
    left_behind::let_go(pass, &services, &promoted, &mut draft);
    history::prune(pass, &promoted, &mut draft);
    analysis::act(pass, &steering, &promoted, &mut draft);
    restart::evict(pass, &mut draft);

    let missing = draft.needs.difference(&pass.observed.fresh).next().is_some();
    if missing {
        return Err(draft.needs);
    }
    draft.leave_out_refused(pass);
    let (status, events, due) = status::next(pass, &steering, &services, &promoted, &traffic, &draft);
    let look_again = [draft.due, due].into_iter().flatten().min();
    let writes = draft.into_writes();
    let is_counting =
        writes.is_empty() && events.is_empty() && status::counting::is_all_that_differs(pass.seen, &status);
    Ok(Decision { writes, status, events, look_again, is_counting })
}

/// What [`crate::decide()`] returns for a set of needs: all that is fresh already stays asked for, so that the answer to
/// one question is not lost by asking the next.
pub(crate) fn need(observed: &crate::observed::Observed, mut needs: BTreeSet<Fresh>) -> Outcome {
    needs.extend(observed.fresh.iter().cloned());
    Outcome::NeedFresh(needs)
}
