//! The one place where objects change.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Call, Store, custom};
use crate::{
    collection::{Event, EventKind},
    fields, metadata,
    resource::Resource,
    stored::Stored,
    write_log::{Verb, Write},
};

/// Who writes, and how: what the record of writes says of it.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub verb: Verb,
    pub manager: String,
    pub user_agent: String,
    pub subresource: String,
}

impl Author {
    pub fn of(call: &Call<'_>, verb: Verb, manager: &str) -> Self {
        let user_agent = call.request.header("user-agent").to_owned();
        Self {
            verb,
            manager: if manager.is_empty() { manager_of(&user_agent) } else { manager.to_owned() },
            user_agent,
            subresource: call.target.subresource.clone(),
        }
    }
}

impl Author {
    /// What the record of field owners needs to know of a write.
    pub fn write<'a>(&'a self, call: &'a Call<'_>) -> fields::Write<'a> {
        fields::Write {
            resource: &call.resource,
            subresource: &self.subresource,
            manager: &self.manager,
            now: call.now,
        }
    }
}

/// The manager that an unnamed writer counts as: its user agent up to the first slash.
fn manager_of(user_agent: &str) -> String {
    const MANAGER_CHARS_MAX: usize = 128;
    let name: String = user_agent
        .split('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(MANAGER_CHARS_MAX)
        .collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

impl Store {
    /// Puts a new or changed object into effect.
    pub(super) fn commit(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        resource: &Resource,
        mut object: Value,
        before: Option<Arc<Stored>>,
    ) -> Arc<Stored> {
        self.version += 1;
        let version = self.version;
        metadata::map_mut(&mut object).insert("resourceVersion".to_owned(), json!(version.to_string()));
        let kept = Arc::new(Stored::new(resource, &object, version));
        let kind = if before.is_some() { EventKind::Modified } else { EventKind::Added };
        self.enter(resource, Event { version, kind, object: Arc::clone(&kept), before: before.clone() });
        if custom::is_definition(resource) {
            self.follow_definition(kind, &object);
        }
        self.record(call, author, resource, before, &kept, true);
        self.settle_after(call, author, resource, &object);
        kept
    }

    /// Tells watches that an object is about to be deleted. Of the deletion's two writes only the second is on record.
    pub(super) fn note_marked(
        &mut self,
        resource: &Resource,
        object: &mut Value,
        before: &Arc<Stored>,
    ) -> Arc<Stored> {
        self.version += 1;
        let version = self.version;
        metadata::map_mut(object).insert("resourceVersion".to_owned(), json!(version.to_string()));
        let marked = Arc::new(Stored::new(resource, object, version));
        let event = Event {
            version,
            kind: EventKind::Modified,
            object: Arc::clone(&marked),
            before: Some(Arc::clone(before)),
        };
        self.enter(resource, event);
        marked
    }

    /// Deletes an object; gives its last state.
    pub(super) fn commit_deletion(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        resource: &Resource,
        before: &Arc<Stored>,
        mut object: Value,
    ) -> Arc<Stored> {
        self.version += 1;
        let version = self.version;
        metadata::map_mut(&mut object).insert("resourceVersion".to_owned(), json!(version.to_string()));
        let last = Arc::new(Stored::new(resource, &object, version));
        // Watches are told of what was stored last: the deletion's own marks never were.
        let mut stored = before.value(resource);
        metadata::map_mut(&mut stored).insert("resourceVersion".to_owned(), json!(version.to_string()));
        let event = Event {
            version,
            kind: EventKind::Deleted,
            object: Arc::new(Stored::new(resource, &stored, version)),
            before: Some(Arc::clone(before)),
        };
        self.enter(resource, event);
        self.record(call, author, resource, Some(Arc::clone(before)), &last, true);
        if custom::is_definition(resource) {
            self.follow_definition(EventKind::Deleted, &object);
        }
        self.settle_after(call, author, resource, &object);
        self.release_definition(call, author, resource);
        last
    }

    /// Notes a write that was accepted but changed nothing.
    pub(super) fn record_unchanged(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        resource: &Resource,
        kept: &Arc<Stored>,
    ) {
        self.record(call, author, resource, Some(Arc::clone(kept)), kept, false);
    }

    fn enter(&mut self, resource: &Resource, event: Event) {
        let limits = self.limits;
        self.collection_mut(resource).commit(event, limits);
    }

    fn record(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        resource: &Resource,
        before: Option<Arc<Stored>>,
        after: &Arc<Stored>,
        changed: bool,
    ) {
        let write = self.writes.push(Write {
            sequence: 0,
            at: call.now,
            verb: author.verb,
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            namespace: after.namespace.to_string(),
            name: after.name.to_string(),
            subresource: author.subresource.clone(),
            manager: author.manager.clone(),
            user_agent: author.user_agent.clone(),
            changed,
            version: after.version,
            before,
            after: Some(Arc::clone(after)),
        });
        for observer in &mut self.observers {
            observer(&write);
        }
    }
}
