//! A watch: which events a client sees, in which words, without any waiting of its own.

use std::{collections::VecDeque, fmt::Write as _, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    collection::{Collection, Event, EventKind},
    negotiation::Shape,
    resource::Resource,
    selector::{FieldSelector, LabelSelector},
    shape,
    status::ApiError,
    stored::Stored,
};

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The namespace; empty for all.
    pub namespace: String,
    /// Conditions on labels.
    pub labels: LabelSelector,
    /// Conditions on fields.
    pub fields: FieldSelector,
}

impl Selection {
    /// Whether it contains this object.
    pub fn contains(&self, object: &Stored) -> bool {
        (self.namespace.is_empty() || self.namespace == *object.namespace) && self.picks(object)
    }

    /// The same, of an object that is known to be in the namespace.
    pub fn picks(&self, object: &Stored) -> bool {
        self.labels.matches(|key| object.label(key))
            && self.fields.matches(&object.namespace, &object.name, object.fields())
    }
}

/// One watch. [`Watch::read`] gives what is new since it was last called.
#[derive(Debug)]
pub struct Watch {
    /// What is watched.
    pub resource: Arc<Resource>,
    selection: Selection,
    shape: Shape,
    /// Objects that are sent before any event.
    initial: VecDeque<Arc<Stored>>,
    /// A bookmark that says "this was the beginning" is owed once `initial` is sent.
    owes_initial_end: bool,
    bookmarks: bool,
    /// Events up to this version have been sent or passed over.
    position: u64,
    /// The version that the last bookmark told.
    told: u64,
    failed: Option<ApiError>,
    /// A table has said which columns it has.
    columns_told: bool,
}

/// What a watch has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// These bytes, each event on a line of its own; there may be more at once.
    Lines(Vec<u8>),
    /// Nothing for now: wait for a change.
    Nothing,
    /// Nothing any more.
    End,
}

/// The most bytes that one reading gives, so that a long backlog is not held in memory twice.
const READING_BYTES_MAX: usize = 64 << 10;

impl Watch {
    /// A watch of what comes after `position`, after telling `initial` (the state at `position`).
    pub fn new(resource: Arc<Resource>, selection: Selection, shape: Shape, position: u64) -> Self {
        Self {
            resource,
            selection,
            shape,
            initial: VecDeque::new(),
            owes_initial_end: false,
            bookmarks: false,
            position,
            told: position,
            failed: None,
            columns_told: false,
        }
    }

    /// The same watch, with bookmarks.
    #[must_use]
    pub fn with_bookmarks(mut self, wanted: bool) -> Self {
        self.bookmarks = wanted;
        self
    }

    /// The same watch, first telling of every object as it is now; `marked` asks for a bookmark that says
    /// where they end.
    #[must_use]
    pub fn with_initial(mut self, objects: VecDeque<Arc<Stored>>, marked: bool) -> Self {
        self.initial = objects;
        self.owes_initial_end = marked;
        self
    }

    /// A watch that only tells of this error.
    #[must_use]
    pub fn failing(mut self, error: ApiError) -> Self {
        self.failed = Some(error);
        self
    }

    /// What is new. `now_version` is the newest version of the whole store; ages in tables are as of `now`.
    pub fn read(&mut self, collection: &Collection, now_version: u64, now: Timestamp) -> Reading {
        if let Some(error) = self.failed.take() {
            self.position = u64::MAX;
            return Reading::Lines(error_line(&error));
        }
        if self.position == u64::MAX {
            return Reading::End;
        }
        let mut lines = Vec::new();
        while let Some(object) = self.initial.pop_front() {
            self.line("ADDED", &object, object.version, now, &mut lines);
            if lines.len() > READING_BYTES_MAX {
                return Reading::Lines(lines);
            }
        }
        if std::mem::take(&mut self.owes_initial_end) {
            self.bookmark(self.position, true, &mut lines);
        }
        let Some(events) = collection.since(self.position) else {
            self.failed = Some(ApiError::expired(format!(
                "too old resource version: {} ({})",
                self.position,
                collection.watchable_from()
            )));
            return if lines.is_empty() {
                self.read(collection, now_version, now)
            } else {
                Reading::Lines(lines)
            };
        };
        for event in events {
            self.position = event.version;
            if let Some((kind, object)) = self.seen(event) {
                self.line(kind, object, event.version, now, &mut lines);
                if lines.len() > READING_BYTES_MAX {
                    return Reading::Lines(lines);
                }
            }
        }
        self.position = if collection.is_retired() { u64::MAX } else { self.position.max(now_version) };
        match (lines.is_empty(), collection.is_retired()) {
            (false, _) => Reading::Lines(lines),
            (true, false) => Reading::Nothing,
            (true, true) => Reading::End,
        }
    }

    /// A bookmark with the newest version that this watch has passed, if it asked for bookmarks and has not been told that
    /// version.
    pub fn news_line(&mut self) -> Option<Vec<u8>> {
        if self.told < self.position { self.bookmark_line() } else { None }
    }

    /// The same, told already or not: by it a client knows that its connection lives.
    pub fn bookmark_line(&mut self) -> Option<Vec<u8>> {
        if !self.bookmarks || self.position == u64::MAX {
            return None;
        }
        let mut lines = Vec::new();
        self.bookmark(self.position, false, &mut lines);
        Some(lines)
    }

    /// What an event looks like through the selection: an object that enters it was added, one that leaves
    /// it was deleted (and is told as it was before).
    fn seen<'a>(&self, event: &'a Event) -> Option<(&'static str, &'a Arc<Stored>)> {
        let before = event.before.as_ref().filter(|before| self.selection.contains(before));
        let after = (event.kind != EventKind::Deleted && self.selection.contains(&event.object))
            .then_some(&event.object);
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(("ADDED", object)),
            (Some(_), Some(object)) => Some(("MODIFIED", object)),
            (Some(_), None) if event.kind == EventKind::Deleted => Some(("DELETED", &event.object)),
            (Some(before), None) => Some(("DELETED", before)),
        }
    }

    fn line(&mut self, kind: &str, object: &Arc<Stored>, version: u64, now: Timestamp, out: &mut Vec<u8>) {
        self.told = self.told.max(version);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        // An object that left the selection is told as it was, but with the version of its leaving.
        let as_kept = self.shape == Shape::Whole && object.version == version;
        if as_kept {
            object.write_to(&self.resource, out);
        } else {
            let mut value = object.value(&self.resource);
            value["metadata"]["resourceVersion"] = json!(version.to_string());
            // Only the first table of a watch says its columns: clients print a heading when they see them.
            let with_columns = !std::mem::replace(&mut self.columns_told, true);
            let shown = shape::shown(value, self.shape, &self.resource, with_columns, now);
            // Writing a value to memory cannot fail: its keys are strings and its numbers finite.
            let _ = serde_json::to_writer(&mut *out, &shown);
        }
        out.extend_from_slice(b"}\n");
    }

    fn bookmark(&mut self, version: u64, initial_end: bool, out: &mut Vec<u8>) {
        self.told = version;
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let mut object = json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata});
        match self.shape {
            Shape::Whole | Shape::Table(_) => {}
            Shape::Metadata | Shape::MetadataList => object = shape::metadata_only(&object),
        }
        let _ = serde_json::to_writer(&mut *out, &json!({"type": "BOOKMARK", "object": object}));
        out.push(b'\n');
    }
}

fn error_line(error: &ApiError) -> Vec<u8> {
    let event: Value = json!({"type": "ERROR", "object": error.body()});
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(line, "{event}");
    line.into_bytes()
}
