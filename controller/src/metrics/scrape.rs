//! One answer to Prometheus, written in pieces.
//!
//! All samples of a family have to stand together, so the Rollouts are walked once a family. A piece is at most so many
//! objects and about so many bytes; between two of them nothing is held, and whoever else runs on this thread has its turn.
//! An object that comes or goes meanwhile is in some families and not in others, as if each had been asked for by itself.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{Stream, stream};
use tokio::time::Instant;

use super::{
    Metrics,
    families::{self, Family, Source, View},
    gzip::{self, Gzip},
    process::Process,
    text::{CONTENT_TYPE, Lines, label},
};
use crate::key::Key;

/// So many bytes, and what the last object adds.
const PIECE_BYTES: usize = 32 * 1024;
/// So many objects of one family.
const PIECE_OBJECTS: usize = 250;

/// An answer under way.
pub struct Scrape {
    metrics: Arc<Metrics>,
    families: Box<dyn Iterator<Item = &'static Family> + Send>,
    /// The family that is being written, and the last object that was.
    family: Option<(&'static Family, Option<Key>)>,
}

impl Scrape {
    /// Begins one.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, families: Box::new(families::all()), family: None }
    }

    /// Writes some more objects, or some more families.
    fn go_on(&mut self, text: &mut String) -> bool {
        let (family, after) = match self.family.take() {
            Some((family, after)) => (family, after),
            None => {
                let Some(family) = self.families.next() else { return false };
                let (name, kind) = (family.name, family.kind.text());
                // Writing to a string does not fail.
                let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
                (family, None)
            }
        };
        let name = family.name;
        let metrics = &*self.metrics;
        let written = match family.source {
            Source::Few(write) => {
                // Asked of the system only where it is told.
                let process = name.starts_with("process_").then(Process::look).flatten();
                let view = View { metrics, process, now: Instant::now() };
                write(&view, &mut Lines::new(text, name, ""));
                None
            }
            _ if !metrics.leads() => None,
            Source::Rollouts(write) => each(&metrics.objects().rollouts, after, text, |key, series, text| {
                write(series, &mut Lines::new(text, name, key));
            }),
            Source::Runs(write) => each(&metrics.objects().runs, after, text, |key, phase, text| {
                write(phase, &mut Lines::new(text, name, key));
            }),
            Source::Templates(write) => {
                each(&metrics.objects().templates, after, text, |key, metrics, text| {
                    write(metrics, &mut Lines::new(text, name, key));
                })
            }
        };
        self.family = written.map(|last| (family, Some(last)));
        true
    }
}

impl Iterator for Scrape {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
        while text.len() < PIECE_BYTES && self.go_on(&mut text) {
            // After a part of the objects it is others' turn, however little there was to write.
            if self.family.is_some() {
                break;
            }
        }
        (!text.is_empty()).then_some(text).or_else(|| self.family.is_some().then(String::new))
    }
}

/// Writes the next objects; gives the last of them if there may be more.
fn each<T>(
    objects: &BTreeMap<Key, T>,
    after: Option<Key>,
    text: &mut String,
    mut write: impl FnMut(&str, &T, &mut String),
) -> Option<Key> {
    let mut labels = String::new();
    let from = after.map_or(Unbounded, Excluded);
    for (count, (key, object)) in objects.range((from, Unbounded)).enumerate() {
        labels.clear();
        label(&mut labels, "namespace", key.namespace());
        label(&mut labels, "name", key.name());
        write(&labels, object, text);
        if count + 1 == PIECE_OBJECTS || text.len() >= PIECE_BYTES {
            return Some(key.clone());
        }
    }
    None
}

/// Serves `/metrics`.
pub fn router(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(move |headers: HeaderMap| answer(Arc::clone(&metrics), headers)))
}

async fn answer(metrics: Arc<Metrics>, headers: HeaderMap) -> Response {
    let scrape = Scrape::new(metrics);
    let kind = [(header::CONTENT_TYPE, CONTENT_TYPE), (header::VARY, "Accept-Encoding")];
    if !gzip::is_accepted(&headers) {
        return (kind, Body::from_stream(in_turns(scrape))).into_response();
    }
    let coding = [(header::CONTENT_ENCODING, "gzip")];
    (kind, coding, Body::from_stream(in_turns(Gzipped { scrape, gzip: Some(Gzip::default()) })))
        .into_response()
}

/// The pieces of an answer, between which others have their turn.
fn in_turns<T>(pieces: impl Iterator<Item = T> + Send) -> impl Stream<Item = Result<T, Infallible>> + Send {
    stream::unfold(pieces, |mut pieces| async move {
        // Passes first: whoever asks for metrics has seconds.
        tokio::task::yield_now().await;
        Some((Ok(pieces.next()?), pieces))
    })
}

/// The same answer as gzip.
struct Gzipped {
    scrape: Scrape,
    gzip: Option<Gzip>,
}

impl Iterator for Gzipped {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        match self.scrape.next() {
            Some(piece) => self.gzip.as_mut().map(|gzip| gzip.push(&piece)),
            None => self.gzip.take().map(Gzip::end),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(metrics: &Arc<Metrics>, accepted: Option<&str>) -> (HeaderMap, Vec<u8>) {
        let mut request = http::Request::get("/metrics");
        if let Some(accepted) = accepted {
            request = request.header(header::ACCEPT_ENCODING, accepted);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = router(Arc::clone(metrics)).oneshot(request).await.unwrap();
        let headers = answer.headers().clone();
        (headers, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    /// What is said of Rollouts; a process gets older, and needs more figures to say so, between two scrapes.
    fn of_rollouts(text: &[u8]) -> Vec<String> {
        let text = String::from_utf8(text.to_vec()).unwrap_or_default();
        text.lines().filter(|line| !line.starts_with("process_")).map(str::to_owned).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_as_gzip_is_the_same_text_and_only_for_those_who_ask_for_it() {
        let metrics = crate::metrics::tests::busy(300);
        let (headers, plain) = ask(&metrics, None).await;
        assert!(headers.get(header::CONTENT_ENCODING).is_none());
        assert!(of_rollouts(&plain).len() > 300, "{} bytes", plain.len());
        let (headers, refused) = ask(&metrics, Some("deflate, identity")).await;
        assert!(headers.get(header::CONTENT_ENCODING).is_none());
        assert_eq!(of_rollouts(&refused), of_rollouts(&plain));
        let (headers, packed) = ask(&metrics, Some("gzip")).await;
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert_eq!(headers[header::CONTENT_TYPE], CONTENT_TYPE);
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(of_rollouts(&text), of_rollouts(&plain));
        assert!(packed.len() * 10 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
    }
}
