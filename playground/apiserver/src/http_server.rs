//! The server over TCP, for kubectl and other programs.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::serve::Listener;
use http::{Request, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tower::Service;

use crate::{answer::Answer, kubelet::Stopped, server::ApiServer, service::plain_response, status::ApiError};

/// How long connections may take to finish what they are sending when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Paths that need no token, as on a real server.
const OPEN_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// A server that listens. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: takes no more connections, lets answers finish for half a second, ends watches.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The task ends by itself; that it might have panicked changes nothing here.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl ApiServer {
    /// Serves HTTP/1.1 on `listener`, plain or with TLS, to those who bear `token`. Needs a runtime whose clock is not
    /// paused. Whoever makes the listener turns Nagle's algorithm off. (kubectl sends its token over TLS only.)
    ///
    /// # Errors
    /// If the listener has no address, which it always has while it is open.
    pub fn serve<L>(&self, listener: L, token: &str) -> std::io::Result<Listening>
    where
        L: Listener<Addr = SocketAddr>,
    {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let authorization = Arc::from(format!("Bearer {token}"));
        let task = tokio::spawn(accept(self.clone(), listener, authorization, stopped));
        Ok(Listening { address, stop, task })
    }
}

/// Waits until the server is told to stop, or its handle is gone.
async fn stop_of(stopped: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone, which stops the server as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn accept<L>(
    server: ApiServer,
    mut listener: L,
    authorization: Arc<str>,
    stopped: watch::Receiver<bool>,
) where
    L: Listener<Addr = SocketAddr>,
{
    let mut connections = JoinSet::new();
    let mut stopping = stopped.clone();
    loop {
        tokio::select! {
            biased;
            () = stop_of(&mut stopping) => break,
            (stream, _) = listener.accept() => {
                let (server, authorization) = (server.clone(), Arc::clone(&authorization));
                connections.spawn(converse(server, stream, authorization, stopped.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse<S>(
    server: ApiServer,
    stream: S,
    authorization: Arc<str>,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stopping = Stopped(stopped.clone());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let (mut server, authorization) = (server.clone(), Arc::clone(&authorization));
        request.extensions_mut().insert(stopping.clone());
        async move {
            if may(&request, &authorization) {
                server.call(request).await
            } else {
                Ok(plain_response(Answer::error(&ApiError::unauthorized())))
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            return;
        }
        () = stop_of(&mut stopped) => connection.as_mut().graceful_shutdown(),
    }
    // Whether it finished or ran out of time, the connection is dropped now.
    let _ = timeout(STOP_TIMEOUT, connection).await;
}

fn may(request: &Request<Incoming>, authorization: &str) -> bool {
    let path = request.uri().path();
    let open = OPEN_PATHS.contains(&path);
    open || request
        .headers()
        .get(header::AUTHORIZATION)
        .is_some_and(|found| found.as_bytes() == authorization.as_bytes())
}
