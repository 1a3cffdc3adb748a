//! A watch that a story has opened.

use std::time::Duration;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::exchange::{Answer, Body};

/// How long to wait for events that a step asks for.
const EVENTS_MAX: Duration = Duration::from_secs(15);

/// An open watch.
pub struct Watching {
    body: Incoming,
    unread: Vec<u8>,
}

impl Watching {
    pub fn new(body: Incoming) -> Self {
        Self { body, unread: Vec::new() }
    }

    /// The next `count` events, or all until the server ends the watch. Fewer if no more come in time.
    ///
    /// # Errors
    /// If what comes is no event.
    pub async fn events(&mut self, count: Option<usize>) -> anyhow::Result<Answer> {
        let until = Instant::now() + EVENTS_MAX;
        let mut events = Vec::new();
        let mut ended = false;
        while count.is_none_or(|count| events.len() < count) {
            if let Some(line) = self.line() {
                events.push(serde_json::from_slice(&line).context("a line of the watch is no JSON")?);
                continue;
            }
            match timeout_at(until, self.body.frame()).await {
                Err(_) => break,
                Ok(Some(Ok(frame))) => self.unread.extend(frame.into_data().unwrap_or_default()),
                Ok(None | Some(Err(_))) => {
                    ended = true;
                    break;
                }
            }
        }
        let status = if ended { "events, end" } else { "events" };
        Ok(Answer { status: status.to_owned(), headers: Vec::new(), body: Body::Json(Value::Array(events)) })
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|byte| *byte == b'\n')?;
        Some(self.unread.drain(..=end).collect())
    }
}
