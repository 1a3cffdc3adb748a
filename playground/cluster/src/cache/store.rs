//! What a cache holds, and which news about an object still counts.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use kube::Resource;

use crate::object::{ObjectKey, uid_of};

/// How many uids of deleted objects are remembered.
const GONE_MAX: usize = 4096;

/// One object became another; `None` where there was, or is, no object.
#[derive(Debug)]
pub struct Change<K> {
    /// The object as it was held.
    pub before: Option<Arc<K>>,
    /// The object as it is held now.
    pub after: Option<Arc<K>>,
}

/// The objects of one kind. Fed by a watch and by the answers to our own writes, which come in any order.
#[derive(Debug)]
pub(crate) struct Store<K> {
    objects: BTreeMap<ObjectKey, Arc<K>>,
    /// Uids of deleted objects: late news about them must not bring them back.
    gone: BTreeSet<String>,
    gone_order: VecDeque<String>,
    /// While the kind is listed anew: what was listed, or written by us meanwhile.
    listed: Option<BTreeSet<ObjectKey>>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), gone: BTreeSet::new(), gone_order: VecDeque::new(), listed: None }
    }
}

impl<K: Resource> Store<K> {
    pub(crate) fn objects(&self) -> &BTreeMap<ObjectKey, Arc<K>> {
        &self.objects
    }

    /// Takes in an object as it was at some moment. No change if a newer one is held already, or if it is gone.
    pub(crate) fn apply(&mut self, object: K) -> Option<Change<K>> {
        let key = ObjectKey::of(object.meta());
        if self.gone.contains(uid_of(object.meta())) {
            return None;
        }
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        let held = self.objects.get(&key);
        if held.is_some_and(|held| version(held.as_ref()) >= version(&object)) {
            return None;
        }
        let after = Arc::new(object);
        let before = self.objects.insert(key, after.clone());
        Some(Change { before, after: Some(after) })
    }

    /// The object with this uid is no more.
    pub(crate) fn remove(&mut self, key: &ObjectKey, uid: &str) -> Option<Change<K>> {
        if self.gone.insert(uid.to_owned()) {
            self.gone_order.push_back(uid.to_owned());
            if self.gone_order.len() > GONE_MAX
                && let Some(oldest) = self.gone_order.pop_front()
            {
                self.gone.remove(&oldest);
            }
        }
        if self.objects.get(key).is_some_and(|held| uid_of(held.meta()) == uid) {
            let before = self.objects.remove(key);
            return Some(Change { before, after: None });
        }
        None
    }

    /// The kind is about to be listed anew.
    pub(crate) fn begin_list(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// The list is complete: what it did not name is gone.
    pub(crate) fn end_list(&mut self) -> Vec<Change<K>> {
        let listed = self.listed.take().unwrap_or_default();
        let missing: Vec<ObjectKey> =
            self.objects.keys().filter(|key| !listed.contains(key)).cloned().collect();
        // Not remembered as gone: the list may be older than what was held, and its watch tells of them again.
        missing.into_iter().map(|key| Change { before: self.objects.remove(&key), after: None }).collect()
    }
}

/// Resource versions are numbers that grow; one that is not a number is taken for old.
fn version<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn config(name: &str, uid: &str, version: u64) -> ConfigMap {
        serde_json::from_value(json!({
            "metadata": {"namespace": "here", "name": name, "uid": uid, "resourceVersion": version.to_string()}
        }))
        .unwrap()
    }

    fn held(store: &Store<ConfigMap>) -> Vec<String> {
        store
            .objects()
            .values()
            .map(|object| {
                format!(
                    "{}@{}",
                    uid_of(&object.metadata),
                    object.metadata.resource_version.as_deref().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn older_news_changes_nothing() {
        let mut store = Store::default();
        assert!(store.apply(config("a", "a1", 10)).is_some());
        assert!(store.apply(config("a", "a1", 9)).is_none());
        assert!(store.apply(config("a", "a1", 10)).is_none());
        assert_eq!(held(&store), ["a1@10"]);
    }

    #[test]
    fn a_late_answer_does_not_bring_back_what_was_deleted() {
        let mut store = Store::default();
        store.apply(config("a", "a1", 10));
        assert!(store.remove(&ObjectKey::new("here", "a"), "a1").is_some());
        assert!(store.apply(config("a", "a1", 11)).is_none());
        assert!(store.apply(config("a", "a2", 12)).is_some());
        assert!(store.remove(&ObjectKey::new("here", "a"), "a1").is_none());
        assert_eq!(held(&store), ["a2@12"]);
    }

    #[test]
    fn a_new_list_drops_what_it_does_not_name_but_keeps_what_was_written_meanwhile() {
        let mut store = Store::default();
        store.apply(config("a", "a1", 1));
        store.apply(config("b", "b1", 2));
        store.begin_list();
        store.apply(config("c", "c1", 5));
        store.apply(config("a", "a1", 1));
        assert_eq!(store.end_list().len(), 1);
        assert_eq!(held(&store), ["a1@1", "c1@5"]);
    }
}
