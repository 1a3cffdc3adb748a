//! The server as a `tower::Service`: bodies are gathered, steps taken, watches streamed.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody, combinators::UnsyncBoxBody};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    answer::{Answer, ListAnswer, WatchAnswer, Whole},
    kubelet, protobuf,
    request::{Query, Request},
    server::ApiServer,
    status::ApiError,
    watch::Reading,
};

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// The most bytes that a request may have.
pub const BODY_BYTES_MAX: usize = 3 << 20;

/// How often a quiet watch is told the newest version, if it asked for that, whether it knows it or not.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// How long after it told something a watch waits for more to tell at once: a burst of changes is sent in fewer pieces,
/// and no change is told later than this.
const TOGETHER: Duration = Duration::from_millis(1);

impl<B> tower::Service<http::Request<B>> for ApiServer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.respond(request).await) })
    }
}

impl ApiServer {
    async fn respond<B>(&self, request: http::Request<B>) -> Response<ResponseBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return plain_response(Answer::error(&refused_body(&*error))),
        };
        let mut request = Request {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: Query::parse(head.uri.query().unwrap_or_default()),
            headers: std::mem::take(&mut head.headers),
            body,
        };
        // Whoever acts as somebody else wants that one's permissions, of which there are none here.
        if request.headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
            let why = "this server has one user, who may do everything: impersonation is not implemented";
            return plain_response(Answer::error(&ApiError::not_implemented(why)));
        }
        protobuf::to_json(&mut request);
        match self.step(&request) {
            answer @ (Answer::Whole(_) | Answer::List(_)) => plain_response(answer),
            Answer::Watch(answer) => self.stream(*answer),
            Answer::Kubelet(call) => {
                head.headers = request.headers;
                kubelet::ask(&call, head, self.kubelet_token()).await
            }
        }
    }

    fn stream(&self, answer: WatchAnswer) -> Response<ResponseBody> {
        let now = Instant::now();
        let watching = Watching {
            server: self.clone(),
            end: Box::pin(sleep_until(now + Duration::from_secs(answer.timeout_secs))),
            next_bookmark: Box::pin(sleep_until(now + BOOKMARK_INTERVAL)),
            ended: false,
            told: now,
            answer,
        };
        let mut response = Response::new(StreamBody::new(watching.frames()).boxed_unsync());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// A watch that is being streamed.
struct Watching {
    server: ApiServer,
    answer: WatchAnswer,
    end: Pin<Box<Sleep>>,
    next_bookmark: Pin<Box<Sleep>>,
    ended: bool,
    /// When it last told anything.
    told: Instant,
}

impl Watching {
    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        futures::stream::unfold(self, |mut watching| async move {
            let lines = watching.next().await?;
            Some((Ok(Frame::data(Bytes::from(lines))), watching))
        })
    }

    /// The next lines, or `None` at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let changed = Arc::clone(&self.answer.changed);
        while !self.ended {
            let mut change = std::pin::pin!(changed.notified());
            // Listening begins before looking, so that a change in between is not missed.
            change.as_mut().enable();
            match self.server.read_watch(&mut self.answer.watch) {
                Reading::Lines(lines) => {
                    self.told = Instant::now();
                    return Some(lines);
                }
                Reading::End => return None,
                Reading::Nothing => {}
            }
            tokio::select! {
                biased;
                // The first change is told at once; those that come right behind it travel together.
                () = change => sleep_until(self.told + TOGETHER).await,
                () = self.end.as_mut() => {
                    self.ended = true;
                    return self.answer.watch.news_line();
                }
                () = self.next_bookmark.as_mut(), if self.answer.bookmarks => {
                    let next = self.next_bookmark.deadline() + BOOKMARK_INTERVAL;
                    self.next_bookmark.as_mut().reset(next);
                    if let Some(line) = self.answer.watch.bookmark_line() {
                        return Some(line);
                    }
                }
            }
        }
        None
    }
}

fn refused_body(error: &(dyn std::error::Error + 'static)) -> ApiError {
    if error.is::<LengthLimitError>() {
        ApiError::too_large(format!("Request entity too large: limit is {BODY_BYTES_MAX}"))
    } else {
        ApiError::bad_request(format!("reading the body of the request: {error}"))
    }
}

/// An answer that is no stream; of a stream, an error that says so.
pub(crate) fn plain_response(answer: Answer) -> Response<ResponseBody> {
    match answer {
        Answer::Whole(answer) => whole(answer),
        Answer::List(answer) => list(*answer),
        Answer::Watch(_) | Answer::Kubelet(_) => {
            plain_response(Answer::error(&ApiError::internal("a stream where none can be")))
        }
    }
}

fn whole(answer: Whole) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(answer.body).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(answer.code).unwrap_or_default();
    set_headers(&mut response, answer.content_type, answer.warnings);
    if answer.retry_after_secs > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(answer.retry_after_secs));
    }
    response
}

fn list(answer: ListAnswer) -> Response<ResponseBody> {
    let frames = futures::stream::iter(answer.body.map(|piece| Ok(Frame::data(piece))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    set_headers(&mut response, "application/json", answer.warnings);
    response
}

fn set_headers(response: &mut Response<ResponseBody>, content_type: &'static str, warnings: Vec<String>) {
    let headers = response.headers_mut();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            headers.append(header::WARNING, value);
        }
    }
}
