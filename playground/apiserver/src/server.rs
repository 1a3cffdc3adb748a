//! The server as others use it: a handle that can be cloned, a client without a socket, the record of writes.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Whole},
    collection::Limits,
    request::{Query, Request},
    resource::Registry,
    status::{ApiError, Cause},
    store::{INITIAL_NAMESPACES, Observer, Store},
    watch::{Reading, Watch},
    write_log::Write,
};

/// Tells the time. Simulations hand in a virtual one.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A Kubernetes API server in memory. Clones are handles to the same server.
///
/// It is a [`tower::Service`] of HTTP requests; see [`ApiServer::client`] and [`ApiServer::serve`].
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    store: Mutex<Store>,
    clock: Clock,
    kubelet_token: OnceLock<String>,
}

impl ApiServer {
    /// A server with the built-in kinds and the namespaces that every cluster has. Equal seeds, clocks and
    /// requests make equal answers, uids included.
    pub fn new(clock: Clock, seed: u64) -> Self {
        Self::with_registry(crate::builtin::registry(), clock, seed, Limits::default())
    }

    /// A server of other kinds, or with other bounds on the past that it remembers.
    pub fn with_registry(registry: Registry, clock: Clock, seed: u64, limits: Limits) -> Self {
        let server = Self {
            shared: Arc::new(Shared {
                store: Mutex::new(Store::new(registry, seed, limits)),
                clock,
                kubelet_token: OnceLock::new(),
            }),
        };
        for name in INITIAL_NAMESPACES {
            let namespace = json!({"metadata": {"name": name}});
            // A registry without namespaces answers 404, and its objects are not bound to any.
            let _ = server.ask(Method::POST, "/api/v1/namespaces", &namespace);
        }
        // The same holds for the two classes of pods that a cluster cannot do without.
        for (name, value) in
            [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
        {
            let class = json!({"metadata": {"name": name}, "value": value});
            let _ = server.ask(Method::POST, "/apis/scheduling.k8s.io/v1/priorityclasses", &class);
        }
        server
    }

    /// A client whose requests go straight into the store: no socket, no waiting. Call it inside a tokio
    /// runtime, on which the client's own buffer runs.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// The same, for a program that says who it is: its writes are owned by `user_agent` up to the first
    /// slash.
    pub fn client_named(&self, user_agent: &'static str) -> kube::Client {
        let named = tower::util::MapRequest::new(
            self.clone(),
            move |mut request: http::Request<kube::client::Body>| {
                request
                    .headers_mut()
                    .entry(header::USER_AGENT)
                    .or_insert(HeaderValue::from_static(user_agent));
                request
            },
        );
        kube::Client::new(named, "default")
    }

    /// Says who it is when it asks kubelets. Only the first time that this is called counts; never called, it says
    /// nothing.
    pub fn introduce_to_kubelets(&self, token: String) {
        let _ = self.shared.kubelet_token.set(token);
    }

    /// What it says to kubelets.
    pub(crate) fn kubelet_token(&self) -> Option<&str> {
        self.shared.kubelet_token.get().map(String::as_str)
    }

    /// Answers one request, without any waiting.
    pub fn step(&self, request: &Request) -> Answer {
        let now = self.now();
        self.store().step(request, now)
    }

    /// What a watch has to say now.
    pub(crate) fn read_watch(&self, watch: &mut Watch) -> Reading {
        let now = self.now();
        self.store().read_watch(watch, now)
    }

    /// Sends one JSON request; for tests and for setting a world up.
    ///
    /// # Errors
    /// What the server answers in place of an object.
    pub fn ask(&self, method: Method, path_and_query: &str, body: &Value) -> Result<Value, ApiError> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut headers = HeaderMap::new();
        let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request { method, path: path.to_owned(), query: Query::parse(query), headers, body };
        match self.step(&request) {
            Answer::Whole(whole) => read_whole(&whole),
            Answer::List(list) => Ok(serde_json::from_slice(&list.body.whole()).unwrap_or_default()),
            Answer::Watch(_) | Answer::Kubelet(_) => {
                Err(ApiError::bad_request("a stream is not a whole answer"))
            }
        }
    }

    /// Creates a CustomResourceDefinition from its YAML (or several documents of them), or replaces it. It
    /// is served when this returns.
    ///
    /// # Errors
    /// What the server answers in place of the definition; 400 if it is not YAML.
    pub fn apply_crd(&self, yaml: &str) -> Result<(), ApiError> {
        const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)
            .map_err(|error| ApiError::bad_request(format!("error parsing YAML: {error}")))?;
        for definition in documents.iter().filter(|document| !document.is_null()) {
            let created = self.ask(Method::POST, PATH, definition);
            if let Err(error) = created {
                if error.reason != "AlreadyExists" {
                    return Err(error);
                }
                let path = format!("{PATH}/{}", crate::metadata::text(definition, "name"));
                self.ask(Method::PUT, &path, definition)?;
            }
        }
        Ok(())
    }

    /// Puts objects in as they are, as from a backup: uids, generations, times and status included.
    ///
    /// # Errors
    /// 400 for one that does not say what it is; those before it are in.
    pub fn restore(&self, objects: impl IntoIterator<Item = Value>) -> Result<(), ApiError> {
        objects.into_iter().try_for_each(|object| self.store().restore(object))
    }

    /// The accepted writes after the one numbered `sequence` (0: all that are kept), oldest first.
    pub fn writes_since(&self, sequence: u64) -> Vec<Write> {
        self.store().writes_since(sequence)
    }

    /// How many writes were accepted so far: the number of the newest.
    pub fn write_count(&self) -> u64 {
        self.store().write_count()
    }

    /// Waits until there are writes after the one numbered `sequence`, and gives them.
    pub async fn writes_after(&self, sequence: u64) -> Vec<Write> {
        loop {
            let written = self.store().written();
            let mut written = std::pin::pin!(written.notified());
            // Listening begins before looking, so that a write in between is not missed.
            written.as_mut().enable();
            let writes = self.writes_since(sequence);
            if !writes.is_empty() {
                return writes;
            }
            written.await;
        }
    }

    /// Has `observer` called after each accepted write, before the next request is looked at, with the
    /// object as it was and as it is. It must not call the server.
    pub fn observe(&self, observer: Observer) {
        self.store().observe(observer);
    }

    /// Forgets all events so far, as a compaction does: watches that ask for more of the past get 410.
    pub fn forget_events(&self) {
        self.store().forget_events();
    }

    /// What its clock says.
    fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        // A panic while the lock was held would have been a bug in the store; other requests go on.
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_whole(whole: &Whole) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(&whole.body).unwrap_or_default();
    if whole.code < 300 {
        return Ok(body);
    }
    Err(ApiError::from_body(whole.code, &body))
}

impl ApiError {
    /// The error that a `Status` tells of.
    pub(crate) fn from_body(code: u16, body: &Value) -> Self {
        const REASONS: [&str; 10] = [
            "NotFound",
            "AlreadyExists",
            "Conflict",
            "Invalid",
            "BadRequest",
            "Forbidden",
            "MethodNotAllowed",
            "Expired",
            "Timeout",
            "TooManyRequests",
        ];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reason = REASONS.into_iter().find(|reason| body["reason"] == *reason).unwrap_or_default();
        let causes = body["details"]["causes"].as_array().into_iter().flatten().map(|cause| Cause {
            reason: text(&cause["reason"]),
            message: text(&cause["message"]),
            field: text(&cause["field"]),
        });
        let mut error = Self::unexplained(text(&body["message"])).with_causes(causes.collect());
        error.code = code;
        error.reason = reason;
        error
    }
}
