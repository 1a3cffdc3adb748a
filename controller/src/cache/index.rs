//! From one thing to the many that belong to it.

use std::collections::BTreeSet;

use crate::key::Key;

/// Which objects belong to what.
///
/// One set of pairs, where a set for each thing would do: most things have one or two objects, and a node of a tree has
/// room for eleven, used or not.
pub(super) struct Index<I> {
    pairs: BTreeSet<(I, Key)>,
}

impl<I> Default for Index<I> {
    fn default() -> Self {
        Self { pairs: BTreeSet::new() }
    }
}

impl<I: Clone + Ord> Index<I> {
    /// An object belongs to this from now on.
    pub fn link(&mut self, to: I, key: &Key) {
        // All pairs of one thing hold the same name of it.
        let held = self.from(to.clone()).next().map(|(held, _)| held).filter(|held| **held == to).cloned();
        self.pairs.insert((held.unwrap_or(to), key.clone()));
    }

    /// It does not any more.
    pub fn unlink(&mut self, from: I, key: &Key) {
        self.pairs.remove(&(from, key.clone()));
    }

    /// The objects that belong to this, in order.
    pub fn of<'a>(&'a self, one: &I) -> impl Iterator<Item = &'a Key> + use<'a, I> {
        let one = one.clone();
        self.from(one.clone()).take_while(move |(found, _)| *found == one).map(|(_, key)| key)
    }

    /// All pairs from the first of this on.
    pub fn from(&self, first: I) -> impl Iterator<Item = &(I, Key)> + use<'_, I> {
        self.pairs.range((first, Key::new("", ""))..)
    }

    /// Nothing belongs to anything.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_its_own_objects_in_order_until_they_are_unlinked() {
        let mut index = Index::default();
        let keys = ["b", "a", "c"].map(|name| Key::new("default", name));
        for key in &keys {
            index.link(2, key);
        }
        index.link(1, &keys[0]);
        index.link(3, &keys[0]);
        let names =
            |index: &Index<i32>, of| index.of(&of).map(|key| key.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&index, 2), ["a", "b", "c"]);
        index.unlink(2, &keys[1]);
        index.unlink(2, &keys[1]);
        assert_eq!(names(&index, 2), ["b", "c"]);
        assert_eq!(index.from(2).count(), 3);
        assert!(names(&index, 4).is_empty());
        index.clear();
        assert!(names(&index, 1).is_empty());
    }
}
