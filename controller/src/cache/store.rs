//! One kind's objects, kept in step with its watch.

use std::collections::{BTreeMap, BTreeSet};

use kube::Resource;

use super::Shown;
use crate::{
    items::key_of,
    key::{Key, Version},
};

/// Objects of one kind by key.
pub struct Store<V> {
    entries: BTreeMap<Key, Entry<V>>,
    /// While a list is being read: what it has shown so far.
    listing: Option<BTreeSet<Key>>,
    listed: bool,
}

struct Entry<V> {
    version: Version,
    value: V,
}

/// What changed, and what was there before.
pub type Changes<V> = Vec<(Key, Option<V>)>;

impl<V> Default for Store<V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), listing: None, listed: false }
    }
}

impl<V> Store<V> {
    /// Whether a list was read to its end once.
    pub fn listed(&self) -> bool {
        self.listed
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The version in which it is held.
    pub fn version(&self, key: &Key) -> Option<&Version> {
        self.entries.get(key).map(|entry| &entry.version)
    }

    /// The objects of one namespace.
    pub fn within(&self, namespace: &str) -> impl Iterator<Item = (&Key, &V)> {
        let from = Key::new(namespace, "");
        let within = self.entries.range(from..).take_while(move |(key, _)| key.namespace() == namespace);
        within.map(|(key, entry)| (key, &entry.value))
    }

    /// Takes in what the watch has shown, each object through `keep`.
    pub fn shown<T: Resource>(&mut self, shown: Shown<T>, keep: impl Fn(T) -> V) -> Changes<V> {
        match shown {
            Shown::There(item) => {
                let (key, version) = (self.shared(key_of(item.meta())), Version::of(&item));
                // A live read may have shown a newer version than the watch has come to.
                if self.version(&key).is_some_and(|held| !version.is_at_least(held)) {
                    return Vec::new();
                }
                if let Some(listing) = &mut self.listing {
                    listing.insert(key.clone());
                }
                self.put(key, version, keep(item))
            }
            Shown::Gone(item) => self.removed(key_of(item.meta())),
            Shown::Absent(key) => self.removed(key),
            Shown::ListBegins => {
                self.listing = Some(BTreeSet::new());
                Vec::new()
            }
            Shown::Listed(item) => {
                let (key, version) = (self.shared(key_of(item.meta())), Version::of(&item));
                self.listing.get_or_insert_default().insert(key.clone());
                self.put(key, version, keep(item))
            }
            Shown::ListEnds => {
                let listing = self.listing.take().unwrap_or_default();
                self.listed = true;
                let gone: Vec<_> =
                    self.entries.keys().filter(|key| !listing.contains(*key)).cloned().collect();
                gone.into_iter().flat_map(|key| self.removed(key)).collect()
            }
        }
    }

    /// Puts another value in the place of one that is there.
    pub fn replace(&mut self, key: &Key, version: Version, value: V) {
        if let Some(old) = self.entries.get_mut(key) {
            *old = Entry { version, value };
        }
    }

    fn put(&mut self, key: Key, version: Version, value: V) -> Changes<V> {
        let old = self.entries.insert(key.clone(), Entry { version, value });
        vec![(key, old.map(|old| old.value))]
    }

    /// The same key as it is held already, so that all who hold it hold the same.
    fn shared(&self, key: Key) -> Key {
        self.entries.get_key_value(&key).map_or(key, |(held, _)| held.clone())
    }

    fn removed(&mut self, key: Key) -> Changes<V> {
        self.entries.remove(&key).map(|old| (key, Some(old.value))).into_iter().collect()
    }
}
