//! The object that `spec.workloadRef` names in place of a pod template: read, never written into the Rollout.

use std::borrow::Cow;

use serde_json::Value;
use verdigris_crds::{RolloutSpec, RolloutStatus, Selector, keys};

use crate::observed::Observed;
use crate::validate::FieldError;

/// What is known of the workload that a Rollout references.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// It is there.
    There(Box<WorkloadSeen>),
    /// There is no such object.
    Missing,
    /// It cannot be read, and why: we may not, or the server does not know the kind.
    Unreadable(String),
}

/// What a decision needs of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `spec.replicas`; `None` for a PodTemplate, which has none.
    pub replicas: Option<i32>,
    /// `spec.selector`; `None` for a PodTemplate.
    pub selector: Option<Selector>,
    /// The pod template, raw.
    pub template: Value,
}

/// The kinds that can be referenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `apps` Deployment.
    Deployment,
    /// `apps` ReplicaSet.
    ReplicaSet,
    /// `v1` PodTemplate.
    PodTemplate,
}

/// Which object is referenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name; it is in the Rollout's namespace.
    pub name: &'a str,
}

/// When the pods of the referenced Deployment go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScaleDown {
    Never,
    /// All at once, when the Rollout's own version serves.
    OnSuccess,
    /// As the Rollout's own pods come to serve.
    Progressively,
}

/// The field of the status that says which generation of the workload was acted on.
const OBSERVED_GENERATION: &str = "workloadObservedGeneration";

/// Why a Rollout that references a workload cannot be decided on.
pub(crate) enum Unresolved {
    /// It was not read.
    Ask,
    Invalid(FieldError),
}

impl WorkloadKind {
    /// Plural and group, as the API server names them in its messages.
    #[must_use]
    pub fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments.apps",
            Self::ReplicaSet => "replicasets.apps",
            Self::PodTemplate => "podtemplates",
        }
    }
}

impl<'a> Reference<'a> {
    /// The reference in a spec: `None` if there is none, or none to a kind that can be referenced.
    #[must_use]
    pub fn of(spec: &'a RolloutSpec) -> Option<Self> {
        Self::parse(spec.workload_ref.as_ref()?).ok()
    }

    /// Reads `spec.workloadRef`, which may be any JSON.
    ///
    /// # Errors
    /// Group and kind, where that cannot be referenced.
    pub fn parse(reference: &'a Value) -> Result<Self, (String, String)> {
        let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        let kind = match (group, text("kind")) {
            ("apps", "Deployment") => WorkloadKind::Deployment,
            ("apps", "ReplicaSet") => WorkloadKind::ReplicaSet,
            ("", "PodTemplate") => WorkloadKind::PodTemplate,
            (group, kind) => return Err((group.to_owned(), kind.to_owned())),
        };
        Ok(Self { kind, name: text("name") })
    }
}

impl Observed {
    /// The selector that counts: the Rollout's own, else that of the workload it references.
    #[must_use]
    pub fn selector(&self) -> Option<&Selector> {
        let referenced = || match (&self.rollout.spec.workload_ref, &self.workload) {
            (Some(_), Some(Workload::There(seen))) => seen.selector.as_ref(),
            _ => None,
        };
        self.rollout.spec.selector.as_ref().or_else(referenced)
    }

    /// The pod template that counts: the Rollout's own, or that of the workload it references.
    #[must_use]
    pub fn template(&self) -> Option<&Value> {
        match (&self.rollout.spec.workload_ref, &self.workload) {
            (Some(_), Some(Workload::There(seen))) => Some(&seen.template),
            (Some(_), _) => None,
            (None, _) => self.rollout.spec.template.as_ref(),
        }
    }

    /// The Deployment that the Rollout references, where it was found.
    pub(crate) fn deployment(&self) -> Option<&WorkloadSeen> {
        let reference = Reference::of(&self.rollout.spec)?;
        match &self.workload {
            Some(Workload::There(seen)) if reference.kind == WorkloadKind::Deployment => Some(seen),
            _ => None,
        }
    }
}

