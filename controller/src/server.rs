//! Calls to the API server, each bounded in time, each failure with a verdict on what to do about it.

use std::{sync::Arc, time::Duration};

use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    core::{NamespaceResourceScope, Request, Status},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Semaphore;
use verdigris_core::{decision::Precondition, observed::Refusal, workload::WorkloadKind};

use crate::{items::WorkloadItem, lease::Fence};

/// Who we are in events; and in `managedFields`, unless we are installed in another namespace than this.
pub const FIELD_MANAGER: &str = "verdigris";

/// Who we are in `managedFields` if we are installed in this namespace: two installations can be told apart.
#[must_use]
pub fn field_manager(installed_in: Option<&str>) -> String {
    match installed_in {
        Some(namespace) if namespace != FIELD_MANAGER => format!("{FIELD_MANAGER}@{namespace}"),
        _ => FIELD_MANAGER.to_owned(),
    }
}

/// Whether that is some installation of ours.
#[must_use]
pub fn is_field_manager(name: &str) -> bool {
    name.strip_prefix(FIELD_MANAGER).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The API server as the rest of the controller sees it.
#[derive(Clone)]
pub struct Server {
    client: kube::Client,
    timeout: Duration,
    /// A call takes one while it is under way. Each needs a connection of its own (HTTP/1.1), which takes about 70 kB and is
    /// kept for a while: without a bound, a hundred passes that read side by side would leave hundreds.
    lanes: Arc<Semaphore>,
    /// Who we are in `managedFields`.
    manager: String,
    /// Nothing that changes anything is sent.
    read_only: bool,
    /// Nothing that changes anything is sent while it is down.
    fence: Fence,
}

/// How a patch is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// RFC 7386: lists are replaced whole.
    Merge,
    /// Kubernetes' own: owner references are merged by UID. Built-in kinds only.
    Strategic,
}

/// What a write answers: the version it made.
#[derive(Debug, Default, Deserialize)]
pub struct Written {
    #[serde(default)]
    metadata: WrittenMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenMeta {
    resource_version: String,
}

/// A call that did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("could not {what}: {cause}")]
pub struct CallError {
    /// What was asked, for example `create ReplicaSet shop-5cd66`.
    pub what: String,
    /// Why it was not done.
    #[source]
    pub cause: Cause,
}

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The server answered that it will not.
    #[error("{} (HTTP {} {})", .0.message, .0.code, .0.reason)]
    Answer(Box<Status>),
    /// No answer in time. It may have been done or not.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// No connection, or an answer that is not Kubernetes'. It may have been done or not.
    #[error(transparent)]
    Transport(kube::Error),
    /// It would change something, and we only observe.
    #[error("Verdigris only observes")]
    ReadOnly,
    /// It would change something, and we do not lead, or ceased to while it was under way: then it may have been done or not.
    #[error("this replica does not lead")]
    NotLeading,
    /// The request could not be built: a name that is none.
    #[error(transparent)]
    Request(#[from] kube::core::request::Error),
}

/// What to do about a failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The object has changed since it was seen: wait for the change, then decide again.
    Outdated,
    /// There is no such object (any more).
    Gone,
    /// The server says no, and will again: tell the next pass.
    Refused(Refusal),
    /// Worth trying again after a back-off, and no sooner than this.
    Later(Duration),
}

impl CallError {
    /// What to do about it, by the kind of failure.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let status = match &self.cause {
            Cause::Answer(status) => status,
            Cause::Timeout(_) | Cause::Transport(_) | Cause::ReadOnly | Cause::NotLeading => {
                return Verdict::Later(Duration::ZERO);
            }
            Cause::Request(error) => {
                return Verdict::Refused(self.refusal(0, "BadRequest", error.to_string()));
            }
        };
        match (status.code, status.reason.as_str()) {
            (409, reason) if reason != "AlreadyExists" => Verdict::Outdated,
            (404, _) => Verdict::Gone,
            // 401: a token that is being renewed. 408, 429 and 5xx: load, or a server that restarts.
            (0 | 401 | 408 | 429 | 500.., _) => {
                let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                Verdict::Later(Duration::from_secs(seconds.into()))
            }
            (code, reason) => Verdict::Refused(self.refusal(code, reason, status.message.clone())),
        }
    }

    /// The HTTP status code, where there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match &self.cause {
            Cause::Answer(status) => Some(status.code),
            Cause::Timeout(_)
            | Cause::Transport(_)
            | Cause::ReadOnly
            | Cause::NotLeading
            | Cause::Request(_) => None,
        }
    }

    fn refusal(&self, code: u16, reason: &str, message: String) -> Refusal {
        Refusal { what: self.what.clone(), code, reason: reason.to_owned(), message }
    }
}

