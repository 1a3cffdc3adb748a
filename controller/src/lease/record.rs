//! The Lease as an object: what is read from it, and what is written into it. Fields and meanings are client-go's.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};

use super::{
    election::{Request, Seen, Timing},
    place::Place,
};

/// What a Lease says.
#[must_use]
pub fn seen(lease: &Lease) -> Seen {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Seen {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.unwrap_or_default(),
        duration: seconds.map(Duration::from_secs),
    }
}

/// The Lease as a request wants it: `known`, or a new one, with another spec. Nothing for a request that only reads.
#[must_use]
pub fn wanted(
    request: &Request,
    known: Option<&Lease>,
    (place, identity, timing): (&Place, &str, Timing),
    now: Timestamp,
) -> Option<Lease> {
    let known = known.cloned().unwrap_or_default();
    let old = known.spec.unwrap_or_default();
    let transitions = old.lease_transitions.unwrap_or_default().max(0);
    let ours = i32::try_from(timing.lease_duration.as_secs()).unwrap_or(i32::MAX);
    let (holder, seconds, acquired, transitions, version) = match request {
        Request::Read => return None,
        Request::Create => (identity, ours, None, 0, None),
        Request::Take { version } => {
            let is_ours = old.holder_identity.as_deref() == Some(identity);
            let transitions = if is_ours { transitions } else { transitions.saturating_add(1) };
            (identity, ours, None, transitions, Some(version))
        }
        Request::Renew { version } => (identity, ours, old.acquire_time, transitions, Some(version)),
        // A second, for those who look at the duration before they look at the holder.
        Request::Free { version } => ("", 1, None, transitions, Some(version)),
    };
    let metadata = match version {
        Some(version) => ObjectMeta { resource_version: Some(version.clone()), ..known.metadata },
        None => ObjectMeta {
            name: Some(place.name.clone()),
            namespace: Some(place.namespace.clone()),
            ..ObjectMeta::default()
        },
    };
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(seconds),
        acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions),
        ..old
    };
    Some(Lease { metadata, spec: Some(spec) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn write(request: &Request, known: Option<&Lease>, second: i64) -> Value {
        let place = Place { namespace: "ops".into(), name: "lock".into() };
        let now = Timestamp::from_second(second).unwrap();
        let lease = wanted(request, known, (&place, "us", Timing::default()), now).unwrap();
        serde_json::to_value(lease).unwrap()
    }

    fn lease(value: Value) -> Lease {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn taking_renewing_and_freeing_write_what_client_go_writes() {
        let made = write(&Request::Create, None, 0);
        let spec = json!({"holderIdentity": "us", "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "1970-01-01T00:00:00.000000Z", "renewTime": "1970-01-01T00:00:00.000000Z"});
        assert_eq!((&made["spec"], &made["metadata"]), (&spec, &json!({"name": "lock", "namespace": "ops"})));
        let version = || "7".to_owned();
        let renewed = write(&Request::Renew { version: version() }, Some(&lease(made.clone())), 2);
        assert_eq!(renewed["metadata"]["resourceVersion"], "7");
        assert_eq!(renewed["spec"]["acquireTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(renewed["spec"]["renewTime"], "1970-01-01T00:00:02.000000Z");
        let freed = write(&Request::Free { version: version() }, Some(&lease(renewed)), 3);
        assert_eq!(
            (&freed["spec"]["holderIdentity"], &freed["spec"]["leaseDurationSeconds"]),
            (&json!(""), &json!(1))
        );
        let taken = write(&Request::Take { version: version() }, Some(&lease(freed)), 4);
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
        assert_eq!(taken["spec"]["acquireTime"], "1970-01-01T00:00:04.000000Z");
    }

    #[test]
    fn what_others_wrote_into_it_stays() {
        let known = lease(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "lock", "labels": {"team": "ops"}, "resourceVersion": "7"},
            "spec": {"holderIdentity": "peer", "strategy": "OldestEmulationVersion"}}));
        assert_eq!(seen(&known), Seen { version: "7".into(), holder: "peer".into(), duration: None });
        let taken = write(&Request::Take { version: "7".into() }, Some(&known), 4);
        assert_eq!(taken["metadata"]["labels"], json!({"team": "ops"}));
        assert_eq!(taken["spec"]["strategy"], "OldestEmulationVersion");
        assert_eq!(
            seen(&lease(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {}})))
                .holder,
            ""
        );
    }
}
