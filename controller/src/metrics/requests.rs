//! Requests to the API server, counted where they leave: watches and lists included, by kind, verb and code.
//!
//! Not by namespace or object, as the peer does: its series never end, since every ReplicaSet, AnalysisRun and pod has a name
//! of its own.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http::{Method, Request, Response, Uri};
use kube::client::Body;
use tokio::time::{Duration, Instant};
use tower::{Layer, Service};

use super::histogram::Histogram;

/// Bounds of the time until an answer begins, in seconds.
const BOUNDS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Kinds that are counted apart, by the names that they have in paths.
const KINDS: [&str; 14] = [
    "rollouts",
    "replicasets",
    "services",
    "endpointslices",
    "deployments",
    "podtemplates",
    "pods",
    "events",
    "leases",
    "analysisruns",
    "analysistemplates",
    "clusteranalysistemplates",
    "experiments",
    "namespaces",
];

/// What was asked of the API server so far.
#[derive(Debug, Default)]
pub struct Requests {
    answered: Mutex<BTreeMap<(&'static str, Verb, u16), u64>>,
    times: Mutex<BTreeMap<Verb, Histogram<10>>>,
}

/// What a request asks for, in the peer's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// One object.
    Get,
    /// Many.
    List,
    /// Their changes.
    Watch,
    /// A new one.
    Create,
    /// Another in its place.
    Update,
    /// A change.
    Patch,
    /// Its end.
    Delete,
    /// Anything else.
    Unknown,
}

impl Verb {
    /// As a label.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Get => "Get",
            Self::List => "List",
            Self::Watch => "Watch",
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Patch => "Patch",
            Self::Delete => "Delete",
            Self::Unknown => "Unknown",
        }
    }
}

impl Requests {
    /// Counts an answer that began after so long; 0 is no answer at all.
    pub fn count(&self, kind: &'static str, verb: Verb, code: u16, time: Duration) {
        *lock(&self.answered).entry((kind, verb, code)).or_default() += 1;
        lock(&self.times).entry(verb).or_insert_with(|| Histogram::new(&BOUNDS)).observe_time(time);
    }

    /// How often each kind was asked for what and with which answer.
    #[must_use]
    pub fn answered(&self) -> BTreeMap<(&'static str, Verb, u16), u64> {
        lock(&self.answered).clone()
    }

    /// How long answers took.
    #[must_use]
    pub fn times(&self) -> BTreeMap<Verb, Histogram<10>> {
        lock(&self.times).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts what goes through a client.
#[derive(Clone, Debug)]
pub struct Counting(pub Arc<Requests>);

/// A client's service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    requests: Arc<Requests>,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: Arc::clone(&self.0) }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (kind, verb) = (kind(request.uri()), verb(request.method(), request.uri()));
        let (requests, began) = (Arc::clone(&self.requests), Instant::now());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            requests.count(kind, verb, code, began.elapsed());
            answer
        })
    }
}

fn kind(uri: &Uri) -> &'static str {
    let wanted = Place::of(uri.path()).plural;
    KINDS.into_iter().find(|kind| *kind == wanted).unwrap_or("other")
}

fn verb(method: &Method, uri: &Uri) -> Verb {
    let watches =
        uri.query().unwrap_or_default().split('&').any(|part| part == "watch=true" || part == "watch=1");
    match method.as_str() {
        "GET" if Place::of(uri.path()).is_one => Verb::Get,
        "GET" if watches => Verb::Watch,
        "GET" => Verb::List,
        "POST" => Verb::Create,
        "PUT" => Verb::Update,
        "PATCH" => Verb::Patch,
        "DELETE" => Verb::Delete,
        _ => Verb::Unknown,
    }
}

/// What a path is about.
struct Place<'a> {
    plural: &'a str,
    /// Whether it names one object.
    is_one: bool,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        let mut parts = path.split('/').skip(1);
        // `api/v1` or `apis/group/version`.
        let above = if parts.next() == Some("apis") { 2 } else { 1 };
        let parts: Vec<&str> = parts.skip(above).collect();
        let parts = match parts.as_slice() {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        Self { plural: parts.first().copied().unwrap_or_default(), is_one: parts.len() > 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_method_and_path() {
        let cases = [
            ("GET", "/apis/argoproj.io/v1alpha1/rollouts?limit=50", "rollouts", Verb::List),
            ("GET", "/apis/apps/v1/namespaces/shop/replicasets?watch=true&x=y", "replicasets", Verb::Watch),
            ("GET", "/api/v1/namespaces/shop/services/web", "services", Verb::Get),
            (
                "PATCH",
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status",
                "rollouts",
                Verb::Patch,
            ),
            ("POST", "/api/v1/namespaces/shop/pods/web-1/eviction", "pods", Verb::Create),
            ("PUT", "/apis/coordination.k8s.io/v1/namespaces/shop/leases/lock", "leases", Verb::Update),
            ("GET", "/api/v1/namespaces/shop", "namespaces", Verb::Get),
            ("GET", "/version", "other", Verb::List),
            ("GET", "/apis/example.com/v1/namespaces/a/rolloutsof/b", "other", Verb::Get),
        ];
        for (method, path, wanted_kind, wanted_verb) in cases {
            let (method, uri) = (method.parse().unwrap(), path.parse().unwrap());
            assert_eq!((kind(&uri), verb(&method, &uri)), (wanted_kind, wanted_verb), "{path}");
        }
    }

    #[tokio::test]
    async fn answers_are_counted_by_code_and_their_lack_too() {
        let requests = Arc::new(Requests::default());
        let answer = |request: Request<Body>| async move {
            let lost = request.uri().path().ends_with("lost");
            if lost { Err("no connection") } else { Ok(Response::builder().status(409).body(()).unwrap()) }
        };
        let mut client = Counting(Arc::clone(&requests)).layer(tower::service_fn(answer));
        for name in ["there", "there", "lost"] {
            let request = Request::get(format!("/api/v1/namespaces/shop/services/{name}"));
            let _ = client.call(request.body(Body::empty()).unwrap()).await;
        }
        let counted = [(("services", Verb::Get, 0), 1), (("services", Verb::Get, 409), 2)];
        assert_eq!(requests.answered(), counted.into());
        assert_eq!(requests.times()[&Verb::Get].count(), 3);
    }
}
