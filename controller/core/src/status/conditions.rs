//! The list of conditions, changed by the peer's rules: one that says the same is left alone, one that changes moves to
//! the end, and `lastTransitionTime` moves only with `status`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use verdigris_crds::{Condition, Other, RolloutStatus};

/// The conditions of a Rollout.
pub(crate) struct Conditions(Vec<Condition>);

impl Conditions {
    pub fn of(status: &RolloutStatus) -> Self {
        Self(status.conditions.clone().unwrap_or_default())
    }

    pub fn list(&self) -> Option<Vec<Condition>> {
        (!self.0.is_empty()).then(|| self.0.clone())
    }

    pub fn into_list(self) -> Option<Vec<Condition>> {
        (!self.0.is_empty()).then_some(self.0)
    }

    pub fn get(&self, type_: &str) -> Option<&Condition> {
        self.0.iter().find(|condition| condition.type_ == type_)
    }

    pub fn reason(&self, type_: &str) -> &str {
        self.get(type_).map_or("", |condition| condition.reason.as_str())
    }

    pub fn is_true(&self, type_: &str) -> bool {
        self.get(type_).is_some_and(|condition| condition.status == "True")
    }

    /// The peer's rule: nothing happens if status and reason are the same, whatever the message.
    pub fn set(&mut self, type_: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> bool {
        let same =
            self.get(type_).is_some_and(|condition| condition.status == status && condition.reason == reason);
        if !same {
            self.replace(type_, status, reason, message, now);
        }
        !same
    }

    /// Our own rule: a new message is news too.
    pub fn put(&mut self, type_: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> bool {
        let same = self.get(type_).is_some_and(|condition| {
            condition.status == status && condition.reason == reason && condition.message == message
        });
        if !same {
            self.replace(type_, status, reason, message, now);
        }
        !same
    }

    /// Writes it in any case, so that `lastUpdateTime` says when there was progress.
    pub fn replace(&mut self, type_: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
        let old = self.0.iter().position(|condition| condition.type_ == type_).map(|at| self.0.remove(at));
        self.remove(type_);
        let since = old
            .as_ref()
            .filter(|old| old.status == status)
            .map_or(Time(now), |old| old.last_transition_time.clone());
        self.0.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            last_update_time: Time(now),
            last_transition_time: since,
            reason: reason.to_owned(),
            message: message.to_owned(),
            other: old.map_or_else(Other::new, |old| old.other),
        });
    }

    pub fn remove(&mut self, type_: &str) {
        self.remove_if(type_, |_| true);
    }

    pub fn remove_if(&mut self, type_: &str, test: impl Fn(&Condition) -> bool) {
        self.0.retain(|condition| condition.type_ != type_ || !test(condition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn what_says_the_same_is_left_alone_and_what_changes_moves_to_the_end() {
        let mut conditions = Conditions(Vec::new());
        assert!(conditions.set("A", "True", "One", "first", at(1)));
        assert!(conditions.set("B", "True", "One", "first", at(1)));
        assert!(!conditions.set("A", "True", "One", "another message", at(2)));
        assert!(conditions.set("A", "True", "Two", "second", at(3)));
        let order: Vec<_> = conditions.0.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(order, ["B", "A"]);
        let changed = conditions.get("A").expect("A");
        assert_eq!(changed.last_transition_time, Time(at(1)), "the status did not change");
        assert_eq!(changed.last_update_time, Time(at(3)));
    }
}
