//! The small HTTP servers of the controller: health and metrics, each on a port of its own.
//!
//! A server is one future without tasks: dropping it closes everything. It shares the thread with the controller, so that an
//! answer proves that this thread still turns. Whoever connects and then says nothing is hung up on, so that a full house
//! empties by itself.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{Extension, Router};
use futures::{StreamExt, stream::FuturesUnordered};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

/// So many connections are served at once; more wait.
const CONNECTIONS_MAX: usize = 128;
/// A connection on which no request comes for so long is closed.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How long answers under way may take once the server was told to stop.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long to wait when connections cannot be accepted, for want of file descriptors as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// A port that is listened on.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    what: &'static str,
}

/// Who asks: an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "port {port}, on which {what} should be served, is in use: choose another with {flag}, or 0 for any"
    )]
    InUse {
        /// The port.
        port: u16,
        /// What should be served there.
        what: &'static str,
        /// The flag that sets the port.
        flag: &'static str,
    },
    /// Anything else.
    #[error("listening on port {port}, on which {what} should be served ({flag})")]
    Other {
        /// The port.
        port: u16,
        /// What should be served there.
        what: &'static str,
        /// The flag that sets the port.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Listening {
    /// Listens on all addresses of the machine. Port 0 is any that is free; which one the log says.
    pub async fn on(port: u16, what: &'static str, flag: &'static str) -> Result<Self, ListenError> {
        // One socket for both families, but on machines without IPv6.
        let bound = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
            }
            bound => bound,
        };
        let bound = bound.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok(Self { listener, address, what })
        });
        let listening = bound.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { port, what, flag },
            _ => ListenError::Other { port, what, flag, source },
        })?;
        info!(what, port = listening.port(), "listens");
        Ok(listening)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers requests until `stop` resolves, and then those under way, within a second.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()> + Send) {
        let Self { listener, what, .. } = self;
        let (closing, closed) = watch::channel(false);
        let mut connections = FuturesUnordered::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! { biased;
                () = &mut stop => break,
                Some(()) = connections.next() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, peer)) => {
                        let router = router.clone().layer(Extension(Peer(peer)));
                        connections.push(talk(stream, router, closed.clone()));
                    }
                    Err(error) => {
                        warn!(what, why = %error, "cannot accept a connection; tries again");
                        sleep(ACCEPT_AGAIN).await;
                    }
                }
            }
        }
        drop(listener);
        closing.send_replace(true);
        let ended = async { while connections.next().await.is_some() {} };
        if timeout(GOODBYE, ended).await.is_err() {
            debug!(what, "answers under way did not end in time; they are given up");
        }
    }
}

async fn talk(stream: TcpStream, router: Router, mut closed: watch::Receiver<bool>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WAIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let is_closed = async { drop(closed.wait_for(|closed| *closed).await) };
    let ended = tokio::select! { biased;
        ended = connection.as_mut() => ended,
        () = is_closed => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(why = %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    async fn connect(port: u16) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
    }

    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        timeout(LONG, stream.read_to_string(&mut text)).await.expect("the end of the connection").unwrap();
        text
    }

    #[tokio::test]
    async fn an_answer_under_way_is_given_and_idle_connections_are_closed_at_the_stop() {
        let listening = Listening::on(0, "tests", "--port").await.unwrap();
        let port = listening.port();
        let (asked, is_asked) = oneshot::channel::<()>();
        let asked = std::sync::Mutex::new(Some(asked));
        let asked = std::sync::Arc::new(asked);
        let slow = move || {
            let asked = asked.lock().unwrap().take();
            async move {
                asked.map(|asked| asked.send(()));
                sleep(Duration::from_millis(200)).await;
                "done"
            }
        };
        let router = Router::new().route("/slow", get(slow)).route("/", get(|| async { "ok" }));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(listening.serve(router, async move {
            let _ = stopped.await;
        }));
        let mut idle = connect(port).await;
        ask(&mut idle, "/").await;
        let mut first = [0; 12];
        timeout(LONG, idle.read_exact(&mut first)).await.expect("an answer").unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        let mut slow = connect(port).await;
        ask(&mut slow, "/slow").await;
        timeout(LONG, is_asked).await.expect("the request to arrive").unwrap();
        stop.send(()).unwrap();
        assert!(rest(&mut slow).await.ends_with("done"));
        assert!(rest(&mut idle).await.ends_with("ok"), "closed without a word");
        timeout(LONG, serving).await.expect("the end of the server").unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_said_with_the_flag_that_chooses_another() {
        let taken = Listening::on(0, "health", "--healthzPort").await.unwrap();
        let error = Listening::on(taken.port(), "metrics", "--metricsPort").await.unwrap_err().to_string();
        let wanted = format!(
            "port {}, on which metrics should be served, is in use: choose another with --metricsPort, or 0 for any",
            taken.port()
        );
        assert_eq!(error, wanted);
    }
}
