//! One kind's objects, kept in step with its watch.

use std::collections::{BTreeMap, BTreeSet};

use super::Shown;
use crate::key::{Key, at_least};

/// Has a version.
pub trait Versioned {
    /// `metadata.resourceVersion`.
    fn resource_version(&self) -> &str;
}

/// Objects of one kind by key.
pub struct Store<V> {
    entries: BTreeMap<Key, V>,
    /// While a list is being read: what it has shown so far.
    listing: Option<BTreeSet<Key>>,
    listed: bool,
}

/// What changed, and what was there before.
pub type Changes<V> = Vec<(Key, Option<V>)>;

impl<V> Default for Store<V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), listing: None, listed: false }
    }
}

impl<V: Versioned> Store<V> {
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
        self.entries.get(key)
    }

    /// The objects of one namespace.
    pub fn within(&self, namespace: &str) -> impl Iterator<Item = (&Key, &V)> {
        let from = Key::new(namespace, "");
        self.entries.range(from..).take_while(move |(key, _)| key.namespace == namespace)
    }

    /// Takes in what the watch has shown, each object through `keep`.
    pub fn shown<T>(
        &mut self,
        shown: Shown<T>,
        key_of: impl Fn(&T) -> Key,
        keep: impl Fn(T) -> V,
    ) -> Changes<V> {
        match shown {
            Shown::There(item) => {
                let (key, value) = (key_of(&item), keep(item));
                // A live read may have shown a newer version than the watch has come to.
                let old = self.entries.get(&key);
                if old.is_some_and(|old| !at_least(value.resource_version(), old.resource_version())) {
                    return Vec::new();
                }
                if let Some(listing) = &mut self.listing {
                    listing.insert(key.clone());
                }
                let old = self.entries.insert(key.clone(), value);
                vec![(key, old)]
            }
            Shown::Gone(item) => self.removed(key_of(&item)),
            Shown::Absent(key) => self.removed(key),
            Shown::ListBegins => {
                self.listing = Some(BTreeSet::new());
                Vec::new()
            }
            Shown::Listed(item) => {
                let (key, value) = (key_of(&item), keep(item));
                self.listing.get_or_insert_default().insert(key.clone());
                let old = self.entries.insert(key.clone(), value);
                vec![(key, old)]
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
    pub fn replace(&mut self, key: &Key, value: V) {
        if let Some(old) = self.entries.get_mut(key) {
            *old = value;
        }
    }

    fn removed(&mut self, key: Key) -> Changes<V> {
        self.entries.remove(&key).map(|old| (key, Some(old))).into_iter().collect()
    }
}
