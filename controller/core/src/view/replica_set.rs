//! The ReplicaSets of a Rollout, with the roles they play.

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use verdigris_crds::{Rollout, keys};

use super::{Icon, PodView, human};

/// One version's ReplicaSet and its pods.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSetView {
    /// `metadata.name`.
    pub name: String,
    /// The pod template hash.
    pub hash: String,
    /// The revision; 0 if it carries none.
    pub revision: u64,
    /// How it is.
    pub status: ReplicaSetStatus,
    /// The icon for that.
    pub icon: Icon,
    /// The roles it plays, in the peer's order.
    pub tags: Vec<Tag>,
    /// Pods it is told to keep.
    pub wanted: i32,
    /// Pods it has.
    pub replicas: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are available.
    pub available: i32,
    /// Images of its containers.
    pub images: Vec<String>,
    /// When it is scaled to zero, if a time is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDownView>,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Its age, as kubectl writes it.
    pub age: String,
    /// Whether rolling back to it makes sense: it is not the version that the spec asks for.
    pub can_roll_back: bool,
    /// Whether all of its pods are still there, so that a rollback can be a single switch.
    pub warm: bool,
    /// Its pods, oldest first.
    pub pods: Vec<PodView>,
}

/// How a ReplicaSet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReplicaSetStatus {
    /// Not all of its pods are available yet.
    Progressing,
    /// All of its pods are available.
    Healthy,
    /// Pods could not be created.
    ReplicaFailure,
    /// It is told to have no pods.
    ScaledDown,
}

/// A role that a ReplicaSet plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tag {
    /// The version that was last promoted.
    Stable,
    /// The newest version, under strategy canary.
    Canary,
    /// The active Service sends to it.
    Active,
    /// The preview Service sends to it.
    Preview,
    /// It sits behind the ping Service.
    Ping,
    /// It sits behind the pong Service.
    Pong,
}

/// When a ReplicaSet is scaled to zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownView {
    /// The moment.
    pub at: Timestamp,
    /// Time until then as kubectl writes a duration, or `passed`.
    pub remaining: String,
    /// Whether the moment is over.
    pub passed: bool,
}

impl ReplicaSetStatus {
    /// As the peer writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progressing => "Progressing",
            Self::Healthy => "Healthy",
            Self::ReplicaFailure => "ReplicaFailure",
            Self::ScaledDown => "ScaledDown",
        }
    }

    /// Its icon.
    #[must_use]
    pub const fn icon(self) -> Icon {
        match self {
            Self::Progressing => Icon::Progressing,
            Self::Healthy => Icon::Ok,
            Self::ReplicaFailure => Icon::Bad,
            Self::ScaledDown => Icon::Neutral,
        }
    }

    fn of(set: &ReplicaSet) -> Self {
        let status = set.status.clone().unwrap_or_default();
        let wanted = wanted(set);
        let failure = |type_: &str, status: &str| type_ == "ReplicaFailure" && status == "True";
        match () {
            () if status.observed_generation.unwrap_or_default()
                < set.metadata.generation.unwrap_or_default() =>
            {
                Self::Progressing
            }
            () if status.conditions.iter().flatten().any(|found| failure(&found.type_, &found.status)) => {
                Self::ReplicaFailure
            }
            () if wanted == 0 => Self::ScaledDown,
            () if status.available_replicas.unwrap_or_default() < wanted => Self::Progressing,
            () => Self::Healthy,
        }
    }
}

impl Tag {
    /// As the peer writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
            Self::Active => "active",
            Self::Preview => "preview",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// The roles of the version with this hash, in the peer's order. A version that both Services select is the
    /// active one: that is what matters of it.
    fn of(rollout: &Rollout, hash: &str) -> Vec<Self> {
        let (Some(strategy), Some(status)) = (&rollout.spec.strategy, &rollout.status) else {
            return Vec::new();
        };
        let is = |other: Option<&str>| !hash.is_empty() && other == Some(hash);
        let is_stable = is(status.stable_rs.as_deref());
        let mut tags: Vec<Self> = is_stable.then_some(Self::Stable).into_iter().collect();
        if strategy.blue_green.is_some() {
            let services = status.blue_green.clone().unwrap_or_default();
            if is(services.active_selector.as_deref()) {
                tags.push(Self::Active);
            } else if is(services.preview_selector.as_deref()) {
                tags.push(Self::Preview);
            }
        } else if strategy.canary.is_some() {
            let is_canary = !is_stable && is(status.current_pod_hash.as_deref());
            tags.extend(is_canary.then_some(Self::Canary));
            tags.extend(super::canary::ping_or_pong(status, is_stable, is_canary));
        }
        tags
    }
}

