//! Where all that was found leads to.

use super::*;
use crate::blue_green::analysis::INCONCLUSIVE;
use crate::blue_green::promotion::PAUSE;

impl Graph {
    /// Where each state ends once nobody acts any more. A circle in time would be a dead end with lights on.
    fn ends(&self) -> Vec<usize> {
        let mut ends: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let (mut trail, mut at) = (Vec::new(), start);
            while ends[at].is_none() && self.nodes[at].next != at {
                assert!(trail.len() <= self.nodes.len(), "it goes round for ever after {}", self.path(start));
                trail.push(at);
                at = self.nodes[at].next;
            }
            let end = ends[at].unwrap_or(at);
            ends[at] = Some(end);
            trail.into_iter().for_each(|passed| ends[passed] = Some(end));
        }
        ends.into_iter().flatten().collect()
    }

    fn phase(&self, number: usize) -> (&str, &str) {
        let (phase, message) = &self.nodes[number].phase;
        (phase, message)
    }

    /// Every end says in which phase it is and why, and what it asks for leads on.
    pub(super) fn none_is_stuck(&self, model: &Model) -> BTreeMap<String, usize> {
        let ends = self.ends();
        let mut phases = BTreeMap::new();
        for (number, &end) in ends.iter().enumerate() {
            let (phase, message) = self.phase(end);
            let text = format!("{phase} {}", message.split(':').next().unwrap_or_default());
            let is_known = matches!(phase, "Healthy" | "Paused" | "Degraded");
            assert!(is_known, "{}: ends as {phase}: {message} after {}", model.name, self.path(number));
            if number != end {
                continue;
            }
            *phases.entry(text.trim().to_owned()).or_insert(0) += 1;
            for &(user, acted) in &self.nodes[end].acted {
                let then = self.phase(ends[acted]);
                assert!(
                    leads_on((phase, message), user, then),
                    "{}: {phase} {message}, then {user:?}, ends as {then:?} after {}",
                    model.name,
                    self.path(end)
                );
            }
        }
        phases
    }
}

/// Whether what somebody does when all is at rest ends as it is to.
fn leads_on((phase, message): (&str, &str), user: User, then: (&str, &str)) -> bool {
    use User::*;
    let is_invalid = |message: &str| message.starts_with("InvalidSpec");
    let wanted: &[&str] = match (phase, message, user) {
        ("Paused", PAUSE, ClearPause | PromoteFull) | ("Paused", INCONCLUSIVE, PromoteFull) => &["Healthy"],
        // The next run succeeds; what it is about may have a gate.
        ("Paused", INCONCLUSIVE, ClearPause) if then.1 != INCONCLUSIVE => &["Paused", "Healthy"],
        ("Paused", PAUSE | INCONCLUSIVE, Abort) => &["Degraded"],
        ("Degraded", message, Retry) if !is_invalid(message) => &["Paused", "Healthy"],
        ("Healthy", _, Strip | Misdirect) => &["Healthy"],
        ("Paused", PAUSE, Strip | Misdirect) => &["Paused"],
        // Neither a restart nor an autoscaler disturbs anything.
        (_, _, Restart | MoreLoad | LessLoad | ScaleWorkload) => return then == (phase, message),
        (_, _, FindWorkload) => return !is_invalid(then.1),
        (_, _, LoseWorkload) => return is_invalid(then.1),
        ("Paused", INCONCLUSIVE, ClearPause) => return false,
        _ => return true,
    };
    wanted.contains(&then.0)
}
