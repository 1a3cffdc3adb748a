//! Conditions and events: the small print.

use askama::Template;
use jiff::Timestamp;
use verdigris_core::view::{ConditionView, human};

use super::Page;
use crate::store::event_time;

/// Events that are shown at once; older ones open with a click.
const EVENTS_SHOWN: usize = 6;

/// Conditions and events of the Rollout.
#[derive(Template)]
#[template(path = "facts.html")]
pub(super) struct Facts {
    conditions: Vec<ConditionView>,
    events: Vec<EventLine>,
    older: Vec<EventLine>,
}

struct EventLine {
    warning: bool,
    reason: String,
    message: String,
    count: i32,
    at: Option<Timestamp>,
    age: String,
}

impl Facts {
    pub(super) fn new(page: &Page<'_>, now: Timestamp) -> Self {
        let newest_first = page.scene.events.iter().rev();
        let events = newest_first.map(|event| {
            let at = event_time(event);
            let series = event.series.as_ref().and_then(|series| series.count);
            EventLine {
                warning: event.type_.as_deref() == Some("Warning"),
                reason: event.reason.clone().unwrap_or_default(),
                message: event.message.clone().unwrap_or_default(),
                count: event.count.or(series).unwrap_or(1),
                at,
                age: human::age(at, now),
            }
        });
        let mut events: Vec<EventLine> = events.collect();
        let older = events.split_off(events.len().min(EVENTS_SHOWN));
        Self { conditions: page.view.conditions.clone(), events, older }
    }
}
