//! Other Rollouts of the namespace that want what this one wants: a Service, or the same pods.

use jiff::Timestamp;
use verdigris_crds::keys;

use crate::blue_green::plan::{Pass, warning};
use crate::decision::Event;
use crate::observed::{Fresh, Neighbour, Observed, ServiceSeen};
use crate::status::conditions::Conditions;
use crate::validate::FieldError;

impl Observed {
    /// Other Rollouts that name this Service, as far as is known.
    pub(crate) fn naming(&self, service: &str) -> impl Iterator<Item = &Neighbour> {
        self.neighbours.values().filter(move |neighbour| neighbour.services.contains(service))
    }

    fn created(&self) -> Timestamp {
        self.rollout.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    }

    /// Whether that one was there first.
    fn is_younger_than(&self, neighbour: &Neighbour) -> bool {
        (neighbour.created, neighbour.name.as_str()) < (self.created(), self.name())
    }
}

/// Whether a Service that this Rollout names is marked as another one's of which nothing is known: whether that one is
/// there, and names the Service, only a live read can tell.
pub(crate) fn must_be_read(observed: &Observed) -> bool {
    let is_unknown = |service: &ServiceSeen| {
        let owner = service.managed_by.as_deref().filter(|owner| *owner != observed.name());
        owner.is_some_and(|owner| observed.naming(&service.name).all(|neighbour| neighbour.name != owner))
    };
    !observed.fresh.contains(&Fresh::Neighbours) && observed.services.values().flatten().any(is_unknown)
}

/// Of two Rollouts that name one Service, the one that has it keeps it, else the older one gets it.
pub(crate) fn check(observed: &Observed, field: &str, service: &ServiceSeen) -> Result<(), FieldError> {
    let name = &service.name;
    let wrong = |detail: String| Err(FieldError::invalid(field, format!("{name:?}"), detail));
    match service.managed_by.as_deref() {
        Some(owner) if owner == observed.name() => Ok(()),
        Some(owner) if observed.naming(name).any(|neighbour| neighbour.name == owner) => wrong(format!(
            "Service \"{name}\" is managed by another Rollout; that one is \"{owner}\": use a Service of this \
             Rollout's own, or take the annotation {} off",
            keys::MANAGED_BY
        )),
        Some(_) | None => match observed.naming(name).find(|neighbour| observed.is_younger_than(neighbour)) {
            Some(older) => wrong(format!(
                "Service \"{name}\" is named by another Rollout; that one is \"{}\", and older: use a Service of \
                 this Rollout's own",
                older.name
            )),
            None => Ok(()),
        },
    }
}

/// Says that the selector of an older Rollout matches the pods of this one too, or the other way round.
pub(crate) fn tell_overlap(pass: &Pass<'_>, conditions: &mut Conditions) -> Option<Event> {
    let older = pass.observed.neighbours.values().find(|it| it.overlaps && pass.observed.is_younger_than(it));
    let Some(older) = older else {
        conditions.remove(keys::SELECTOR_OVERLAP);
        return None;
    };
    let text = format!(
        "The selectors of this Rollout and of Rollout '{}', which is older, match the same pods: give each its own label \
         in selector and template",
        older.name
    );
    let is_news = conditions.put(keys::SELECTOR_OVERLAP, "True", "SelectorOverlap", &text, pass.stamp);
    is_news.then(|| warning("SelectorOverlap", text))
}
