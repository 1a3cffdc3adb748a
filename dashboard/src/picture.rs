//! The picture: which Service sends traffic to which ReplicaSet and pods. Drawn twice, for wide and for narrow screens;
//! the style sheet shows one of them.

mod layout;
mod narrow;
mod wide;

use askama::Template;
use jiff::Timestamp;
use verdigris_core::view::{PodView, ReplicaSetView, Role, RolloutView, ServiceView, Tag};
use verdigris_crds::Rollout;

use crate::pages::words::{icon_class, pod_look, pods, short_image, sign};
use layout::Drawing;

/// ReplicaSets that are drawn; the others are listed below the picture anyway.
const SETS_MAX: usize = 5;
/// Pods drawn of one ReplicaSet; a number stands for the rest.
const PODS_MAX: usize = 17;
/// The peer's default of `scaleDownDelaySeconds`.
const SCALE_DOWN_DELAY_SECS: i32 = 30;

/// The picture and its caption.
#[derive(Template)]
#[template(path = "picture.html")]
pub(crate) struct Picture {
    drawings: [Drawing; 2],
    /// The same in words.
    sentences: Vec<String>,
    /// Older revisions without pods, which are not drawn.
    asleep: usize,
    empty: bool,
}

/// What is to be drawn, before anything has a place.
pub(super) struct Subject {
    pub(super) services: Vec<ServiceNode>,
    pub(super) sets: Vec<SetNode>,
    pub(super) flows: Vec<Flow>,
}

/// A Service.
pub(super) struct ServiceNode {
    pub(super) name: String,
    pub(super) role: &'static str,
    /// What it is for, in a few words.
    pub(super) purpose: &'static str,
    pub(super) class: &'static str,
    pub(super) found: bool,
    pub(super) ports: String,
}

/// A ReplicaSet.
pub(super) struct SetNode {
    pub(super) name: String,
    pub(super) revision: u64,
    pub(super) hash: String,
    pub(super) tags: Vec<&'static str>,
    pub(super) image: String,
    pub(super) image_short: String,
    pub(super) status: String,
    pub(super) class: &'static str,
    pub(super) pods: Vec<PodNode>,
    pub(super) pods_more: usize,
    pub(super) leaving: Option<Leaving>,
}

/// A ReplicaSet that is scaled down at a moment.
pub(super) struct Leaving {
    pub(super) at: Timestamp,
    /// The whole delay.
    pub(super) delay_secs: i64,
    /// What of it is left.
    pub(super) left_secs: i64,
}

/// A pod.
pub(super) struct PodNode {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) title: String,
}

/// Traffic from a Service to a ReplicaSet, by their places in the lists.
pub(super) struct Flow {
    pub(super) service: usize,
    pub(super) set: usize,
    /// `active` or `preview`, and `dry` where no ready pod takes it.
    pub(super) class: &'static str,
    pub(super) dry: bool,
    pub(super) title: String,
}

impl Picture {
    pub(crate) fn new(view: &RolloutView, rollout: &Rollout, now: Timestamp) -> Self {
        let sets = drawn(view);
        let asleep = view.replica_sets().filter(|set| set.wanted == 0 && set.pods.is_empty()).count();
        let shown_asleep = sets.iter().filter(|set| set.wanted == 0 && set.pods.is_empty()).count();
        let flows: Vec<Flow> = flows(view, &sets);
        let subject = Subject {
            services: view.services.iter().map(ServiceNode::new).collect(),
            sets: sets.iter().map(|set| SetNode::new(set, rollout, now)).collect(),
            flows,
        };
        Self {
            drawings: [wide::draw(&subject), narrow::draw(&subject)],
            sentences: sentences(view, &subject),
            asleep: asleep.saturating_sub(shown_asleep),
            empty: subject.sets.is_empty() && subject.services.is_empty(),
        }
    }
}

/// ReplicaSets worth drawing: those with pods or a role. What takes production traffic comes first.
fn drawn(view: &RolloutView) -> Vec<&ReplicaSetView> {
    let current = view.current.as_ref().map(|current| current.hash.as_str());
    let has_traffic = |set: &ReplicaSetView, role: Role| {
        view.services
            .iter()
            .any(|service| service.role == role && service.replica_set.as_ref() == Some(&set.name))
    };
    let wanted = |set: &&ReplicaSetView| {
        set.wanted > 0 || !set.pods.is_empty() || !set.tags.is_empty() || Some(set.hash.as_str()) == current
    };
    let mut sets: Vec<&ReplicaSetView> = view.replica_sets().filter(wanted).collect();
    sets.sort_by_key(|set| {
        let active = has_traffic(set, Role::Active) || has_traffic(set, Role::Stable);
        let preview = has_traffic(set, Role::Preview) || has_traffic(set, Role::Canary);
        (!active, !preview, std::cmp::Reverse(set.revision))
    });
    sets.truncate(SETS_MAX);
    sets
}