impl Written {
    /// `metadata.resourceVersion` of what was written.
    #[must_use]
    pub fn version(self) -> String {
        self.metadata.resource_version
    }
}

impl Server {
    /// Speaks through `client` as `manager`; no call takes longer than `timeout`, and no more than `calls_max` are under way.
    #[must_use]
    pub fn new(client: kube::Client, timeout: Duration, calls_max: usize, manager: String) -> Self {
        let lanes = Arc::new(Semaphore::new(calls_max));
        Self { client, timeout, lanes, manager, read_only: false, fence: Fence::none() }
    }

    /// The same, but nothing that changes anything is ever sent: each such call fails.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// The same, but nothing that changes anything is sent while this fence is down, and what is under way when it comes down
    /// is dropped.
    #[must_use]
    pub fn behind(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// Creates an object; with `dry_run` the server only says what it would make of it.
    pub async fn create<K, T>(
        &self,
        what: String,
        namespace: &str,
        dry_run: bool,
        body: &Value,
    ) -> Result<T, CallError>
    where
        K: Resource<DynamicType = ()>,
        T: DeserializeOwned,
    {
        let params = PostParams { dry_run, field_manager: Some(self.manager.clone()) };
        let request = requests::<K>(namespace).create(&params, body.to_string().into_bytes());
        if dry_run { self.call(what, request).await } else { self.change(what, request).await }
    }

    /// Creates in a subresource of an object, whose answer is of no interest.
    pub async fn create_at<K>(
        &self,
        what: String,
        (namespace, name, subresource): (&str, &str, &str),
        body: &Value,
    ) -> Result<(), CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let params = PostParams { dry_run: false, field_manager: Some(self.manager.clone()) };
        let body = body.to_string().into_bytes();
        let request = requests::<K>(namespace).create_subresource(subresource, name, &params, body);
        self.change::<Value>(what, request).await.map(drop)
    }

