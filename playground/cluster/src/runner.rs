//! Runs one pass per key at a time over a queue.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use tracing::{debug, warn};

use crate::queue::{Ended, Queue};

/// How many keys of one controller are worked on side by side.
const PASSES_AT_ONCE_MAX: usize = 16;
/// A pass that takes longer hangs on something: it is dropped and tried again.
const PASS_DURATION_MAX: Duration = Duration::from_secs(60);

/// What went wrong in a pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The API refused or did not answer.
    #[error("{doing}")]
    Api {
        /// What the pass was about to do, and to which object.
        doing: String,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// Something on this machine failed, such as opening a listener.
    #[error("{doing}")]
    Local {
        /// What the pass was about to do.
        doing: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// Adds to an API error what we were doing.
pub trait While<T> {
    /// Says what was being done, for the log.
    ///
    /// # Errors
    /// The error that was there, with `doing` said.
    fn during(self, doing: impl FnOnce() -> String) -> Result<T, PassError>;
}

impl<T> While<T> for Result<T, kube::Error> {
    fn during(self, doing: impl FnOnce() -> String) -> Result<T, PassError> {
        self.map_err(|source| PassError::Api { doing: doing(), source: Box::new(source) })
    }
}

/// Works on `queue` for ever. `pass` says when to look again at its key, if nothing changes before.
pub async fn run<K, F, P>(controller: &'static str, queue: Arc<Queue<K>>, pass: F)
where
    K: Ord + Clone + std::fmt::Display,
    F: Fn(K) -> P,
    P: Future<Output = Result<Option<Duration>, PassError>>,
{
    let mut passes = FuturesUnordered::new();
    loop {
        tokio::select! { biased;
            Some((key, result)) = passes.next(), if !passes.is_empty() => {
                queue.finish(&key, judge(controller, &key, result));
            }
            key = queue.next(), if passes.len() < PASSES_AT_ONCE_MAX => {
                let passing = tokio::time::timeout(PASS_DURATION_MAX, pass(key.clone()));
                passes.push(async move { (key, passing.await) });
            }
        }
    }
}

fn judge<K: std::fmt::Display>(
    controller: &str,
    key: &K,
    result: Result<Result<Option<Duration>, PassError>, tokio::time::error::Elapsed>,
) -> Ended {
    match result {
        Ok(Ok(None)) => Ended::Settled,
        Ok(Ok(Some(after))) => Ended::LookAgain(after),
        Ok(Err(error)) => {
            // A conflict or a vanished object is everyday life between controllers; the next pass sees it.
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            if is_code(&error, 409) || is_code(&error, 404) {
                debug!(controller, %key, %error, cause, "pass was overtaken");
            } else {
                warn!(controller, %key, %error, cause, "pass failed");
            }
            Ended::Failed
        }
        Err(_) => {
            warn!(controller, %key, "pass hangs, dropped");
            Ended::Failed
        }
    }
}

fn is_code(error: &PassError, code: u16) -> bool {
    matches!(error, PassError::Api { source, .. } if has_code(source, code))
}

/// Whether the API answered with this HTTP status code.
#[must_use]
pub fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
