//! The store: one synchronous step from a request to its answer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use http::Method;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    answer::Answer,
    collection::{Collection, Limits},
    documents,
    negotiation::{self, Form},
    path::{Path, Target},
    request::Request,
    resource::{Registry, Resource},
    status::ApiError,
    stored::Stored,
    watch::{Reading, Watch},
    write_log::{Write, WriteLog},
};

mod body;
mod classes;
mod commit;
mod create;
mod custom;
mod delete;
mod kubelet;
mod list;
mod namespaces;
mod patch;
mod pods;

mod restore;
mod reviews;
mod scale;
mod services;
mod update;

pub(crate) use namespaces::INITIAL as INITIAL_NAMESPACES;

/// All objects, all that happened to them lately, and the rules.
pub struct Store {
    registry: Registry,
    collections: BTreeMap<(String, String), Collection>,
    version: u64,
    /// Nothing is remembered of what was written up to this version.
    forgotten: u64,
    dice: fastrand::Rng,
    limits: Limits,
    writes: WriteLog,
    observers: Vec<Observer>,
}

/// Called after each accepted write, before anything else happens.
pub type Observer = Box<dyn FnMut(&Write) + Send>;

/// One request that has found its resource.
pub(crate) struct Call<'a> {
    pub request: &'a Request,
    pub resource: Arc<Resource>,
    pub target: Target,
    pub form: Form,
    pub now: Timestamp,
    pub warnings: Vec<String>,
    /// What stood twice in the body, as warnings word it.
    pub twice: Vec<String>,
}

impl Store {
    /// An empty store that serves what `registry` holds. Equal seeds make equal uids and name suffixes.
    pub fn new(registry: Registry, seed: u64, limits: Limits) -> Self {
        Self {
            registry,
            collections: BTreeMap::new(),
            version: 1,
            forgotten: 0,
            dice: fastrand::Rng::with_seed(seed),
            limits,
            writes: WriteLog::default(),
            observers: Vec::new(),
        }
    }

    /// What is served.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The newest resourceVersion.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Answers one request. Nothing else happens: no waiting, no I/O, no other clock than `now`.
    pub fn step(&mut self, request: &Request, now: Timestamp) -> Answer {
        match Path::parse(&request.path) {
            Path::Resource(target) => {
                self.resource_step(request, target, now).unwrap_or_else(|error| Answer::error(&error))
            }
            other => documents::answer(&self.registry, request, &other),
        }
    }

    /// What a watch has to say now.
    pub fn read_watch(&self, watch: &mut Watch, now: Timestamp) -> Reading {
        match self.collection(&watch.resource) {
            Some(collection) => watch.read(collection, self.version, now),
            None => watch.read(&Collection::default(), self.version, now),
        }
    }

    /// What tells of changes to the objects of `resource`. Whoever holds it watches.
    fn changes_of(&mut self, resource: &Resource) -> Arc<Notify> {
        self.free_retired();
        Arc::clone(&self.collection_mut(resource).changed)
    }

    /// Forgets all events so far: watches that ask for more of the past get 410.
    pub fn forget_events(&mut self) {
        let version = self.version;
        self.forgotten = version;
        for collection in self.collections.values_mut() {
            collection.forget_until(version);
        }
    }

    /// The writes after the one numbered `sequence`.
    pub fn writes_since(&self, sequence: u64) -> Vec<Write> {
        self.writes.since(sequence)
    }

    /// How many writes were accepted.
    pub fn write_count(&self) -> u64 {
        self.writes.count()
    }

    /// What tells of accepted writes.
    pub fn written(&self) -> Arc<Notify> {
        Arc::clone(&self.writes.changed)
    }

    /// Has `observer` called after each accepted write.
    pub fn observe(&mut self, observer: Observer) {
        self.observers.push(observer);
    }

    fn collection(&self, resource: &Resource) -> Option<&Collection> {
        self.collections.get(&(resource.kept_group().to_owned(), resource.plural.clone()))
    }

    fn collection_mut(&mut self, resource: &Resource) -> &mut Collection {
        let forgotten = self.forgotten;
        let key = (resource.kept_group().to_owned(), resource.plural.clone());
        self.collections.entry(key).or_insert_with(|| {
            let mut collection = Collection::default();
            collection.forget_until(forgotten);
            collection
        })
    }

