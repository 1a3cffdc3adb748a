//! Live pages: a stream of server-sent events, each a handful of fragments of HTML that replace their predecessors.
//!
//! An event's data is a JSON array of [`Change`]s. Rows of a list say where they belong; the script puts them in order.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    Sse,
    sse::{Event, KeepAlive, KeepAliveStream},
};
use futures::{Stream, stream};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    problem::Problem,
    state::{App, Shared},
};

/// Changes are collected for so long before they are sent together.
const GAP: Duration = Duration::from_millis(200);
/// Time alone changes pages too.
const TICK: Duration = Duration::from_secs(5);
/// A comment now and then tells dead connections from quiet ones.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One change of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Change {
    /// The element with this id becomes this HTML.
    Set {
        id: String,
        html: String,
        /// The list it belongs to, if it may not be there yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        list: Option<&'static str>,
    },
    /// The element with this id goes.
    Gone { gone: String },
    /// All rows but these go: what a page shows that comes back after a while.
    Only { only: Vec<String> },
}

impl Change {
    /// An element that every page of this sort has.
    pub(crate) fn set(id: &str, html: String) -> Self {
        Self::Set { id: id.to_owned(), html, list: None }
    }
}

/// A page that can say what has changed since it was last asked.
pub(crate) trait Follow: Send + 'static {
    /// Changes since the last call; since the page was rendered in the first one.
    fn changes(&mut self, app: &Shared) -> Vec<Change>;

    /// Changes that come with time alone ("is promoted by itself in 18s"); asked for every [`TICK`].
    fn ticks(&mut self, app: &Shared) -> Vec<Change>;
}

/// The stream of one viewer.
pub(crate) type Live =
    Sse<KeepAliveStream<std::pin::Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>>>;

/// What a browser says it has seen: `Last-Event-ID` when it comes again, `?seen=` when it comes first. `None` if that
/// was another process, or is no version at all.
pub(crate) fn seen(app: &Shared, headers: &HeaderMap, query: Option<&str>) -> Option<u64> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).or(query)?;
    let (epoch, version) = last.split_once('-')?;
    if epoch == app.secret.epoch() { version.parse().ok() } else { None }
}

/// Begins the stream of one viewer.
pub(crate) fn follow(app: App, page: impl Follow) -> Result<Live, Problem> {
    let Ok(permit) = app.viewers.clone().try_acquire_owned() else {
        let sentence = "Too many pages are open; close some, or reload this one for a newer picture.";
        return Err(app.problem(StatusCode::SERVICE_UNAVAILABLE, sentence));
    };
    let viewer = Viewer {
        version: app.store.subscribe(),
        stopping: app.stopping.subscribe(),
        not_before: None,
        told: 0,
        page,
        app,
        _permit: permit,
    };
    let stream = stream::unfold(viewer, |mut viewer| async move { Some((Ok(viewer.next().await?), viewer)) });
    let stream: std::pin::Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(stream);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Viewer<P> {
    app: App,
    page: P,
    version: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    /// When the next event may be sent; `None` before the first.
    not_before: Option<Instant>,
    /// The version whose changes were sent last.
    told: u64,
    _permit: OwnedSemaphorePermit,
}

impl<P: Follow> Viewer<P> {
    /// The next event; `None` once the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(not_before) = self.not_before {
                let ticked = tokio::select! { biased;
                    _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                    changed = self.version.changed() => changed.map(|()| false).ok()?,
                    () = sleep(TICK) => true,
                };
                if ticked {
                    let changes = self.page.ticks(&self.app);
                    match self.event(&changes, self.told) {
                        Some(event) => return Some(event),
                        None => continue,
                    }
                }
                sleep_until(not_before).await;
            }
            self.not_before = Some(Instant::now() + GAP);
            // Read before the changes are: what comes in between is told twice rather than not at all.
            let version = *self.version.borrow_and_update();
            let changes = self.page.changes(&self.app);
            self.told = version;
            if let Some(event) = self.event(&changes, version) {
                return Some(event);
            }
        }
    }

    fn event(&self, changes: &[Change], version: u64) -> Option<Event> {
        if changes.is_empty() {
            return None;
        }
        let json = serde_json::to_string(changes);
        let json =
            json.inspect_err(|error| tracing::error!(%error, "changes cannot be written as JSON")).ok()?;
        Some(Event::default().event("changes").id(self.app.seen(version)).data(json))
    }
}
