//! A fuse in a client's line: it blows at the N-th write, and from then on nothing is answered any more.
//!
//! That is what a process killed in the middle of a write looks like from outside: the write was applied or it was
//! not, and whoever waited for the answer is gone.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http::{Method, Request};
use tokio::sync::Notify;
use tower::Service;

/// Whether the write at which the fuse blows still reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The process died before the request left it.
    BeforeTheWrite,
    /// The write was applied; nobody heard the answer.
    AfterTheWrite,
}

/// Counts writes and blows at one of them.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<State>);

#[derive(Debug)]
struct State {
    blow: Blow,
    at: u64,
    writes: AtomicU64,
    blown: Notify,
}

impl Fuse {
    /// Blows at the `at`-th write, counted from 1; never, if there are fewer.
    pub fn new(at: u64, blow: Blow) -> Self {
        Self(Arc::new(State { blow, at, writes: AtomicU64::new(0), blown: Notify::new() }))
    }

    /// A fuse that never blows, to count writes.
    pub fn solid() -> Self {
        Self::new(u64::MAX, Blow::AfterTheWrite)
    }

    /// Writes that went through the line so far.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::SeqCst)
    }

    /// Returns once the fuse has blown.
    pub async fn blown(&self) {
        while self.writes() < self.0.at {
            self.0.blown.notified().await;
        }
    }

    /// The same line with this fuse in it.
    pub fn protect<S>(&self, inner: S) -> Fused<S> {
        Fused { inner, fuse: self.clone() }
    }
}

/// A service with a fuse before it.
#[derive(Clone, Debug)]
pub struct Fused<S> {
    inner: S,
    fuse: Fuse,
}

impl<S, B> Service<Request<B>> for Fused<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut inner = self.inner.clone();
        let state = self.fuse.0.clone();
        Box::pin(async move {
            let dry_run = request.uri().query().is_some_and(|query| query.contains("dryRun="));
            if request.method() == Method::GET || dry_run {
                if state.writes.load(Ordering::SeqCst) >= state.at {
                    return pending().await;
                }
                return inner.call(request).await;
            }
            let number = state.writes.fetch_add(1, Ordering::SeqCst) + 1;
            let blows_now = number == state.at;
            if number > state.at || (blows_now && state.blow == Blow::BeforeTheWrite) {
                state.blown.notify_waiters();
                state.blown.notify_one();
                return pending().await;
            }
            let answer = inner.call(request).await;
            if blows_now {
                state.blown.notify_waiters();
                state.blown.notify_one();
                return pending().await;
            }
            answer
        })
    }
}
