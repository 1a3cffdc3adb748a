//! Processes that answer real HTTP on loopback.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::Instant,
};
use tracing::debug;

use super::{
    host::{App, Check, PodHost, Probing, Process, WhenDrained},
    log::Output,
};

/// The longest that `/sleep/N` delays an answer.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Runs each container as an HTTP server, one listener on 127.0.0.1 per port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sockets;

impl PodHost for Sockets {
    fn start(&self, app: App, output: Output, when_drained: WhenDrained) -> io::Result<Box<dyn Process>> {
        let greeting = app.greeting();
        let shared = Arc::new(Shared {
            stage: watch::Sender::new(Stage::Serving),
            serving: AtomicUsize::new(app.ports.len()),
            app,
            output,
            when_drained,
        });
        let mut server = Server { shared: shared.clone(), listeners: BTreeMap::new(), tasks: Vec::new() };
        for port in &shared.app.ports {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            server.listeners.insert(*port, listener.local_addr()?);
            let listener = TcpListener::from_std(listener)?;
            server.tasks.push(tokio::spawn(serve(listener, shared.clone())).abort_handle());
        }
        shared.output.line(&greeting);
        Ok(Box::new(server))
    }
}

/// How far the process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// No new connections; those that are open close with their next answer.
    Draining,
    /// Idle connections close too.
    Closing,
}

struct Shared {
    app: App,
    output: Output,
    stage: watch::Sender<Stage>,
    /// Listeners that are open or still have connections.
    serving: AtomicUsize,
    when_drained: WhenDrained,
}

struct Server {
    shared: Arc<Shared>,
    listeners: BTreeMap<u16, SocketAddr>,
    tasks: Vec<AbortHandle>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("app", &self.shared.app).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Process for Server {
    fn listeners(&self) -> BTreeMap<u16, SocketAddr> {
        self.listeners.clone()
    }

    fn stop(&self) {
        self.shared.advance(Stage::Draining);
    }

    fn close_idle(&self) {
        self.shared.advance(Stage::Closing);
    }

    fn is_drained(&self) -> bool {
        self.shared.serving.load(Ordering::SeqCst) == 0
    }

    fn probe(&self, check: Check, timeout: Duration) -> Probing<'_> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, self.ask(&check)).await {
                Ok(answer) => answer,
                Err(_) => Err("context deadline exceeded".to_owned()),
            }
        })
    }
}

impl Server {
    async fn ask(&self, check: &Check) -> Result<(), String> {
        let (Check::Http { port, .. } | Check::Tcp { port }) = check else {
            return if self.shared.app.healthy { Ok(()) } else { Err("command exited with 1".to_owned()) };
        };
        let refused = || format!("dial tcp :{port}: connect: connection refused");
        let address = self.listeners.get(port).ok_or_else(refused)?;
        let mut connection = TcpStream::connect(address).await.map_err(|_| refused())?;
        let Check::Http { path, .. } = check else { return Ok(()) };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: probe\r\nuser-agent: kube-probe/1.36\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        // "HTTP/1.1 200": the status is in the bytes from 9 to 12.
        let mut start = [0; 12];
        connection.read_exact(&mut start).await.map_err(|error| error.to_string())?;
        let status: u16 =
            std::str::from_utf8(&start[9..]).ok().and_then(|status| status.parse().ok()).unwrap_or(0);
        if (200..400).contains(&status) {
            Ok(())
        } else {
            Err(format!("HTTP probe failed with statuscode: {status}"))
        }
    }
}

impl Shared {
    fn advance(&self, stage: Stage) {
        self.stage.send_if_modified(|current| {
            let later = stage > *current;
            if later {
                *current = stage;
            }
            later
        });
    }

    fn draining(&self) -> bool {
        *self.stage.borrow() > Stage::Serving
    }
}

/// Waits until the process has come this far.
async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // The sender lives as long as the process; without it, it has gone all the way.
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut stage = shared.stage.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! { biased;
            () = reached(&mut stage, Stage::Draining) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(answer(stream, shared.clone())); }
                // Out of file descriptors, most likely: give the others a chance to close theirs.
                Err(error) => { debug!(%error, "accept failed"); tokio::time::sleep(Duration::from_millis(10)).await; }
            },
        }
    }
    // What the system has accepted for us already is answered too; closing the listener would reset it.
    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        connections.spawn(answer(stream, shared.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    if shared.serving.fetch_sub(1, Ordering::SeqCst) == 1 {
        (shared.when_drained)();
    }
}

/// Serves one connection to its end.
async fn answer(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut stage = shared.stage.subscribe();
    let service = service_fn(move |request| respond(shared.clone(), request));
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! { biased;
        result = connection.as_mut() => return log_end(result),
        () = reached(&mut stage, Stage::Closing) => connection.as_mut().graceful_shutdown(),
    }
    log_end(connection.await);
}

fn log_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        debug!(%error, "connection broke");
    }
}

/// `WELCOME` in the first line, then who answers. `/sleep/N` answers after N milliseconds.
async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = Instant::now();
    if let Some(milliseconds) = request.uri().path().strip_prefix("/sleep/").and_then(|n| n.parse().ok()) {
        tokio::time::sleep(Duration::from_millis(milliseconds).min(SLEEP_MAX)).await;
    }
    let app = &shared.app;
    let mut response = Response::new(Full::new(Bytes::from(if app.healthy {
        format!("{}\npod {}, image {}, revision {}\n", app.welcome, app.pod, app.image, app.revision)
    } else {
        format!("this image answers with errors\npod {}, image {}\n", app.pod, app.image)
    })));
    if !app.healthy {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    for (name, value) in [("x-pod", &app.pod), ("x-image", &app.image), ("x-revision", &app.revision)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if shared.draining() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    shared.output.line(&format!(
        "{} {} {} {}ms \"{}\"",
        request.method(),
        request.uri(),
        response.status().as_u16(),
        asked.elapsed().as_millis(),
        agent.unwrap_or("-")
    ));
    Ok(response)
}
