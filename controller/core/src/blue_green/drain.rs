//! Whether traffic has really left the old version.
//!
//! A Service's selector is not its traffic: EndpointSlices follow it, and proxies follow them. So the scale-down delay
//! of the old version begins when the slices show the switch. The condition `verdigris.dev/TrafficSwitched` is False
//! from the switch on and True once seen; its `lastTransitionTime` is the moment of the switch.

use std::collections::BTreeSet;

use jiff::Timestamp;
use verdigris_crds::{Condition, keys};

use crate::observed::{EndpointSeen, Fresh, ReplicaSetSeen};
use crate::seen::after;

use super::plan::{Draft, Pass};
use super::services::Services;

/// After so long without proof, a timer decides. Endpoints follow a selector within milliseconds to a few seconds; a
/// minute is far beyond what a working cluster takes, and still bounded where slices may not be read.
pub(crate) const PROOF_TIMEOUT_SECONDS: i64 = 60;

/// What the condition is to say; `None` leaves it as it is.
pub(crate) struct Traffic {
    pub change: Option<TrafficChange>,
    /// The version that traffic is leaving, as far as is known.
    pub leaving: Option<String>,
    /// What the active Service selected until this very pass.
    pub left_now: Option<String>,
}

/// A new value of the condition.
pub(crate) struct TrafficChange {
    pub status: &'static str,
    pub reason: &'static str,
    pub message: String,
}

impl Traffic {
    /// Whether nothing says that this version may still get traffic.
    pub fn has_left(&self, hash: &str) -> bool {
        self.leaving.as_deref() != Some(hash) && self.left_now.as_deref() != Some(hash)
    }
}

/// Whether the condition says that traffic is leaving this version because another one was promoted.
pub(crate) fn is_switching_from(condition: &Condition, hash: &str) -> bool {
    condition.reason == "Switching" && leaving(condition) == Some(hash)
}

/// The version that traffic is leaving. The message is `Service 'S' was switched from 'OLD' to 'NEW'; ...`.
pub(crate) fn leaving(condition: &Condition) -> Option<&str> {
    if condition.status != "False" {
        return None;
    }
    condition.message.split('\'').nth(3).filter(|hash| !hash.is_empty())
}

/// The version that it is going to.
pub(crate) fn arriving(condition: &Condition) -> Option<&str> {
    condition.message.split('\'').nth(5)
}

/// Starts, continues or ends the wait for the proof.
pub(crate) fn traffic(pass: &Pass<'_>, services: &Services, draft: &mut Draft) -> Traffic {
    let (name, left_now) = (&pass.active.name, services.moved_from.clone());
    let to = services.recorded_active.as_deref().unwrap_or_default();
    if let Some(from) = &services.switched_from {
        let reason = if services.switched_back { "SwitchingBack" } else { "Switching" };
        let message = format!(
            "Service '{name}' was switched from '{from}' to '{to}'; its endpoints do not show it yet"
        );
        return Traffic {
            change: Some(TrafficChange { status: "False", reason, message }),
            leaving: Some(from.clone()),
            left_now,
        };
    }
    let condition =
        pass.seen.conditions.iter().flatten().find(|condition| condition.type_ == keys::TRAFFIC_SWITCHED);
    let Some((condition, from)) = condition.and_then(|condition| Some((condition, leaving(condition)?)))
    else {
        return Traffic { change: None, leaving: None, left_now };
    };
    if is_shown(pass, to, draft) {
        let message = format!("The ready endpoints of service '{name}' are pods of '{to}', and no others");
        let change = TrafficChange { status: "True", reason: "EndpointsFollowed", message };
        return Traffic { change: Some(change), leaving: None, left_now };
    }
    let until = after(condition.last_transition_time.0, PROOF_TIMEOUT_SECONDS);
    if pass.now >= until {
        let change = gave_up(pass, name, to);
        return Traffic { change: Some(change), leaving: None, left_now };
    }
    draft.look_at(until);
    Traffic { change: None, leaving: Some(from.to_owned()), left_now }
}

