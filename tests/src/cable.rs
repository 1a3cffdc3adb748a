//! The cable between a controller and its API server, which can be pulled: then no answer and no event arrives any more, nobody
//! is told so, and what was sent last has arrived or not.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures::future::{BoxFuture, pending};
use http::{Method, Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use kube::client::Body;
use tokio::sync::watch;

/// One replica's cable. Clones are the same cable.
#[derive(Clone, Debug, Default)]
pub struct Cable {
    state: Arc<watch::Sender<State>>,
    /// How many writes were applied that went through clients that count.
    writes: Arc<AtomicU64>,
    /// It is pulled at this one; 0: at none.
    pulled_at: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    pulls: u64,
    is_out: bool,
}

impl Cable {
    /// Pulls it out when so many more writes have been applied.
    pub fn pull_after_writes(&self, more: u64) {
        self.pulled_at.store(self.writes.load(Ordering::SeqCst) + more, Ordering::SeqCst);
    }

    /// Pulls it out.
    pub fn pull(&self) {
        self.state.send_modify(|state| (state.pulls, state.is_out) = (state.pulls + 1, true));
    }

    /// Plugs it in. What was under way before is broken off.
    pub fn plug(&self) {
        self.state.send_modify(|state| state.is_out = false);
    }

    /// Returns once it is out.
    pub async fn pulled(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.is_out).await;
    }

    /// The same client at the other end of this cable. Its writes count, or not.
    pub fn client(&self, client: kube::Client, counts: bool) -> kube::Client {
        let cable = self.clone();
        let line = tower::service_fn(move |request: Request<Body>| {
            let (client, cable) = (client.clone(), cable.clone());
            async move { cable.carry(client, request, counts).await }
        });
        kube::Client::new(line, "default")
    }

    async fn carry(
        &self,
        client: kube::Client,
        request: Request<Body>,
        counts: bool,
    ) -> kube::Result<Response<Carried>> {
        let born = *self.state.borrow();
        if born.is_out {
            return pending().await;
        }
        let dry_run = request.uri().query().is_some_and(|query| query.contains("dryRun="));
        let is_write = counts && request.method() != Method::GET && !dry_run;
        let answer = client.send(request).await?;
        if is_write && self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.pulled_at.load(Ordering::SeqCst)
        {
            self.pull();
        }
        if self.state.borrow().pulls != born.pulls {
            return pending().await;
        }
        let state = self.state.subscribe();
        Ok(answer.map(|body| Carried { body, state, born: born.pulls, plugged: None }))
    }
}

/// An answer whose rest may not arrive.
pub struct Carried {
    body: Body,
    state: watch::Receiver<State>,
    born: u64,
    plugged: Option<BoxFuture<'static, ()>>,
}

impl HttpBody for Carried {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, kube::Error>>> {
        loop {
            let state = *self.state.borrow();
            if state.pulls == self.born {
                return Pin::new(&mut self.body).poll_frame(context);
            }
            if !state.is_out {
                return Poll::Ready(Some(Err(kube::Error::Service("the cable was pulled".into()))));
            }
            let mut changes = self.state.clone();
            let plugged = self.plugged.get_or_insert_with(|| {
                Box::pin(async move {
                    let _ = changes.wait_for(|state| !state.is_out).await;
                })
            });
            if plugged.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.plugged = None;
        }
    }
}