    /// Drops what nobody watches any more of kinds that are no longer served.
    fn free_retired(&mut self) {
        self.collections.retain(|_, collection| !collection.is_retired() || collection.is_watched());
    }

    fn kept(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.collection(resource)?.get(namespace, name).cloned()
    }

    fn resource_step(
        &mut self,
        request: &Request,
        target: Target,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        if let Some(answer) = reviews::answer(request, &target, now) {
            return answer;
        }
        let Some(resource) = self.registry.get(&target.group, &target.version, &target.plural).cloned()
        else {
            // Only the server of built-in groups answers with a Status; that of definitions knows no path.
            let of = |r: &Resource| r.group == target.group && !r.custom;
            let known = self.registry.iter().any(|resource| of(resource));
            return if known { Err(ApiError::no_such_path()) } else { Ok(Answer::no_such_path()) };
        };
        if !target.namespace.is_empty() && !resource.namespaced {
            return Err(ApiError::no_such_path());
        }
        if let Some(part) = kubelet::Part::of(&resource, &target) {
            return self.kubelet_step(request, &resource, &target, part);
        }
        let form = negotiation::accepted(request).map_err(|error| match error.code {
            406 if resource.custom => ApiError::custom_not_acceptable(&negotiation::SERVED),
            _ => error,
        })?;
        let warnings = resource.deprecation.clone().into_iter().collect();
        let mut call = Call { request, resource, target, form, now, warnings, twice: Vec::new() };
        let answer = if call.target.name.is_empty() {
            self.collection_step(&mut call)
        } else if call.target.subresource.is_empty() {
            self.object_step(&mut call)
        } else {
            self.part_step(&mut call)
        };
        // Warnings are for the user, whatever comes of the request.
        Ok(answer.unwrap_or_else(|error| Answer::error(&error)).with_warnings(call.warnings))
    }

    fn collection_step(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        match call.request.method {
            Method::GET if call.request.query.flag("watch") == Some(true) => self.watch(call),
            Method::GET => self.list(call),
            Method::POST if call.resource.namespaced && call.target.namespace.is_empty() => {
                Err(ApiError::method_not_allowed())
            }
            Method::POST => self.create_from_body(call),
            Method::DELETE if call.resource.namespaced && call.target.namespace.is_empty() => {
                Err(ApiError::method_not_allowed())
            }
            Method::DELETE if namespaces::is_namespace(&call.resource) => Err(ApiError::method_not_allowed()),
            Method::DELETE => self.delete_collection(call),
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn object_step(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        if call.resource.namespaced && call.target.namespace.is_empty() {
            return Err(ApiError::no_such_path());
        }
        match call.request.method {
            // A path that names an object is never watched, whatever the query says.
            Method::GET => self.get(call),
            Method::PUT => self.update_from_body(call),
            Method::PATCH => self.patch(call),
            Method::DELETE => self.delete(call),
            // The server of custom resources does not look at the name of what is created.
            Method::POST if call.resource.custom => self.create_from_body(call),
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn part_step(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        match call.target.subresource.as_str() {
            "status" if call.resource.status_subresource => self.status_step(call),
            "finalize" if namespaces::is_namespace(&call.resource) => self.finalize(call),
            "scale" => match call.resource.scale.clone() {
                Some(paths) => self.scale(call, &paths),
                None => Err(no_such_part(call)),
            },
            name if call.resource.subresources.iter().any(|part| part.name == name) => {
                match (name, &call.request.method) {
                    ("eviction", &Method::POST) => self.evict(call),
                    ("binding", &Method::POST) => self.bind(call),
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            _ => Err(no_such_part(call)),
        }
    }

    fn status_step(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        match call.request.method {
            Method::GET => self.get(call),
            Method::PUT => self.update_from_body(call),
            Method::PATCH => self.patch(call),
            _ => Err(ApiError::method_not_allowed()),
        }
    }
}

/// The server of custom resources names the object, whether it is there or not.
fn no_such_part(call: &Call<'_>) -> ApiError {
    if call.resource.custom {
        return ApiError::not_found(call.resource.group_resource(), &call.target.name);
    }
    ApiError::no_such_path()
}

/// All objects of a collection in order, for the beginning of a watch.
fn all_of(collection: Option<&Collection>, namespace: &str) -> VecDeque<Arc<Stored>> {
    collection.map(|collection| collection.iter(namespace, "").cloned().collect()).unwrap_or_default()
}
