//! Between the controller and the API server: records every request, and can refuse, lose or delay.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Service;
use verdigris_playground_apiserver::server::ApiServer;

/// One request of the controller.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Since the start, in milliseconds.
    pub at_millis: u128,
    pub method: String,
    /// With the query.
    pub path: String,
    pub body: Value,
}

/// What becomes of a request.
pub enum Fate {
    /// It is answered.
    Deliver,
    /// It never reaches the server, which seems to answer this.
    Answer(u16, &'static str),
    /// It is done, and the answer is lost.
    LoseAnswer,
}

type Judge = dyn FnMut(&Call) -> Fate + Send;
type Censor = dyn FnMut(&Value) -> bool + Send;
type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// The wire. Clones are the same wire.
#[derive(Clone)]
pub struct Wire {
    server: ApiServer,
    shared: Arc<Mutex<Shared>>,
    start: Instant,
}

struct Shared {
    calls: Vec<Call>,
    judge: Box<Judge>,
    censor: Box<Censor>,
    watch_delay: Duration,
}

impl Wire {
    pub fn new(server: ApiServer) -> Self {
        let shared = Shared {
            calls: Vec::new(),
            judge: Box::new(|_| Fate::Deliver),
            censor: Box::new(|_| true),
            watch_delay: Duration::ZERO,
        };
        Self { server, shared: Arc::new(Mutex::new(shared)), start: Instant::now() }
    }

    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Decides the fate of each request from now on, before it reaches the server.
    pub fn judge(&self, judge: impl FnMut(&Call) -> Fate + Send + 'static) {
        self.shared().judge = Box::new(judge);
    }

    /// Lets only those watch events through for which `censor` answers true.
    pub fn censor(&self, censor: impl FnMut(&Value) -> bool + Send + 'static) {
        self.shared().censor = Box::new(censor);
    }

    /// Watch events take so long from now on.
    pub fn delay_watches(&self, delay: Duration) {
        self.shared().watch_delay = delay;
    }

    /// All requests so far that are no watches.
    pub fn calls(&self) -> Vec<Call> {
        self.shared().calls.iter().filter(|call| !call.path.contains("watch=true")).cloned().collect()
    }

    /// Requests so far that change something, events left out.
    pub fn writes(&self) -> Vec<Call> {
        let calls = self.calls().into_iter();
        calls
            .filter(|call| {
                call.method != "GET" && !call.path.contains("/events") && !call.path.contains("dryRun")
            })
            .collect()
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(self, request: Request<Body>) -> Response<ResponseBody> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let call = Call {
            at_millis: self.start.elapsed().as_millis(),
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        // The judge may change the world, so it is not called under the lock.
        self.shared().calls.push(call.clone());
        let mut judge = std::mem::replace(&mut self.shared().judge, Box::new(|_| Fate::Deliver));
        let fate = judge(&call);
        self.shared().judge = judge;
        let request = Request::from_parts(head, Full::new(body));
        match fate {
            Fate::Answer(code, reason) => status(code, reason),
            Fate::LoseAnswer => {
                let _ = self.server.clone().call(request).await;
                status(504, "Timeout")
            }
            Fate::Deliver => {
                let Ok(answer) = self.server.clone().call(request).await;
                if call.path.contains("watch=true") { self.watched(answer) } else { answer }
            }
        }
    }

    /// Watch events one by one, each late and censored.
    fn watched(self, answer: Response<ResponseBody>) -> Response<ResponseBody> {
        let (head, body) = answer.into_parts();
        let frames = BodyStream::new(body).then(move |frame| {
            let wire = self.clone();
            async move {
                let delay = wire.shared().watch_delay;
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                frame.map(|frame| Frame::data(wire.pass(&frame.into_data().unwrap_or_default())))
            }
        });
        Response::from_parts(head, BodyExt::boxed_unsync(StreamBody::new(frames.into_stream())))
    }

    fn pass(&self, lines: &[u8]) -> Bytes {
        let mut shared = self.shared();
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        let passed = lines.filter(|line| (shared.censor)(&serde_json::from_slice(line).unwrap_or_default()));
        passed.flatten().copied().collect::<Vec<u8>>().into()
    }
}

fn status(code: u16, reason: &str) -> Response<ResponseBody> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": format!("the wire says {reason}")});
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
    response
}

impl Service<Request<Body>> for Wire {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { Ok(wire.carry(request).await) })
    }
}
