//! Plays a story against a server.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    exchange::{Action, Again, Answer, Body, Outgoing, Step, Story},
    normal::Normaliser,
    server::Server,
};

mod expand;
mod select;
mod watching;

use watching::Watching;

/// How long a step may ask again.
const AGAIN_MAX: Duration = Duration::from_secs(15);
const AGAIN_PAUSE: Duration = Duration::from_millis(25);
/// How long a server may take for a whole answer.
const ANSWER_MAX: Duration = Duration::from_secs(70);
/// Who we say we are: the writes of a play belong to `exchange`.
const USER_AGENT: &str = "exchange/1.0";
/// Letters of a play's own name: no hexadecimal digits, so that it is in no uid.
const LETTERS: &[u8] = b"ghjkmnpqrstvwxyz";
const ID_CHARS: u32 = 6;

/// What a server answered to the steps of a story, in their order.
pub type Answers = Vec<Answer>;

/// Plays a story in a namespace of its own.
///
/// # Errors
/// If a request could not be sent or was not answered. What was answered is never an error.
pub async fn play(story: &Story, server: &Server, now: Timestamp) -> anyhow::Result<Answers> {
    let id = draw_id(now);
    let mut play = Play {
        server,
        normaliser: Normaliser::new(&id, now),
        variables: BTreeMap::from([("ns".to_owned(), format!("ns-{id}")), ("id".to_owned(), id)]),
        watches: BTreeMap::new(),
    };
    play.enter().await?;
    let mut answers = Vec::new();
    for step in &story.steps {
        let doing = || format!("step {:?} on the {} server", step.title, server.name);
        answers.push(play.step(step).await.with_context(doing)?);
    }
    Ok(answers)
}

struct Play<'a> {
    server: &'a Server,
    normaliser: Normaliser,
    variables: BTreeMap<String, String>,
    watches: BTreeMap<String, Watching>,
}

impl Play<'_> {
    async fn enter(&mut self) -> anyhow::Result<()> {
        let outgoing = Outgoing {
            method: "POST".to_owned(),
            path: "/api/v1/namespaces".to_owned(),
            headers: Vec::new(),
            body: r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "${ns}"}}"#.to_owned(),
        };
        let answer = self.ask(&outgoing).await.context("creating the namespace of a play")?;
        anyhow::ensure!(answer.status == "201", "creating the namespace of a play: {answer}");
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<Answer> {
        let answer = match &step.action {
            Action::Send(outgoing) => self.ask_until(outgoing, &step.again).await?,
            Action::Watch(name, outgoing) => self.open(name, outgoing).await?,
            Action::Events(name, count) => {
                let watching = self.watches.get_mut(name);
                watching.with_context(|| format!("no watch was opened as {name:?}"))?.events(*count).await?
            }
        };
        for (name, pointer) in &step.keep {
            let found = match &answer.body {
                Body::Json(value) => select::select(value, pointer),
                Body::Empty | Body::Text(_) => None,
            };
            let text = match found {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                // A session went on after a refusal as if nobody had said a version; the recorded code shows the refusal.
                None if answer.status.starts_with('4') => "0".to_owned(),
                None => anyhow::bail!("there is no {pointer} to keep as {name:?} in the answer {answer}"),
            };
            self.variables.insert(name.clone(), text);
        }
        let mut answer = self.normaliser.normal(answer);
        if let (Body::Json(value), false) = (&mut answer.body, step.only.is_empty()) {
            *value = select::only(value, &step.only);
        }
        Ok(answer)
    }

    async fn ask_until(&self, outgoing: &Outgoing, again: &Again) -> anyhow::Result<Answer> {
        let until = Instant::now() + AGAIN_MAX;
        loop {
            let answer = self.ask(outgoing).await?;
            let enough = match (again, &answer.body) {
                (Again::Never, _) => true,
                (Again::While(code), _) => answer.status != code.to_string(),
                (Again::Until(pointer, value), Body::Json(body)) => {
                    select::select(body, pointer) == Some(value)
                }
                (Again::Until(..), _) => false,
            };
            if enough || Instant::now() > until {
                return Ok(answer);
            }
            sleep(AGAIN_PAUSE).await;
        }
    }

    async fn ask(&self, outgoing: &Outgoing) -> anyhow::Result<Answer> {
        let response = self.send(outgoing).await?;
        let (status, headers) = head(&response);
        let collected = timeout(ANSWER_MAX, response.into_body().collect()).await;
        let bytes = collected.context("the answer did not end")?.context("reading the answer")?.to_bytes();
        let body = read_body(&headers, &bytes);
        Ok(Answer { status, headers, body })
    }

    async fn open(&mut self, name: &str, outgoing: &Outgoing) -> anyhow::Result<Answer> {
        let response = self.send(outgoing).await?;
        let (status, headers) = head(&response);
        if status != "200" {
            let bytes = response.into_body().collect().await.context("reading the answer")?.to_bytes();
            let body = read_body(&headers, &bytes);
            return Ok(Answer { status, headers, body });
        }
        self.watches.insert(name.to_owned(), Watching::new(response.into_body()));
        Ok(Answer { status, headers, body: Body::Empty })
    }

    async fn send(&self, outgoing: &Outgoing) -> anyhow::Result<Response<Incoming>> {
        let path = expand::expand(&outgoing.path, &self.variables)?;
        let body = expand::expand_body(&outgoing.body, &self.variables)?;
        let mut request = Request::builder().method(outgoing.method.as_str()).uri(&path);
        let given = |name: &str| outgoing.headers.iter().any(|(header, _)| header == name);
        if !given("authorization") {
            request = request.header("authorization", format!("Bearer {}", self.server.token()));
        }
        if !given("user-agent") {
            request = request.header("user-agent", USER_AGENT);
        }
        if !given("accept") {
            request = request.header("accept", "application/json");
        }
        if !given("content-type") && !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        // A header without a value is one that is not sent.
        for (name, value) in outgoing.headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, expand::expand(value, &self.variables)?);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.with_context(|| format!("{} {path} is no request", outgoing.method))?;
        let answered = timeout(ANSWER_MAX, self.server.wire().send(request)).await;
        answered
            .with_context(|| format!("{} {path} was not answered within {ANSWER_MAX:?}", outgoing.method))?
    }
}

fn head(response: &Response<Incoming>) -> (String, Vec<(String, String)>) {
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    (response.status().as_u16().to_string(), headers)
}

fn read_body(headers: &[(String, String)], bytes: &[u8]) -> Body {
    if bytes.is_empty() {
        return Body::Empty;
    }
    let media = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    let text = String::from_utf8_lossy(bytes);
    let parsed = if media.starts_with("application/yaml") {
        serde_saphyr::from_str(&text).ok()
    } else {
        serde_json::from_str(&text).ok()
    };
    match parsed {
        Some(value @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => Body::Json(value),
        _ => Body::Text(text.into_owned()),
    }
}

/// Letters that no other play on these servers has.
fn draw_id(now: Timestamp) -> String {
    static PLAYS: AtomicU32 = AtomicU32::new(0);
    let play = PLAYS.fetch_add(1, Ordering::Relaxed);
    // Plays of one process count up; those of another began at another time.
    let mut left = u64::try_from(now.as_microsecond()).unwrap_or_default() / 1000 + u64::from(play) * 7;
    let base = LETTERS.len() as u64;
    let mut id = String::new();
    for _ in 0..ID_CHARS {
        let at = usize::try_from(left % base).unwrap_or_default();
        id.push(char::from(LETTERS.get(at).copied().unwrap_or(b'q')));
        left /= base;
    }
    id
}
