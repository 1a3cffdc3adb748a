//! What is kept of each object: which version it is, what is needed without opening it, and the rest in one piece.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verdigris_core::{
    observed::{EndpointSeen, ReplicaSetSeen, ServiceSeen},
    workload::{Reference, WorkloadKind},
};

use super::{
    WorkloadKey,
    neighbours::{claims, services_named},
    overlaps::Claims,
};
use crate::{
    compressed::Compressed,
    items::{ROLLOUT_KIND, ReplicaSetItem, RolloutItem, ServiceItem, SliceItem, controller_of},
    key::Key,
    metrics::facts::Facts,
    packed::Packed,
};

/// A Rollout as compressed JSON, and the little that is needed without decoding it.
pub struct CachedRollout {
    json: Compressed,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.generation`.
    pub generation: i64,
    services: Packed<BTreeSet<String>>,
    pub(super) created: Timestamp,
    /// Its own selector and template; what it takes from a workload is not among it.
    pub(super) claims: Arc<Claims>,
    workload: Option<(WorkloadKind, Box<str>)>,
    pub(super) analysed: bool,
    pub(super) facts: Facts,
}

/// A ReplicaSet.
pub(super) struct CachedReplicaSet {
    kept: Packed<KeptReplicaSet>,
}

/// A ReplicaSet, opened.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptReplicaSet {
    pub seen: ReplicaSetSeen,
    /// The Rollout that controls it, by name; none if it is an orphan or another kind's.
    pub rollout: Option<String>,
}

/// A Service.
pub(super) struct CachedService {
    seen: Packed<ServiceSeen>,
}

/// An EndpointSlice.
pub(super) struct CachedSlice {
    pub service: Box<str>,
    endpoints: Packed<Vec<EndpointSeen>>,
}

impl CachedRollout {
    pub(super) fn of(item: &RolloutItem) -> Self {
        let object = item.object();
        let reference = Reference::parse(&object["spec"]["workloadRef"]).ok();
        Self {
            json: Compressed::new(&item.to_bytes()),
            uid: item.uid().unwrap_or_default().into(),
            generation: item.meta().generation.unwrap_or_default(),
            services: Packed::new(&services_named(object)),
            created: item.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            claims: Arc::new(claims(object)),
            workload: reference.map(|reference| (reference.kind, reference.name.into())),
            analysed: asks_for_analysis(object),
            facts: Facts::of(object),
        }
    }

    /// The whole object, JSON.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        self.json.open()
    }

    /// The Services that its strategy names.
    pub(super) fn services(&self) -> BTreeSet<String> {
        self.services.open()
    }

    pub(super) fn workload_key(&self, rollout: &Key) -> Option<WorkloadKey> {
        let (kind, name) = self.workload.as_ref()?;
        Some((*kind, Key::new(rollout.namespace(), name)))
    }
}

impl CachedReplicaSet {
    pub fn of(item: ReplicaSetItem) -> Self {
        let owner = controller_of(item.meta()).filter(|owner| owner.kind == ROLLOUT_KIND);
        let rollout = owner.map(|owner| owner.name.clone());
        Self { kept: Packed::new(&KeptReplicaSet { rollout, seen: item.seen() }) }
    }

    pub fn open(&self) -> KeptReplicaSet {
        self.kept.open()
    }
}

impl CachedService {
    pub fn of(item: ServiceItem) -> Self {
        Self { seen: Packed::new(&item.seen()) }
    }

    pub fn seen(&self) -> ServiceSeen {
        self.seen.open()
    }
}

impl CachedSlice {
    pub fn of(item: SliceItem) -> Self {
        let service = item.service().unwrap_or_default().into();
        Self { service, endpoints: Packed::new(&item.seen()) }
    }

    pub fn endpoints(&self) -> Vec<EndpointSeen> {
        self.endpoints.open()
    }
}

fn asks_for_analysis(object: &Value) -> bool {
    let strategy = &object["spec"]["strategy"]["blueGreen"];
    ["prePromotionAnalysis", "postPromotionAnalysis"].into_iter().any(|field| !strategy[field].is_null())
}