impl ScaleDownView {
    fn of(metadata: &ObjectMeta, now: Timestamp) -> Option<Self> {
        let at: Timestamp = metadata.annotations.as_ref()?.get(keys::SCALE_DOWN_DEADLINE)?.parse().ok()?;
        let passed = at <= now;
        let remaining = if passed { "passed".into() } else { human::duration(at.duration_since(now)) };
        Some(Self { at, remaining, passed })
    }
}

impl ReplicaSetView {
    /// The peer's INFO column: roles and the scale-down delay, `stable,active` or `delay:12s`.
    #[must_use]
    pub fn info(&self) -> String {
        let mut words: Vec<String> = self.tags.iter().map(|tag| tag.as_str().to_owned()).collect();
        words.extend(self.scale_down.as_ref().map(|scale_down| format!("delay:{}", scale_down.remaining)));
        words.join(",")
    }

    /// Whether it plays this role.
    #[must_use]
    pub fn has(&self, tag: Tag) -> bool {
        self.tags.contains(&tag)
    }

    fn of(rollout: &Rollout, set: &ReplicaSet, pods: &[Pod], now: Timestamp) -> Self {
        let metadata = &set.metadata;
        let hash = metadata.labels.as_ref().and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH)).cloned();
        let hash = hash.unwrap_or_default();
        let status = ReplicaSetStatus::of(set);
        let counts = set.status.clone().unwrap_or_default();
        let available = counts.available_replicas.unwrap_or_default();
        let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
        let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref()?.spec.as_ref());
        let containers = template.map(|template| template.containers.as_slice()).unwrap_or_default();
        let is_current =
            rollout.status.as_ref().and_then(|status| status.current_pod_hash.as_ref()) == Some(&hash);
        let wanted = wanted(set);
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            revision: revision(metadata),
            status,
            icon: status.icon(),
            tags: Tag::of(rollout, &hash),
            can_roll_back: !is_current,
            warm: wanted > 0 && available >= rollout.spec.replicas.unwrap_or(1),
            hash,
            wanted,
            replicas: counts.replicas,
            ready: counts.ready_replicas.unwrap_or_default(),
            available,
            images: containers.iter().filter_map(|container| container.image.clone()).collect(),
            scale_down: ScaleDownView::of(metadata, now),
            created,
            age: human::age(created, now),
            pods: pods_of(set, pods, now),
        }
    }
}

/// The revision that an object carries; 0 if it carries none.
#[must_use]
pub fn revision(metadata: &ObjectMeta) -> u64 {
    let annotation = metadata.annotations.as_ref().and_then(|annotations| annotations.get(keys::REVISION));
    annotation.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Whether `metadata` names the object with this UID as an owner.
#[must_use]
pub fn is_owned_by(metadata: &ObjectMeta, uid: Option<&str>) -> bool {
    uid.is_some() && metadata.owner_references.iter().flatten().any(|owner| Some(owner.uid.as_str()) == uid)
}

/// The ReplicaSets that the Rollout owns, newest revision first, then by name.
pub(super) fn of_rollout(
    rollout: &Rollout,
    replica_sets: &[ReplicaSet],
    pods: &[Pod],
    now: Timestamp,
) -> Vec<ReplicaSetView> {
    let uid = rollout.metadata.uid.as_deref();
    let own = replica_sets.iter().filter(|set| is_owned_by(&set.metadata, uid));
    let mut views: Vec<ReplicaSetView> = own.map(|set| ReplicaSetView::of(rollout, set, pods, now)).collect();
    views.sort_by(|one, other| other.revision.cmp(&one.revision).then_with(|| one.name.cmp(&other.name)));
    views
}

fn pods_of(set: &ReplicaSet, pods: &[Pod], now: Timestamp) -> Vec<PodView> {
    let own = pods.iter().filter(|pod| is_owned_by(&pod.metadata, set.metadata.uid.as_deref()));
    let mut views: Vec<PodView> = own.map(|pod| PodView::of(pod, now)).collect();
    views.sort_by(|one, other| one.created.cmp(&other.created).then_with(|| one.name.cmp(&other.name)));
    views
}

fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}