/// A Service sends to the ReplicaSet of its hash; one whose selector has no hash, to all whose pods it matches.
fn flows(view: &RolloutView, sets: &[&ReplicaSetView]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for (service_index, service) in view.services.iter().enumerate() {
        for (set_index, set) in sets.iter().enumerate() {
            let matched = service.pods.iter().filter(|pod| pod.replica_set.as_ref() == Some(&set.name));
            let ready = matched.clone().filter(|pod| pod.ready).count();
            if service.replica_set.as_ref() != Some(&set.name)
                && (service.hash.is_some() || matched.count() == 0)
            {
                continue;
            }
            let class = role_class(service.role);
            let title = format!("{} sends to {}, {} ready", service.name, set.name, pods(ready));
            flows.push(Flow { service: service_index, set: set_index, class, dry: ready == 0, title });
        }
    }
    flows
}

fn role_class(role: Role) -> &'static str {
    match role {
        Role::Active | Role::Stable => "active",
        Role::Preview | Role::Canary => "preview",
    }
}

impl ServiceNode {
    fn new(service: &ServiceView) -> Self {
        Self {
            name: service.name.clone(),
            role: service.role.as_str(),
            purpose: match service.role {
                Role::Active | Role::Stable => "production traffic",
                Role::Preview | Role::Canary => "the newest version",
            },
            class: role_class(service.role),
            found: service.found,
            ports: service.ports.join(", "),
        }
    }
}

impl SetNode {
    fn new(set: &ReplicaSetView, rollout: &Rollout, now: Timestamp) -> Self {
        let image = set.images.first().cloned().unwrap_or_default();
        let leaving =
            set.scale_down.as_ref().filter(|down| !down.passed && set.wanted > 0).map(|down| Leaving {
                at: down.at,
                delay_secs: delay_secs(rollout, set),
                left_secs: down.at.duration_since(now).as_secs(),
            });
        Self {
            name: set.name.clone(),
            revision: set.revision,
            hash: set.hash.clone(),
            tags: set.tags.iter().map(|tag| tag.as_str()).collect(),
            image_short: short_image(&image),
            image: set.images.join(", "),
            status: if set.wanted == 0 && set.pods.is_empty() {
                "scaled down".to_owned()
            } else {
                format!("{} of {} ready", set.ready, set.wanted)
            },
            class: icon_class(set.icon),
            pods: set.pods.iter().take(PODS_MAX).map(PodNode::new).collect(),
            pods_more: set.pods.len().saturating_sub(PODS_MAX),
            leaving,
        }
    }
}

/// How long a version that lost its traffic stays: after an abort another field counts.
fn delay_secs(rollout: &Rollout, set: &ReplicaSetView) -> i64 {
    let strategy = rollout.spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
    let aborted = rollout.status.as_ref().is_some_and(|status| status.abort == Some(true));
    let field = strategy.and_then(|blue_green| {
        let is_aborted_one = aborted && !set.has(Tag::Stable);
        if is_aborted_one {
            blue_green.abort_scale_down_delay_seconds
        } else {
            blue_green.scale_down_delay_seconds
        }
    });
    i64::from(field.unwrap_or(SCALE_DOWN_DELAY_SECS)).max(1)
}

impl PodNode {
    fn new(pod: &PodView) -> Self {
        let (class, icon) = pod_look(pod);
        Self { class, sign: sign(icon), title: format!("{}: {}, {}", pod.name, pod.status, pod.info()) }
    }
}

/// The picture in words, for those who cannot see it and those who want to be sure.
fn sentences(view: &RolloutView, subject: &Subject) -> Vec<String> {
    let mut sentences = Vec::new();
    for (index, service) in view.services.iter().enumerate() {
        let to: Vec<String> = subject
            .flows
            .iter()
            .filter(|flow| flow.service == index)
            .map(|flow| {
                let set = &subject.sets[flow.set];
                format!("revision {} ({})", set.revision, set.status)
            })
            .collect();
        let role = service.role.as_str();
        sentences.push(match (service.found, to.is_empty()) {
            (false, _) => format!("There is no Service {} ({role}).", service.name),
            (true, true) => format!("The {role} Service {} sends traffic to no version.", service.name),
            (true, false) => {
                format!("The {role} Service {} sends traffic to {}.", service.name, to.join(" and "))
            }
        });
    }
    let leaving = subject.sets.iter().filter(|set| set.leaving.is_some());
    sentences.extend(leaving.map(|set| format!("Revision {} is about to be scaled down.", set.revision)));
    sentences
}