/// The same world with template, selector and generation of the workload in the Rollout, where it references one.
pub(crate) fn resolve(observed: &Observed) -> Result<Cow<'_, Observed>, Unresolved> {
    let Some(reference) = &observed.rollout.spec.workload_ref else { return Ok(Cow::Borrowed(observed)) };
    if !is_empty(observed.rollout.spec.template.as_ref()) {
        let detail = "template must be empty for workload reference rollout; take out spec.template, or \
                      spec.workloadRef";
        return Err(invalid(reference, detail.to_owned()));
    }
    let Reference { kind, name } = Reference::parse(reference).map_err(|(group, kind)| {
        let detail = format!(
            "workload of type {group}/{kind} is not supported; write apiVersion apps/v1 with kind Deployment or \
             ReplicaSet, or v1 with PodTemplate"
        );
        invalid(reference, detail)
    })?;
    if name.is_empty() {
        return Err(invalid(reference, "name is missing; write the workload's name".to_owned()));
    }
    let resource = kind.resource();
    match &observed.workload {
        None => Err(Unresolved::Ask),
        Some(Workload::Missing) => {
            let detail =
                format!("{resource} \"{name}\" not found; create it, or write the name of one that exists");
            Err(invalid(reference, detail))
        }
        Some(Workload::Unreadable(why)) => {
            let detail = format!("{resource} cannot be read: {why}; allow get, list and watch of {resource}");
            Err(invalid(reference, detail))
        }
        Some(Workload::There(seen)) => {
            let mut resolved = observed.clone();
            let spec = &mut resolved.rollout.spec;
            spec.template = Some(seen.template.clone());
            spec.selector = spec.selector.take().or_else(|| seen.selector.clone());
            let annotations = resolved.rollout.metadata.annotations.get_or_insert_default();
            annotations.insert(keys::WORKLOAD_GENERATION.to_owned(), seen.generation.to_string());
            Ok(Cow::Owned(resolved))
        }
    }
}

fn invalid(reference: &Value, detail: String) -> Unresolved {
    let name = reference.get("name").and_then(Value::as_str).unwrap_or_default();
    Unresolved::Invalid(FieldError::invalid("spec.workloadRef", Value::from(name), detail))
}

/// As the peer has it: what has neither labels nor annotations is no template. One with containers is.
fn is_empty(template: Option<&Value>) -> bool {
    let is_absent = |path: &str| {
        let found = template.and_then(|template| template.pointer(path));
        found.is_none_or(|found| {
            found.is_null()
                || found.as_object().is_some_and(serde_json::Map::is_empty)
                || found.as_array().is_some_and(Vec::is_empty)
        })
    };
    ["/metadata/labels", "/metadata/annotations", "/spec/containers"].into_iter().all(is_absent)
}

/// The generation that the Rollout's annotation is to say, where it does not yet.
pub(crate) fn generation_due(observed: &Observed) -> Option<String> {
    let (Some(_), Some(Workload::There(seen))) = (&observed.rollout.spec.workload_ref, &observed.workload)
    else {
        return None;
    };
    let generation = seen.generation.to_string();
    let annotations = observed.rollout.metadata.annotations.as_ref();
    let noted = annotations.and_then(|annotations| annotations.get(keys::WORKLOAD_GENERATION));
    (noted != Some(&generation)).then_some(generation)
}

/// Whether the status speaks of the workload as it is now; true where none is referenced.
pub(crate) fn is_observed(observed: &Observed, status: &RolloutStatus) -> bool {
    let noted = status.other.get(OBSERVED_GENERATION).and_then(Value::as_str).unwrap_or_default();
    match (&observed.rollout.spec.workload_ref, &observed.workload) {
        (Some(_), Some(Workload::There(seen))) => noted == seen.generation.to_string(),
        (Some(_), _) => false,
        (None, _) => noted.is_empty(),
    }
}

/// Notes in the status which generation of the workload was acted on.
pub(crate) fn note(observed: &Observed, status: &mut RolloutStatus) {
    match (&observed.rollout.spec.workload_ref, &observed.workload) {
        (Some(_), Some(Workload::There(seen))) => {
            status.other.insert(OBSERVED_GENERATION.to_owned(), seen.generation.to_string().into());
        }
        _ => _ = status.other.remove(OBSERVED_GENERATION),
    }
}

/// What `spec.workloadRef.scaleDown` says. Anything else than the two words that scale down does not.
pub(crate) fn scale_down(spec: &RolloutSpec) -> ScaleDown {
    let reference = spec.workload_ref.as_ref();
    match reference.and_then(|reference| reference.get("scaleDown")).and_then(Value::as_str) {
        Some("onsuccess") => ScaleDown::OnSuccess,
        Some("progressively") => ScaleDown::Progressively,
        Some(_) | None => ScaleDown::Never,
    }
}
