//! Who owns whom, and what is to become of an object given its owners.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::object::{ObjectKey, uid_of};

/// Dependents are deleted before the object itself.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Dependents are left alone, without the reference.
pub(super) const ORPHAN: &str = "orphan";
/// How many uids of deleted objects are remembered.
const GONE_MAX: usize = 10_000;

/// One object, as far as its ownership goes. `K` says how to reach its kind.
#[derive(Debug, Clone)]
pub(super) struct Node<K> {
    pub(super) kind: K,
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) resource_version: Option<String>,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) finalizers: Vec<String>,
    pub(super) deleting: bool,
}

impl<K> Node<K> {
    pub(super) fn new(kind: K, meta: &ObjectMeta) -> Self {
        Self {
            kind,
            key: ObjectKey::of(meta),
            uid: uid_of(meta).to_owned(),
            resource_version: meta.resource_version.clone(),
            owners: meta.owner_references.clone().unwrap_or_default(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
        }
    }

    pub(super) fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|one| one == finalizer)
    }

    /// Whether it is being deleted and waits for its dependents to go first.
    fn waits_for_dependents(&self) -> bool {
        self.deleting && self.has(FOREGROUND)
    }
}

/// All objects by uid, and which are whose.
#[derive(Debug)]
pub(super) struct Graph<K> {
    nodes: BTreeMap<String, Node<K>>,
    dependents: BTreeMap<String, BTreeSet<String>>,
    gone: BTreeSet<String>,
}

impl<K> Default for Graph<K> {
    fn default() -> Self {
        Self { nodes: BTreeMap::new(), dependents: BTreeMap::new(), gone: BTreeSet::new() }
    }
}

/// What an owner reference points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It exists.
    Solid,
    /// It is being deleted and waits for this object to go first.
    Waiting,
    /// It is gone.
    Absent,
    /// The graph does not know; the API must be asked.
    Unknown,
}

/// What is to become of an object that nobody is deleting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Stay,
    /// It stays, without the references to these uids.
    Release(BTreeSet<String>),
    /// It goes. `foreground` says that its own dependents go first.
    Delete { foreground: bool },
}

impl<K> Graph<K> {
    pub(super) fn get(&self, uid: &str) -> Option<&Node<K>> {
        self.nodes.get(uid)
    }

