//! Rollouts whose selectors match each other's pods, found without comparing each with each.
//!
//! A selector is filed under one of its requirements by which labels can be looked up, and a pod template under each of
//! its labels. Of several requirements the one counts under which the fewest others are found, so a label that all
//! Rollouts of a team share does not bring them all together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use verdigris_core::selector;
use verdigris_crds::Selector;

use super::{index::Index, selects};
use crate::key::Key;

/// What a Rollout says of its pods.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Claims {
    /// Which it takes for its own, as JSON.
    selector: Option<Box<str>>,
    /// Labels of the pods that it makes, `label=value` a line.
    labels: Box<str>,
}

/// A namespace, and instead of a name `label=value`; nothing: any labels.
type Place = Key;

/// What is claimed by all Rollouts.
#[derive(Default)]
pub(super) struct Overlaps {
    filed: BTreeMap<Key, Arc<Claims>>,
    selectors: Index<Place>,
    templates: Index<Place>,
}

impl Claims {
    pub fn new(selector: Option<&Selector>, labels: &BTreeMap<String, String>) -> Self {
        let selector = selector.and_then(|selector| serde_json::to_string(selector).ok()).map(Box::from);
        Self { selector, labels: lines_of(labels).into() }
    }

    /// Which pods it takes for its own.
    pub fn selector(&self) -> Option<Selector> {
        serde_json::from_str(self.selector.as_deref()?).ok()
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let pairs = self.labels.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
    }

    fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector().is_some_and(|selector| selects(&selector, labels))
    }
}

impl Overlaps {
    /// Files what a Rollout claims, in place of what it did; answers whose overlaps are others than before.
    pub fn file(&mut self, key: &Key, claims: Option<Arc<Claims>>) -> BTreeSet<Key> {
        if self.filed.get(key) == claims.as_ref() {
            return BTreeSet::new();
        }
        let mut concerned = BTreeSet::new();
        if let Some(old) = self.filed.remove(key) {
            concerned.extend(self.with(key, old.selector().as_ref(), &old.labels()));
            self.unfile(key, &old);
        }
        let Some(new) = claims else { return concerned };
        let selector = new.selector();
        concerned.extend(self.with(key, selector.as_ref(), &new.labels()));
        let namespace = key.namespace();
        let by = selector.and_then(|selector| fewest(&selector, namespace, &self.selectors));
        for place in by.into_iter().flatten() {
            self.selectors.link(place, key);
        }
        for place in places_of(namespace, &new.labels) {
            self.templates.link(place, key);
        }
        self.filed.insert(key.clone(), new);
        concerned
    }

    /// Others whose selector matches these labels, or whose labels this selector matches.
    pub fn with(
        &self,
        key: &Key,
        selector: Option<&Selector>,
        labels: &BTreeMap<String, String>,
    ) -> BTreeSet<Key> {
        let namespace = key.namespace();
        let lines = lines_of(labels);
        let selecting = found(&self.selectors, places_of(namespace, &lines));
        let selecting = selecting.filter(|it| self.filed.get(*it).is_some_and(|it| it.selects(labels)));
        let by = selector.and_then(|selector| fewest(selector, namespace, &self.templates));
        let selected = found(&self.templates, by.into_iter().flatten());
        let is_selected = |it: &Claims| selector.is_some_and(|selector| selects(selector, &it.labels()));
        let selected = selected.filter(|it| self.filed.get(*it).is_some_and(|it| is_selected(it)));
        selecting.chain(selected).filter(|other| *other != key).cloned().collect()
    }

    /// How many selectors are found under a label.
    #[cfg(test)]
    pub fn filed_under(&self, namespace: &str, label: &str) -> usize {
        self.selectors.of(&Place::new(namespace, label)).count()
    }

    fn unfile(&mut self, key: &Key, old: &Claims) {
        for place in old.selector().iter().flat_map(|it| requirements(it, key.namespace())).flatten() {
            self.selectors.unlink(place, key);
        }
        for place in places_of(key.namespace(), &old.labels) {
            self.templates.unlink(place, key);
        }
    }
}

fn lines_of(labels: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = labels.iter().map(|(label, value)| term(label, value)).collect();
    lines.join("\n")
}

fn term(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

/// Under which labels are found, and what asks for no value of any.
fn places_of(namespace: &str, labels: &str) -> impl Iterator<Item = Place> {
    labels.lines().chain([""]).map(|line| Place::new(namespace, line))
}

fn found(index: &Index<Place>, places: impl Iterator<Item = Place>) -> impl Iterator<Item = &Key> {
    places.flat_map(|place| index.of(&place))
}

/// For each requirement that asks for values: where labels are found that hold it. The last asks for nothing.
fn requirements(selector: &Selector, namespace: &str) -> Vec<Vec<Place>> {
    let place = |term: String| Place::new(namespace, &term);
    let pairs = selector.match_labels.iter().flatten().map(|(label, value)| vec![place(term(label, value))]);
    let listed = selector.match_expressions.iter().flatten().filter(|it| it.operator == "In");
    let listed =
        listed.map(|it| it.values.iter().flatten().map(|value| place(term(&it.key, value))).collect());
    pairs.chain(listed).chain([vec![place(String::new())]]).collect()
}

/// The requirement under which the fewest are found in this index; `None` for a selector that asks for nothing at all.
fn fewest(selector: &Selector, namespace: &str, index: &Index<Place>) -> Option<Vec<Place>> {
    if selector::is_empty(selector) {
        return None;
    }
    let mut requirements = requirements(selector, namespace);
    let anything = requirements.pop();
    let count = |places: &Vec<Place>| places.iter().map(|place| index.of(place).count()).sum::<usize>();
    requirements.into_iter().min_by_key(count).or(anything)
}
