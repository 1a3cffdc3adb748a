//! `GET /containerLogs/{namespace}/{pod}/{container}`.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{Body, Query, plain};
use crate::kubelet::{
    Kubelet,
    log::{Line, Log},
};

/// What part of a log is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    follow: bool,
    previous: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    tail_lines: Option<usize>,
    limit_bytes: Option<usize>,
}

/// The log, or why there is none.
pub(super) fn answer(
    kubelet: &Kubelet,
    (namespace, pod, container): (&str, &str, &str),
    query: &Query,
) -> Response<Body> {
    let Some(wanted) = Wanted::parse(query, kubelet.hub.now()) else {
        return plain(StatusCode::UNPROCESSABLE_ENTITY, "{\"message\": \"Invalid request.\"}");
    };
    let Some(shown) = kubelet.shown.get(namespace, pod) else {
        return plain(StatusCode::NOT_FOUND, format!("pod \"{pod}\" does not exist"));
    };
    let Some(one) = shown.containers.get(container) else {
        let missing = format!("container \"{container}\" not found in pod \"{pod}\"");
        return plain(StatusCode::NOT_FOUND, missing);
    };
    let log = match one.log(pod, container, wanted.previous) {
        Ok(log) => log.clone(),
        Err(why) => return plain(StatusCode::BAD_REQUEST, why),
    };
    let mut response = Response::new(StreamBody::new(Reading::new(log, wanted).frames()).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

impl Wanted {
    /// Nothing if a parameter is not what it should be.
    fn parse(query: &Query, now: Timestamp) -> Option<Self> {
        let number = |key: &str, least: i64| match query.number(key) {
            Ok(Some(number)) if number >= least => usize::try_from(number).map(Some).ok(),
            Ok(None) => Some(None),
            Ok(Some(_)) | Err(_) => None,
        };
        let since_seconds = query.number("sinceSeconds").ok()?;
        let since_time = query.get("sinceTime").map(str::parse::<Timestamp>).transpose().ok()?;
        let ago =
            |seconds: i64| now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
        Some(Self {
            follow: query.flag("follow"),
            previous: query.flag("previous"),
            timestamps: query.flag("timestamps"),
            since: since_seconds.map(ago).or(since_time),
            tail_lines: number("tailLines", 0)?,
            limit_bytes: number("limitBytes", 1)?,
        })
    }

    /// A line as it is sent.
    fn written(&self, line: &Line) -> String {
        if self.timestamps { format!("{:.9} {}\n", line.at, line.text) } else { format!("{}\n", line.text) }
    }
}

/// A log that is being sent.
struct Reading {
    log: Arc<Log>,
    wanted: Wanted,
    changes: watch::Receiver<u64>,
    next: u64,
    /// How many bytes may still be sent.
    left_bytes: usize,
    begun: bool,
    done: bool,
}

impl Reading {
    fn new(log: Arc<Log>, wanted: Wanted) -> Self {
        let left_bytes = wanted.limit_bytes.unwrap_or(usize::MAX);
        Self { changes: log.changes(), log, wanted, next: 0, left_bytes, begun: false, done: false }
    }

    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        futures::stream::unfold(self, |mut reading| async move {
            let text = reading.next().await?;
            Some((Ok(Frame::data(Bytes::from(text))), reading))
        })
    }

    /// What is new, or nothing at the end.
    async fn next(&mut self) -> Option<String> {
        while !self.done {
            self.changes.mark_unchanged();
            let mut batch = self.log.read(self.next);
            self.next = batch.next;
            if let Some(since) = self.wanted.since {
                batch.lines.retain(|line| line.at >= since);
            }
            if !self.begun
                && let Some(tail) = self.wanted.tail_lines
            {
                batch.lines.drain(..batch.lines.len().saturating_sub(tail));
            }
            self.begun = true;
            self.done = batch.ended || !self.wanted.follow;
            let mut text: String = batch.lines.iter().map(|line| self.wanted.written(line)).collect();
            text.truncate(text.floor_char_boundary(self.left_bytes));
            self.left_bytes -= text.len();
            self.done |= self.left_bytes == 0;
            if !text.is_empty() {
                return Some(text);
            }
            if !self.done && self.changes.changed().await.is_err() {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn wanted(query: &str) -> Option<Wanted> {
        Wanted::parse(&Query::parse(query), at(100))
    }

    async fn read(query: &str) -> String {
        let log = Arc::new(Log::default());
        for second in [10, 20, 30] {
            log.write(at(second), &format!("line {second}"));
        }
        log.end();
        let mut reading = Reading::new(log, wanted(query).unwrap());
        let mut text = String::new();
        while let Some(more) = reading.next().await {
            text.push_str(&more);
        }
        text
    }

    #[tokio::test]
    async fn parts_of_a_log_are_what_kubectl_asks_for() {
        assert_eq!(read("").await, "line 10\nline 20\nline 30\n");
        assert_eq!(read("follow=true&tailLines=2").await, "line 20\nline 30\n");
        assert_eq!(read("tailLines=0").await, "");
        assert_eq!(read("sinceSeconds=80").await, "line 20\nline 30\n");
        assert_eq!(read("sinceTime=2027-01-15T08:00:25Z").await, "line 30\n");
        assert_eq!(read("limitBytes=12").await, "line 10\nline");
        assert_eq!(read("timestamps=true&tailLines=1").await, "2027-01-15T08:00:30.000000000Z line 30\n");
        for refused in ["tailLines=-1", "limitBytes=0", "tailLines=x", "sinceTime=soon"] {
            assert_eq!(wanted(refused), None, "{refused}");
        }
    }

    #[tokio::test]
    async fn who_follows_hears_of_new_lines_until_the_process_ends() {
        let log = Arc::new(Log::default());
        log.write(at(1), "one");
        let mut reading = Reading::new(log.clone(), wanted("follow=true").unwrap());
        assert_eq!(reading.next().await.as_deref(), Some("one\n"));
        log.write(at(2), "two");
        assert_eq!(reading.next().await.as_deref(), Some("two\n"));
        log.end();
        assert_eq!(reading.next().await, None);
    }
}