    /// Takes an object in. Gives the uids to look at because of it.
    pub(super) fn put(&mut self, node: Node<K>) -> Vec<String> {
        let mut look = vec![node.uid.clone()];
        if let Some(before) = self.nodes.get(&node.uid) {
            let before: Vec<String> = before.owners.iter().map(|owner| owner.uid.clone()).collect();
            for owner in before {
                self.unlink(&owner, &node.uid);
                look.push(owner);
            }
        }
        for owner in &node.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(node.uid.clone());
        }
        if node.waits_for_dependents() || (node.deleting && node.has(ORPHAN)) {
            look.extend(self.dependents_of(&node.uid).map(|dependent| dependent.uid.clone()));
        }
        self.nodes.insert(node.uid.clone(), node);
        look
    }

    /// Forgets an object. Gives the uids to look at because of it: its dependents, and its owners.
    pub(super) fn remove(&mut self, uid: &str) -> Vec<String> {
        if self.gone.len() >= GONE_MAX {
            self.gone.pop_first();
        }
        self.gone.insert(uid.to_owned());
        let mut look: Vec<String> = self.dependents_of(uid).map(|dependent| dependent.uid.clone()).collect();
        if let Some(node) = self.nodes.remove(uid) {
            for owner in node.owners {
                self.unlink(&owner.uid, uid);
                look.push(owner.uid);
            }
        }
        look
    }

    fn unlink(&mut self, owner: &str, dependent: &str) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(dependent);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }

    pub(super) fn dependents_of(&self, uid: &str) -> impl Iterator<Item = &Node<K>> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.nodes.get(uid))
    }

    /// The uids of one kind's objects.
    pub(super) fn of_kind(&self, is_kind: impl Fn(&K) -> bool) -> Vec<String> {
        self.nodes.values().filter(|node| is_kind(&node.kind)).map(|node| node.uid.clone()).collect()
    }

    /// The objects of one namespace.
    pub(super) fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Node<K>> {
        self.nodes.values().filter(move |node| node.key.namespace == namespace)
    }

    /// Whether dependents still hold up the owner's deletion.
    pub(super) fn is_held_up(&self, owner: &str) -> bool {
        self.dependents_of(owner).any(|dependent| {
            let mut owners = dependent.owners.iter();
            owners.any(|one| one.uid == owner && one.block_owner_deletion == Some(true))
        })
    }

    /// What one of a node's owner references points to. An owner in another namespace does not count.
    pub(super) fn owner(&self, node: &Node<K>, owner: &OwnerReference) -> Owner {
        match self.nodes.get(&owner.uid) {
            Some(found) if !found.key.namespace.is_empty() && found.key.namespace != node.key.namespace => {
                Owner::Absent
            }
            Some(found) if found.waits_for_dependents() => Owner::Waiting,
            Some(_) => Owner::Solid,
            None if self.gone.contains(&owner.uid) => Owner::Absent,
            None => Owner::Unknown,
        }
    }

    /// Judges a node by what its owner references point to; an unknown one counts as solid, to be safe.
    pub(super) fn judge(&self, node: &Node<K>, owners: &[(String, Owner)]) -> Verdict {
        if owners.is_empty() || node.deleting {
            return Verdict::Stay;
        }
        let of = |wanted: Owner| owners.iter().filter(move |(_, owner)| *owner == wanted);
        let stays = of(Owner::Solid).chain(of(Owner::Unknown)).next().is_some();
        let lost: BTreeSet<String> =
            of(Owner::Absent).chain(of(Owner::Waiting)).map(|(uid, _)| uid.clone()).collect();
        if stays {
            return if lost.is_empty() { Verdict::Stay } else { Verdict::Release(lost) };
        }
        // Under an owner that waits, an object with dependents of its own waits for them likewise.
        let owner_waits = of(Owner::Waiting).next().is_some();
        let foreground = owner_waits && self.dependents_of(&node.uid).next().is_some();
        Verdict::Delete { foreground: foreground || node.has(FOREGROUND) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
    fn node(uid: &str, meta: Value) -> Node<()> {
        let mut whole = json!({"namespace": "here", "name": uid, "uid": uid});
        for (field, value) in meta.as_object().unwrap() {
            whole[field] = value.clone();
        }
        Node::new((), &serde_json::from_value(whole).unwrap())
    }

    fn owned_by(owners: &[&str]) -> Value {
        let owners: Vec<Value> = owners
            .iter()
            .map(|uid| json!({"apiVersion": "v1", "kind": "X", "name": uid, "uid": uid, "blockOwnerDeletion": true}))
            .collect();
        json!({"ownerReferences": owners})
    }

    fn judged(graph: &Graph<()>, uid: &str) -> Verdict {
        let node = graph.get(uid).unwrap();
        let owners: Vec<(String, Owner)> =
            node.owners.iter().map(|owner| (owner.uid.clone(), graph.owner(node, owner))).collect();
        graph.judge(node, &owners)
    }

    #[test]
    fn an_object_goes_when_its_last_owner_has_gone() {
        let mut graph = Graph::default();
        graph.put(node("a", json!({})));
        graph.put(node("b", json!({})));
        graph.put(node("child", owned_by(&["a", "b"])));
        assert_eq!(judged(&graph, "child"), Verdict::Stay);
        assert_eq!(graph.remove("a"), ["child"]);
        assert_eq!(judged(&graph, "child"), Verdict::Release(["a".to_owned()].into()));
        graph.remove("b");
        assert_eq!(judged(&graph, "child"), Verdict::Delete { foreground: false });
    }

    #[test]
    fn an_owner_never_seen_is_not_taken_for_gone() {
        let mut graph = Graph::default();
        graph.put(node("child", owned_by(&["unseen"])));
        assert_eq!(judged(&graph, "child"), Verdict::Stay);
    }

    #[test]
    fn an_owner_in_another_namespace_does_not_count() {
        let mut graph = Graph::default();
        graph.put(node("owner", json!({"namespace": "elsewhere"})));
        graph.put(node("child", owned_by(&["owner"])));
        assert_eq!(judged(&graph, "child"), Verdict::Delete { foreground: false });
    }

    #[test]
    fn foreground_deletion_goes_from_the_leaves_up() {
        let mut graph = Graph::default();
        graph.put(node("owner", json!({})));
        graph.put(node("middle", owned_by(&["owner"])));
        graph.put(node("leaf", owned_by(&["middle"])));
        let going = json!({"finalizers": [FOREGROUND], "deletionTimestamp": "2026-11-21T08:00:00Z"});
        assert_eq!(graph.put(node("owner", going.clone())), ["owner", "middle"]);
        assert_eq!(judged(&graph, "middle"), Verdict::Delete { foreground: true });
        assert!(graph.is_held_up("owner"));
        let mut middle = owned_by(&["owner"]);
        middle.as_object_mut().unwrap().append(&mut going.as_object().unwrap().clone());
        graph.put(node("middle", middle));
        assert_eq!(judged(&graph, "leaf"), Verdict::Delete { foreground: false });
        assert_eq!(graph.remove("leaf"), ["middle"]);
        assert!(!graph.is_held_up("middle"));
        graph.remove("middle");
        assert!(!graph.is_held_up("owner"));
    }
}