fn gave_up(pass: &Pass<'_>, name: &str, to: &str) -> TrafficChange {
    let (reason, why) = if pass.observed.active_endpoints.is_none() {
        ("EndpointsNotReadable", "could not be read")
    } else {
        ("EndpointsDidNotFollow", "did not show it")
    };
    let message = format!(
        "Service '{name}' was switched to '{to}' and its endpoints {why} within {PROOF_TIMEOUT_SECONDS} s; \
         the scale-down delay began by the clock"
    );
    TrafficChange { status: "Unknown", reason, message }
}

/// Whether the active Service's ready endpoints are pods of this version, all wanted ones, and no others. The cache is
/// good enough to wait; the answer itself needs live reads, by pod UID.
fn is_shown(pass: &Pass<'_>, to: &str, draft: &mut Draft) -> bool {
    let (Some(endpoints), Some(target)) = (&pass.observed.active_endpoints, pass.with_hash(to)) else {
        return false;
    };
    let pods = Fresh::Pods(target.name.clone());
    let fresh = &pass.observed.fresh;
    if fresh.contains(&Fresh::ActiveEndpoints) && fresh.contains(&pods) {
        return pass.replicas <= ready(endpoints).count().try_into().unwrap_or(i32::MAX)
            && ready(endpoints).all(|endpoint| is_pod_of(pass, target, endpoint));
    }
    let prefix = format!("{}-", target.name);
    let by_name =
        |endpoint: &EndpointSeen| endpoint.pod_name.as_deref().is_some_and(|name| name.starts_with(&prefix));
    let looks_so = pass.replicas <= ready(endpoints).count().try_into().unwrap_or(i32::MAX)
        && ready(endpoints).all(by_name);
    if looks_so {
        draft.need([Fresh::ActiveEndpoints, pods]);
    }
    false
}

/// Whether pods of this ReplicaSet are still ready endpoints of the active Service, as far as can be read.
pub(crate) fn still_gets_traffic(pass: &Pass<'_>, seen: &ReplicaSetSeen) -> bool {
    pass.observed
        .active_endpoints
        .as_ref()
        .is_some_and(|endpoints| ready(endpoints).any(|endpoint| is_pod_of(pass, seen, endpoint)))
}

/// How many ready endpoints of the active Service are pods of this ReplicaSet, and how many are others: by UID where its
/// pods were read, else by their names. `None` where endpoints cannot be read.
pub(crate) fn ready_endpoints(pass: &Pass<'_>, seen: &ReplicaSetSeen) -> Option<(i32, i32)> {
    let prefix = format!("{}-", seen.name);
    let is_read = pass.observed.fresh.contains(&Fresh::Pods(seen.name.clone()));
    let is_own = |endpoint: &EndpointSeen| match is_read {
        true => is_pod_of(pass, seen, endpoint),
        false => endpoint.pod_name.as_deref().is_some_and(|name| name.starts_with(&prefix)),
    };
    let endpoints = pass.observed.active_endpoints.as_ref()?;
    let own = ready(endpoints).filter(|endpoint| is_own(endpoint)).count();
    let count = |count: usize| count.try_into().unwrap_or(i32::MAX);
    Some((count(own), count(ready(endpoints).count() - own)))
}

fn ready(endpoints: &[EndpointSeen]) -> impl Iterator<Item = &EndpointSeen> {
    endpoints.iter().filter(|endpoint| endpoint.ready)
}

fn is_pod_of(pass: &Pass<'_>, seen: &ReplicaSetSeen, endpoint: &EndpointSeen) -> bool {
    let pods = pass.observed.pods.get(&seen.name);
    let uids: BTreeSet<&str> = pods.into_iter().flatten().map(|pod| pod.uid.as_str()).collect();
    endpoint.pod_uid.as_deref().is_some_and(|uid| uids.contains(uid))
}

/// The live reads that scaling something down to nothing depends on.
pub(crate) fn reads_before_scaling_away(seen: &ReplicaSetSeen) -> [Fresh; 5] {
    [
        Fresh::Rollout,
        Fresh::Services,
        Fresh::ReplicaSets,
        Fresh::ActiveEndpoints,
        Fresh::Pods(seen.name.clone()),
    ]
}

/// When something happens that was announced for this moment.
pub(crate) fn is_past(pass: &Pass<'_>, deadline: Timestamp, draft: &mut Draft) -> bool {
    if pass.now < deadline {
        draft.look_at(deadline);
    }
    pass.now >= deadline
}
