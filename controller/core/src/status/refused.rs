//! What the API server refuses, told for as long as it does.

use jiff::Timestamp;
use verdigris_crds::keys;

use super::conditions::Conditions;
use crate::blue_green::plan::{Draft, Pass, warning};
use crate::blue_green::workload;
use crate::decision::Event;
use crate::observed::Refusal;

/// Tells what is left out of this pass because the API server refuses it. Nothing else waits for that.
pub(super) fn tell(pass: &Pass<'_>, draft: &Draft, conditions: &mut Conditions) -> Option<Event> {
    let of_workload = workload::refusal(pass);
    let Some(refusal) = draft.left_out.as_ref().or(of_workload) else {
        conditions.remove(keys::WRITE_REFUSED);
        return None;
    };
    put(refusal, conditions, pass.stamp).filter(|_| Some(refusal) != of_workload)
}

/// Sets the condition; the event that tells it, where that is news.
pub(crate) fn put(refusal: &Refusal, conditions: &mut Conditions, stamp: Timestamp) -> Option<Event> {
    let Refusal { what, code, reason, message } = refusal;
    let text = format!("The API server refused to {what} ({code} {reason}): {message}");
    let is_news = conditions.put(keys::WRITE_REFUSED, "True", "WriteRefused", &text, stamp);
    is_news.then(|| warning("WriteRefused", text))
}
