//! DELETE of one object and of a collection: at once, gracefully, or when the last finalizer has gone.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Call, Store, commit::Author, custom, namespaces, update::mark_deleting};
use crate::{
    answer::{Answer, Shown, deleted_status},
    metadata::{self, FOREGROUND, ORPHAN},
    options::{DeleteOptions, Propagation},
    resource::Resource,
    status::{ApiError, GroupResource},
    stored::Stored,
    write_log::Verb,
};

/// Kinds whose deletion answers with the object instead of a `Status`, as (group, plural).
const ANSWERED_WITH_OBJECT: &[(&str, &str)] = &[
    ("", "namespaces"),
    ("", "persistentvolumeclaims"),
    ("", "persistentvolumes"),
    ("", "pods"),
    ("", "podtemplates"),
    ("", "resourcequotas"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("storage.k8s.io", "storageclasses"),
];

/// What a delete has led to.
pub(super) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Shown),
    /// It stays for now, marked.
    Marked(Shown),
    /// It was marked before, and nothing has changed.
    AlreadyMarked(Arc<Stored>),
}

impl Store {
    pub(super) fn delete(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let options = DeleteOptions::parse(call.request)?;
        let author = Author::of(call, Verb::Delete, "");
        let shown = self.delete_object(call, &options, &author)?;
        Ok(Answer::object(200, &shown, &call.resource, call.form, call.now))
    }

    pub(super) fn delete_collection(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let options = DeleteOptions::parse(call.request)?;
        let selection = self.selection(call)?;
        let author = Author::of(call, Verb::DeleteCollection, "");
        let resource = Arc::clone(&call.resource);
        let doomed: Vec<Arc<Stored>> = self
            .collection(&resource)
            .map(|collection| collection.iter(&selection.namespace, "").cloned().collect())
            .unwrap_or_default();
        let mut items = Vec::new();
        for object in doomed.iter().filter(|object| selection.contains(object)) {
            call.target.name = object.name.to_string();
            self.delete_object(call, &options, &author)?;
            let mut item = object.value(&resource);
            if let Some(fields) = item.as_object_mut().filter(|_| !resource.custom) {
                // Items of built-in lists do not say what they are: the list does.
                fields.retain(|key, _| key != "apiVersion" && key != "kind");
            }
            items.push(item);
        }
        call.target.name.clear();
        let mut list = json!({
            "kind": resource.list_kind,
            "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.version.to_string()},
            "items": items,
        });
        if resource.custom {
            list["metadata"]["continue"] = json!("");
        }
        Ok(Answer::json(200, &list))
    }

    /// Deletes the object that the call names; gives what to answer.
    pub(super) fn delete_object(
        &mut self,
        call: &mut Call<'_>,
        options: &DeleteOptions,
        author: &Author,
    ) -> Result<Shown, ApiError> {
        let resource = Arc::clone(&call.resource);
        let Some(kept) = self.kept(&resource, &call.target.namespace, &call.target.name) else {
            return Err(ApiError::not_found(resource.group_resource(), &call.target.name));
        };
        self.admit_deletion(&resource, &call.target.name)?;
        let old = kept.value(&resource);
        check_preconditions(&resource, &call.target.name, options, &old)?;
        let deleted = self.delete_kept(call, &resource, options, author, &kept, &old);
        let with_object = ANSWERED_WITH_OBJECT.contains(&(resource.group.as_str(), resource.plural.as_str()));
        let status = || {
            Shown::Plain(deleted_status(&resource, metadata::text(&old, "name"), metadata::text(&old, "uid")))
        };
        Ok(match deleted {
            Deleted::Marked(shown) => shown,
            Deleted::Gone(shown) if with_object => shown,
            Deleted::AlreadyMarked(kept) if with_object => Shown::Kept(kept),
            Deleted::Gone(_) | Deleted::AlreadyMarked(_) => status(),
        })
    }

    pub(super) fn delete_kept(
        &mut self,
        call: &Call<'_>,
        resource: &Arc<Resource>,
        options: &DeleteOptions,
        author: &Author,
        kept: &Arc<Stored>,
        old: &Value,
    ) -> Deleted {
        let mut object = old.clone();
        let graceful = if resource.strategy.graceful_delete {
            begin_graceful(&mut object, options, call.now)
        } else {
            Graceful::No
        };
        if graceful == Graceful::Pending {
            if !options.dry_run {
                self.record_unchanged(call, author, resource, kept);
            }
            return Deleted::AlreadyMarked(Arc::clone(kept));
        }
        set_propagation(&mut object, options.propagation, resource.strategy.has_dependents);
        if custom::is_definition(resource) && !options.dry_run {
            self.delete_instances(call, author, &mut object);
        }
        if namespaces::is_namespace(resource) {
            return self.delete_namespace(call, resource, options, author, kept, object);
        }
        let waits = !metadata::finalizers(&object).is_empty();
        if graceful == Graceful::No && waits {
            mark_at_once(&mut object, call.now);
        }
        let stays = waits || matches!(graceful, Graceful::Begun { grace_secs } if grace_secs > 0);
        if options.dry_run {
            let shown = Shown::Made(object);
            return if stays { Deleted::Marked(shown) } else { Deleted::Gone(shown) };
        }
        if stays {
            if object == *old {
                self.record_unchanged(call, author, resource, kept);
                return Deleted::Marked(Shown::Kept(Arc::clone(kept)));
            }
            return Deleted::Marked(Shown::Kept(self.commit(
                call,
                author,
                resource,
                object,
                Some(Arc::clone(kept)),
            )));
        }
        if matches!(graceful, Graceful::Begun { .. }) {
            // A grace of no seconds is noted before it is over.
            let marked = self.note_marked(resource, &mut object, kept);
            return Deleted::Gone(Shown::Kept(self.commit_deletion(call, author, resource, &marked, object)));
        }
        Deleted::Gone(Shown::Kept(self.commit_deletion(call, author, resource, kept, object)))
    }
}

