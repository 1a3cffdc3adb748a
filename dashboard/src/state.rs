//! What all handlers share.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use kube::Client;
use tokio::sync::{Semaphore, watch};

use crate::{
    options::{Clock, Options},
    problem::Problem,
    secret::Secret,
    store::{Key, Store},
};

/// Live streams at the same time; a browser tab holds one.
const VIEWERS_MAX: usize = 200;

/// Shared by all handlers.
pub(crate) type App = Arc<Shared>;

/// The one store, and what it takes to show it and to act.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) secret: Secret,
    pub(crate) options: Options,
    /// `` or `/some/path`.
    pub(crate) root: String,
    /// Permits for live streams.
    pub(crate) viewers: Arc<Semaphore>,
    /// True once the server stops, so that live streams end.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(client: Client, options: Options, root: String, clock: Clock, secret: Secret) -> Self {
        Self {
            client,
            store: Store::new(),
            clock,
            secret,
            options,
            root,
            viewers: Arc::new(Semaphore::new(VIEWERS_MAX)),
            stopping: watch::Sender::new(false),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The list of this namespace, or of all.
    pub(crate) fn list_url(&self, namespace: Option<&str>) -> String {
        format!("{}/{}", self.root, namespace.unwrap_or_default())
    }

    /// The page of one Rollout.
    pub(crate) fn rollout_url(&self, key: &Key) -> String {
        format!("{}/rollout/{}/{}", self.root, key.0, key.1)
    }

    /// Where a page is in the history of this process: what it has seen.
    pub(crate) fn seen(&self, version: u64) -> String {
        format!("{}-{version}", self.secret.epoch())
    }

    /// A refusal or failure, as a page.
    pub(crate) fn problem(&self, status: StatusCode, sentence: impl Into<String>) -> Problem {
        Problem { status, sentence: sentence.into(), root: self.root.clone(), back: None }
    }
}
