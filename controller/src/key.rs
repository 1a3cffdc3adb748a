//! Names of things: which object, and which version of it.

use std::{fmt, sync::Arc};

use kube::Resource;
use verdigris_core::workload::WorkloadKind;

/// Namespace and name, in one piece of memory that its clones share: indexes, queues and metrics hold some twenty of them for
/// each Rollout. They are in the order of namespaces, and within one of names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// Between namespace and name. It is in neither and less than all that is, so that `a` comes before `a-b`.
const BETWEEN: char = '\0';

/// A `metadata.resourceVersion`. They are decimal numbers that grow (promised for all kinds since Kubernetes 1.35, true long
/// before).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// As servers hand them out.
    Number(u64),
    /// Should one hand out anything else.
    Text(Box<str>),
}

/// The kinds that the controller watches and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `argoproj.io/v1alpha1` Rollout.
    Rollout,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
    /// What `spec.workloadRef` can name.
    Workload(WorkloadKind),
    /// `argoproj.io/v1alpha1` AnalysisRun.
    AnalysisRun,
    /// `argoproj.io/v1alpha1` AnalysisTemplate.
    AnalysisTemplate,
    /// `argoproj.io/v1alpha1` ClusterAnalysisTemplate.
    ClusterAnalysisTemplate,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub key: Key,
}

impl Key {
    /// A key from its parts.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}{BETWEEN}{name}").into())
    }

    /// `metadata.namespace`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.names().0
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names().1
    }

    /// Namespace and name.
    #[must_use]
    pub fn names(&self) -> (&str, &str) {
        self.0.split_once(BETWEEN).unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, name) = self.names();
        write!(f, "{namespace}/{name}")
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.key)
    }
}

impl Version {
    /// The one that an object is in.
    #[must_use]
    pub fn of(object: &impl Resource) -> Self {
        object.meta().resource_version.as_deref().unwrap_or_default().into()
    }

    /// Whether this is at least as new as another version of the same object. Of two that are no numbers only equality is
    /// trusted.
    #[must_use]
    pub fn is_at_least(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(own), Self::Number(other)) => own >= other,
            (own, other) => own == other,
        }
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.into()), Self::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_they_were_made_of_and_are_in_the_order_of_namespaces() {
        let names = [("", "a"), ("a", ""), ("a", "a-b"), ("a", "a.b"), ("a", "z"), ("a-b", "a"), ("a.b", "")];
        let keys = names.map(|(namespace, name)| Key::new(namespace, name));
        assert_eq!(keys.each_ref().map(Key::names), names);
        assert!(keys.is_sorted());
        assert_eq!(Key::new("a", "b").to_string(), "a/b");
        // A spec can name what no object can be called.
        assert_eq!(Key::new("a", "b\0c").names(), ("a", "b\0c"));
    }

    #[test]
    fn versions_are_compared_as_numbers_and_else_for_equality() {
        let is_at_least = |own: &str, other: &str| Version::from(own).is_at_least(&other.into());
        assert!(is_at_least("10", "9"));
        assert!(is_at_least("10", "10"));
        assert!(!is_at_least("9", "10"));
        assert!(is_at_least("x", "x"));
        assert!(!is_at_least("y", "x"));
        assert!(!is_at_least("", "9"));
    }
}
