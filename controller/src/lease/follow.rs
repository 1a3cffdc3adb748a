//! The watch of one Lease. Whoever may not watch it reads it instead: the election sees to that when it hears nothing.

use std::{fmt, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{WatchEvent, WatchParams},
};
use tokio::time::timeout;
use tracing::info;

/// Wait before the watch is begun again.
const AGAIN: Duration = Duration::from_secs(1);
/// The same where we may not watch: until somebody gives the permission.
const AGAIN_FORBIDDEN: Duration = Duration::from_secs(60);
/// How long the server may take to begin it.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// The server ends a watch after so long, in seconds.
const WATCH_SECONDS: u32 = 290;

/// What the watch shows.
#[derive(Debug)]
pub enum Shown {
    /// The Lease is this.
    There(Box<Lease>),
    /// It was deleted; its last version.
    Deleted(Box<Lease>),
}

type Events = BoxStream<'static, kube::Result<WatchEvent<Lease>>>;

struct Watch {
    leases: Api<Lease>,
    name: String,
    events: Option<Events>,
    wait: Duration,
    is_forbidden: bool,
}

/// Follows the Lease of this name, without end.
#[must_use]
pub fn follow(leases: Api<Lease>, name: &str) -> BoxStream<'static, Shown> {
    let (name, wait) = (name.to_owned(), Duration::ZERO);
    let watch = Watch { leases, name, events: None, wait, is_forbidden: false };
    stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(shown) = watch.next().await {
                return Some((shown, watch));
            }
        }
    })
    .boxed()
}

impl Watch {
    async fn next(&mut self) -> Option<Shown> {
        let Some(events) = &mut self.events else {
            tokio::time::sleep(self.wait).await;
            self.begin().await;
            return None;
        };
        match events.next().await {
            Some(Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => {
                Some(Shown::There(Box::new(lease)))
            }
            Some(Ok(WatchEvent::Deleted(lease))) => Some(Shown::Deleted(Box::new(lease))),
            Some(Ok(WatchEvent::Bookmark(_))) => None,
            Some(Ok(WatchEvent::Error(status))) => self.stopped(&status),
            Some(Err(error)) => self.stopped(&error),
            None => self.stopped(&"the server ended it"),
        }
    }

    async fn begin(&mut self) {
        let params =
            WatchParams::default().fields(&format!("metadata.name={}", self.name)).timeout(WATCH_SECONDS);
        // From "0": it begins with the Lease as the server remembers it. That may be old, which the election can bear.
        let begun = timeout(BEGIN_MAX, self.leases.watch(&params, "0")).await;
        let Ok(begun) = begun else {
            self.stopped(&"no answer");
            return;
        };
        match begun {
            Ok(events) => (self.events, self.is_forbidden) = (Some(events.boxed()), false),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                if !std::mem::replace(&mut self.is_forbidden, true) {
                    info!(
                        why = status.message,
                        "may not watch the Lease and reads it instead, so that a planned hand-over takes seconds"
                    );
                }
                self.wait = AGAIN_FORBIDDEN;
            }
            Err(error) => _ = self.stopped(&error),
        }
    }

    fn stopped(&mut self, why: &dyn fmt::Display) -> Option<Shown> {
        tracing::debug!(%why, "the watch of the Lease ended; it is begun again");
        (self.events, self.wait) = (None, AGAIN);
        None
    }
}
