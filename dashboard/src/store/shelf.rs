//! One kind of objects, in order, with a way from an owner to what it owns.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Namespace and name.
pub(crate) type Key = (String, String);

/// Objects of one kind.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    items: BTreeMap<Key, Kept<T>>,
    by_uid: BTreeMap<String, Key>,
    by_owner: BTreeMap<String, BTreeSet<Key>>,
    /// What a listing in progress has brought so far; what it does not bring is gone.
    listed: Option<BTreeSet<Key>>,
    complete: bool,
}

/// One object with what the shelf must know of it.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    pub(crate) value: Arc<T>,
    pub(crate) uid: String,
    /// UID of the controller (or of the object that an Event is about).
    pub(crate) owner: Option<String>,
    pub(crate) resource_version: String,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            listed: None,
            complete: false,
        }
    }
}

impl<T> Shelf<T> {
    /// Whether a whole listing has arrived.
    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Kept<T>> {
        self.items.get(key)
    }

    /// All objects in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Kept<T>)> {
        self.items.iter()
    }

    /// The object with this UID.
    pub(crate) fn by_uid(&self, uid: &str) -> Option<(&Key, &Kept<T>)> {
        self.items.get_key_value(self.by_uid.get(uid)?)
    }

    /// What this owner owns, in the order of the keys.
    pub(crate) fn owned_by(&self, owner: &str) -> impl Iterator<Item = (&Key, &Kept<T>)> {
        let keys = self.by_owner.get(owner).into_iter().flatten();
        keys.filter_map(|key| self.items.get_key_value(key))
    }

    /// A listing begins.
    pub(crate) fn begin_listing(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// A listing is over: returns what it did not bring, which is therefore gone.
    pub(crate) fn end_listing(&mut self) -> Vec<(Key, Kept<T>)> {
        self.complete = true;
        let Some(listed) = self.listed.take() else { return Vec::new() };
        let gone: Vec<Key> = self.items.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        gone.into_iter().filter_map(|key| self.remove(&key).map(|kept| (key, kept))).collect()
    }

    /// Puts an object on the shelf. Returns false if this very version was there already.
    pub(crate) fn put(&mut self, key: &Key, kept: Kept<T>) -> bool {
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        let old = self.items.get(key);
        if old.is_some_and(|old| old.resource_version == kept.resource_version) {
            return false;
        }
        if old.is_none_or(|old| old.owner != kept.owner || old.uid != kept.uid) {
            self.remove(key);
            self.by_uid.insert(kept.uid.clone(), key.clone());
            if let Some(owner) = &kept.owner {
                self.by_owner.entry(owner.clone()).or_default().insert(key.clone());
            }
        }
        self.items.insert(key.clone(), kept);
        true
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Kept<T>> {
        let kept = self.items.remove(key)?;
        self.by_uid.remove(&kept.uid);
        if let Some(owner) = &kept.owner
            && let Some(keys) = self.by_owner.get_mut(owner)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(owner);
            }
        }
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("ns".to_owned(), name.to_owned())
    }

    fn kept(owner: &str, version: &str) -> Kept<u8> {
        Kept {
            value: Arc::new(0),
            uid: format!("uid-{owner}"),
            owner: Some(owner.to_owned()),
            resource_version: version.to_owned(),
        }
    }

    #[test]
    fn a_listing_takes_away_what_it_does_not_bring() {
        let mut shelf = Shelf::default();
        shelf.put(&key("a"), kept("x", "1"));
        shelf.put(&key("b"), kept("x", "2"));
        shelf.begin_listing();
        assert!(!shelf.put(&key("b"), kept("x", "2")), "the same version is no change");
        let gone: Vec<Key> = shelf.end_listing().into_iter().map(|(key, _)| key).collect();
        assert_eq!(gone, [key("a")]);
        assert!(shelf.complete());
        assert_eq!(shelf.owned_by("x").count(), 1);
    }

    #[test]
    fn an_object_that_changes_its_owner_is_found_at_the_new_one_only() {
        let mut shelf = Shelf::default();
        shelf.put(&key("a"), kept("x", "1"));
        assert!(shelf.put(&key("a"), kept("y", "2")));
        assert_eq!(shelf.owned_by("x").count(), 0);
        assert_eq!(shelf.owned_by("y").count(), 1);
        assert!(shelf.by_uid("uid-x").is_none() && shelf.by_uid("uid-y").is_some());
        shelf.remove(&key("a"));
        assert!(shelf.by_owner.is_empty() && shelf.by_uid.is_empty());
    }
}