impl Store {
    /// A namespace is marked first, and goes when nothing holds it back any more.
    fn delete_namespace(
        &mut self,
        call: &Call<'_>,
        resource: &Arc<Resource>,
        options: &DeleteOptions,
        author: &Author,
        kept: &Arc<Stored>,
        mut object: Value,
    ) -> Deleted {
        if metadata::is_deleting(&object) {
            self.release_namespace(call, author, &kept.name);
            return Deleted::AlreadyMarked(Arc::clone(kept));
        }
        mark_deleting(&mut object, call.now, 0);
        metadata::map_mut(&mut object).remove("deletionGracePeriodSeconds");
        namespaces::terminate(&mut object);
        if options.dry_run {
            return Deleted::Marked(Shown::Made(object));
        }
        let marked = self.commit(call, author, resource, object, Some(Arc::clone(kept)));
        self.release_namespace(call, author, &kept.name);
        Deleted::Marked(Shown::Kept(marked))
    }
}

/// How far a graceful deletion has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Graceful {
    /// There is none: the object goes at once.
    No,
    /// It has begun, or was shortened, with this many seconds to go.
    Begun { grace_secs: i64 },
    /// It had begun before and is not shortened.
    Pending,
}

/// Begins (or shortens) the graceful deletion of a pod.
fn begin_graceful(object: &mut Value, options: &DeleteOptions, now: Timestamp) -> Graceful {
    if metadata::is_deleting(object) {
        return shorten(object, options, now);
    }
    let grace_secs = grace_of(object, options);
    mark_deleting(
        object,
        now.saturating_add(SignedDuration::from_secs(grace_secs)).unwrap_or(now),
        grace_secs,
    );
    bump_generation(object);
    Graceful::Begun { grace_secs }
}

/// The seconds that a pod gets: what the request says, else its own period; none if it never ran or has
/// ended.
fn grace_of(object: &Value, options: &DeleteOptions) -> i64 {
    let scheduled = object["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    let ended = matches!(object["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
    if !scheduled || ended {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64();
    let secs = options.grace_period_secs.or(own).unwrap_or_default();
    if secs < 0 { 1 } else { secs }
}

fn shorten(object: &mut Value, options: &DeleteOptions, now: Timestamp) -> Graceful {
    let current = metadata::number(object, "deletionGracePeriodSeconds");
    if current == 0 {
        return Graceful::No;
    }
    let Some(wanted) = options.grace_period_secs.filter(|wanted| *wanted < current) else {
        return Graceful::Pending;
    };
    let end: Timestamp = metadata::text(object, "deletionTimestamp").parse().unwrap_or(now);
    let moved = end.saturating_sub(SignedDuration::from_secs(current - wanted)).unwrap_or(now);
    // Never into the past; what is left of a period that has run out is the shortest there is.
    let (at, grace_secs) = if moved < now { (now, wanted.min(1)) } else { (moved, wanted) };
    mark_deleting(object, at, grace_secs);
    Graceful::Begun { grace_secs }
}

fn bump_generation(object: &mut Value) {
    let generation = metadata::number(object, "generation");
    if generation > 0 {
        metadata::map_mut(object).insert("generation".to_owned(), json!(generation + 1));
    }
}

/// Marks an object whose kind knows no grace, because finalizers keep it.
pub(super) fn mark_at_once(object: &mut Value, now: Timestamp) {
    if metadata::is_deleting(object) {
        metadata::map_mut(object).insert("deletionGracePeriodSeconds".to_owned(), json!(0));
    } else {
        bump_generation(object);
        mark_deleting(object, now, 0);
    }
}

/// Sets the finalizers by which the garbage collector knows what is to become of dependents.
fn set_propagation(object: &mut Value, propagation: Option<Propagation>, has_dependents: bool) {
    let found = metadata::finalizers(object);
    let wanted = match propagation {
        _ if !has_dependents => None,
        Some(Propagation::Orphan) => Some(ORPHAN),
        Some(Propagation::Foreground) => Some(FOREGROUND),
        Some(Propagation::Background) => None,
        // Nobody said: a finalizer that is there keeps its meaning.
        None => [ORPHAN, FOREGROUND].into_iter().find(|finalizer| found.contains(finalizer)),
    };
    let mut finalizers: Vec<&str> =
        found.iter().copied().filter(|finalizer| *finalizer != ORPHAN && *finalizer != FOREGROUND).collect();
    finalizers.extend(wanted);
    let finalizers = json!(finalizers);
    let fields = metadata::map_mut(object);
    if finalizers == json!([]) {
        fields.remove("finalizers");
    } else {
        fields.insert("finalizers".to_owned(), finalizers);
    }
}

fn check_preconditions(
    resource: &Resource,
    name: &str,
    options: &DeleteOptions,
    old: &Value,
) -> Result<(), ApiError> {
    // Here the real server names the kind where elsewhere it names the resource.
    let of = GroupResource { group: &resource.group, resource: &resource.kind };
    let (uid, version) = (metadata::text(old, "uid"), metadata::text(old, "resourceVersion"));
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(ApiError::conflict(of, name, &why));
    }
    if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(ApiError::conflict(of, name, &why));
    }
    Ok(())
}