    /// Patches an object or one of its subresources.
    pub async fn patch<K>(
        &self,
        what: String,
        (namespace, name, subresource): (&str, &str, Option<&str>),
        style: Style,
        body: &Value,
    ) -> Result<Written, CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
        let patch = match style {
            Style::Merge => Patch::Merge(body),
            Style::Strategic => Patch::Strategic(body),
        };
        let requests = requests::<K>(namespace);
        let request = match subresource {
            Some(subresource) => requests.patch_subresource(subresource, name, &params, &patch),
            None => requests.patch(name, &params, &patch),
        };
        self.change(what, request).await
    }

    /// Deletes an object in this very version; what it owns is collected in the background.
    pub async fn delete<K>(&self, what: String, namespace: &str, at: &Precondition) -> Result<(), CallError>
    where
        K: Resource<DynamicType = ()>,
    {
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(at.uid.clone()),
            resource_version: Some(at.resource_version.clone()),
        });
        self.change::<Value>(what, requests::<K>(namespace).delete(&at.name, &params)).await.map(drop)
    }

    /// Reads one object, live; `None` if there is none.
    pub async fn get<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api = Api::<K>::namespaced(self.client.clone(), namespace);
        self.bounded(format!("read {} {name}", K::kind(&())), api.get_opt(name)).await
    }

    /// Reads one workload, live; `None` if there is none.
    pub async fn workload(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<WorkloadItem>, CallError> {
        let api = Api::<WorkloadItem>::namespaced_with(self.client.clone(), namespace, &kind);
        self.bounded(format!("read {} {name}", WorkloadItem::kind(&kind)), api.get_opt(name)).await
    }

    /// Reads all objects of a namespace that a label selector matches, live.
    pub async fn list<K>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api = Api::<K>::namespaced(self.client.clone(), namespace);
        let params = ListParams::default().labels(selector);
        let listed = self.bounded(format!("list {}", K::plural(&())), api.list(&params)).await?;
        Ok(listed.items)
    }

    /// A call that changes something.
    async fn change<T: DeserializeOwned>(
        &self,
        what: String,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, CallError> {
        if self.read_only {
            return Err(CallError { what, cause: Cause::ReadOnly });
        }
        let term = self.fence.term();
        if term == 0 {
            return Err(CallError { what, cause: Cause::NotLeading });
        }
        tokio::select! { biased;
            () = self.fence.not_in(term) => Err(CallError { what: what.clone(), cause: Cause::NotLeading }),
            answer = self.call(what.clone(), request) => answer,
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        what: String,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, CallError> {
        match request {
            Ok(request) => self.bounded(what, self.client.request::<T>(request)).await,
            Err(error) => Err(CallError { what, cause: error.into() }),
        }
    }

    async fn bounded<T>(
        &self,
        what: String,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, CallError> {
        // It is never closed; and who waits here waits no longer than the calls before it may take.
        let _lane = self.lanes.acquire().await;
        let cause = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(kube::Error::Api(status))) => Cause::Answer(status),
            Ok(Err(error)) => Cause::Transport(error),
            Err(_) => Cause::Timeout(self.timeout),
        };
        Err(CallError { what, cause })
    }
}

fn requests<K: Resource<DynamicType = ()>>(namespace: &str) -> Request {
    Request::new(K::url_path(&(), Some(namespace)))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use k8s_openapi::api::core::v1::Service;

    use super::*;
    use crate::lease::election::Term;

    fn verdict(code: u16, reason: &str) -> Verdict {
        let status = Status::failure("message", reason).with_code(code);
        CallError { what: "create ReplicaSet shop-5c".into(), cause: Cause::Answer(status.boxed()) }.verdict()
    }

    #[test]
    fn what_to_do_depends_on_the_kind_of_failure() {
        let refused = |code, reason: &str| {
            let (what, message) = ("create ReplicaSet shop-5c".into(), "message".into());
            Verdict::Refused(Refusal { what, code, reason: reason.into(), message })
        };
        assert_eq!(verdict(409, "Conflict"), Verdict::Outdated);
        assert_eq!(verdict(409, "AlreadyExists"), refused(409, "AlreadyExists"));
        assert_eq!(verdict(404, "NotFound"), Verdict::Gone);
        assert_eq!(verdict(403, "Forbidden"), refused(403, "Forbidden"));
        assert_eq!(verdict(422, "Invalid"), refused(422, "Invalid"));
        for code in [0, 401, 408, 429, 500, 503, 504] {
            assert_eq!(verdict(code, ""), Verdict::Later(Duration::ZERO), "{code}");
        }
        let timeout = CallError { what: String::new(), cause: Cause::Timeout(Duration::from_secs(30)) };
        assert_eq!(timeout.verdict(), Verdict::Later(Duration::ZERO));
    }

    /// A server that answers nothing, and how often it was asked.
    fn silent() -> (kube::Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let service = tower::service_fn(move |_: http::Request<kube::client::Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<http::Response<kube::client::Body>, kube::Error>>()
        });
        (kube::Client::new(service, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_under_way_is_dropped_when_the_fence_comes_down_and_none_leaves_after() {
        let (client, asked) = silent();
        let (keeper, fence) = Fence::lowered();
        let server = Server::new(client, Duration::from_secs(30), 8, FIELD_MANAGER.to_owned()).behind(fence);
        let (body, place) = (Value::Null, ("shop", "shop", None));
        let change = || server.patch::<Service>("patch".into(), place, Style::Merge, &body);
        assert!(matches!(change().await.unwrap_err().cause, Cause::NotLeading));
        assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing left");
        let began = tokio::time::Instant::now();
        keeper.set(Some(Term { number: 1, until: began + Duration::from_secs(10) }));
        assert!(matches!(change().await.unwrap_err().cause, Cause::NotLeading));
        assert_eq!((began.elapsed().as_secs(), asked.load(Ordering::Relaxed)), (10, 1), "it was under way");
        assert!(matches!(change().await.unwrap_err().cause, Cause::NotLeading));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // Who stands by may read.
        let read = server.get::<Service>("shop", "shop").await;
        assert!(matches!(read.unwrap_err().cause, Cause::Timeout(_)));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_under_way_than_may_be_and_all_get_their_turn() {
        let (client, asked) = silent();
        let server = Server::new(client, Duration::from_secs(30), 2, FIELD_MANAGER.to_owned());
        let began = tokio::time::Instant::now();
        let reads = futures::future::join_all((0..5).map(|_| server.get::<Service>("shop", "shop")));
        tokio::pin!(reads);
        for (after_seconds, under_way) in [(29, 2), (31, 4), (61, 5)] {
            let until = began + Duration::from_secs(after_seconds);
            assert!(tokio::time::timeout_at(until, &mut reads).await.is_err());
            assert_eq!(asked.load(Ordering::Relaxed), under_way, "after {after_seconds} s");
        }
        assert!(reads.await.iter().all(|read| read.as_ref().is_err_and(|it| it.code().is_none())));
        assert_eq!(began.elapsed().as_secs(), 90, "each had its own 30 s");
    }

    #[test]
    fn the_server_may_say_when_to_come_back() {
        let mut status = Status::failure("busy", "TooManyRequests").with_code(429);
        status.details = Some(kube::core::response::StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 7,
        });
        let error = CallError { what: String::new(), cause: Cause::Answer(status.boxed()) };
        assert_eq!(error.verdict(), Verdict::Later(Duration::from_secs(7)));
    }
}
