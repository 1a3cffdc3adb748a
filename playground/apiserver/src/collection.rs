//! All objects of one resource, and what happened to them lately.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use tokio::sync::Notify;

use crate::stored::Stored;

/// How much of the past is kept for watches that resume and lists that continue.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most events kept for one resource.
    pub events_max: usize,
    /// The most bytes of objects kept by the events of one resource.
    pub event_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events_max: 10_000, event_bytes_max: 4 << 20 }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It was deleted.
    Deleted,
}

/// One accepted change of one object.
#[derive(Clone, Debug)]
pub struct Event {
    /// The resourceVersion that the change made.
    pub version: u64,
    /// What happened.
    pub kind: EventKind,
    /// The object after the change; of a deletion, its last state with the deletion's version.
    pub object: Arc<Stored>,
    /// The object before the change.
    pub before: Option<Arc<Stored>>,
}

/// All objects of one resource, in the order in which lists show them, with the events that led there.
#[derive(Debug, Default)]
pub struct Collection {
    objects: BTreeMap<String, Arc<Stored>>,
    events: VecDeque<Event>,
    event_bytes: usize,
    /// Events up to this version are forgotten.
    forgotten: u64,
    /// Watches begin at this version or later, as those of a real server begin where it first listed the objects.
    watched_from: u64,
    /// Nothing of this kind is served any more: watches end once they have told everything.
    retired: bool,
    /// Tells watches that there is something new.
    pub changed: Arc<Notify>,
}

/// The place of an object in the order of lists: namespace, slash, name.
pub fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

impl Collection {
    /// A collection of what is served from this version on.
    pub fn served_from(version: u64) -> Self {
        Self { watched_from: version, ..Self::default() }
    }

    /// Nothing will happen to it any more.
    pub fn retire(&mut self) {
        self.retired = true;
        self.changed.notify_waiters();
    }

    /// Whether nothing will happen to it any more.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// Whether a watch has not ended yet.
    pub fn is_watched(&self) -> bool {
        Arc::strong_count(&self.changed) > 1
    }

    /// The object of this name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.objects.get(&key(namespace, name))
    }

    /// Objects of a namespace (of all, if it is empty), in order, from behind the key `after` on.
    pub fn iter(&self, namespace: &str, after: &str) -> impl Iterator<Item = &Arc<Stored>> + use<'_> {
        range(&self.objects, namespace, after)
    }

    /// All objects, in order.
    pub fn objects(&self) -> &BTreeMap<String, Arc<Stored>> {
        &self.objects
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The objects as they were at `version`, or `None` if that is forgotten.
    pub fn at(&self, version: u64) -> Option<BTreeMap<String, Arc<Stored>>> {
        if version < self.forgotten {
            return None;
        }
        let mut objects = self.objects.clone();
        for event in self.events.iter().rev().take_while(|event| event.version > version) {
            let place = key(&event.object.namespace, &event.object.name);
            match &event.before {
                Some(before) => objects.insert(place, Arc::clone(before)),
                None => objects.remove(&place),
            };
        }
        Some(objects)
    }

    /// Puts a change into effect and tells watches.
    pub fn commit(&mut self, event: Event, limits: Limits) {
        let place = key(&event.object.namespace, &event.object.name);
        match event.kind {
            EventKind::Added | EventKind::Modified => {
                self.objects.insert(place, Arc::clone(&event.object));
            }
            EventKind::Deleted => {
                self.objects.remove(&place);
            }
        }
        self.event_bytes += weight(&event);
        self.events.push_back(event);
        while self.events.len() > limits.events_max || self.event_bytes > limits.event_bytes_max {
            // At least the newest stays, however large it is: a live watch must see it.
            if self.events.len() < 2 {
                break;
            }
            self.forget_oldest();
        }
        self.changed.notify_waiters();
    }

    /// The events after `version`, oldest first, or `None` if watches cannot begin there.
    pub fn since(&self, version: u64) -> Option<impl Iterator<Item = &Event>> {
        if version < self.watchable_from() {
            return None;
        }
        let start = self.events.partition_point(|event| event.version <= version);
        Some(self.events.range(start..))
    }

    /// The version at which a watch may begin at the earliest.
    pub fn watchable_from(&self) -> u64 {
        self.forgotten.max(self.watched_from)
    }

    /// Forgets all events up to and with `version`, as a compaction does.
    pub fn forget_until(&mut self, version: u64) {
        while self.events.front().is_some_and(|event| event.version <= version) {
            self.forget_oldest();
        }
        self.forgotten = self.forgotten.max(version);
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.event_bytes = self.event_bytes.saturating_sub(weight(&event));
            self.forgotten = event.version;
        }
    }
}

/// Objects of a namespace (of all, if it is empty) in order, from behind the key `after` on.
pub fn range<'a>(
    objects: &'a BTreeMap<String, Arc<Stored>>,
    namespace: &str,
    after: &str,
) -> impl Iterator<Item = &'a Arc<Stored>> + use<'a> {
    let bound = |end: char| if namespace.is_empty() { String::new() } else { format!("{namespace}{end}") };
    let first = bound('/');
    let start =
        if after > first.as_str() { Bound::Excluded(after.to_owned()) } else { Bound::Included(first) };
    // `0` is the character that comes after the slash.
    let end = if namespace.is_empty() { Bound::Unbounded } else { Bound::Excluded(bound('0')) };
    // A key behind the end of the namespace is followed by nothing; asking for such a range would be a panic.
    let backwards = matches!((&start, &end), (Bound::Excluded(start), Bound::Excluded(end)) if start >= end);
    let found = (!backwards).then(|| objects.range((start, end)));
    found.into_iter().flatten().map(|(_, object)| object)
}

/// The bytes that an event alone keeps alive: mostly the version that it replaced.
fn weight(event: &Event) -> usize {
    const EVENT_BYTES: usize = 256;
    EVENT_BYTES
        + event.before.as_ref().map_or(0, |before| before.size_bytes())
        + if event.kind == EventKind::Deleted { event.object.size_bytes() } else { 0 }
}
