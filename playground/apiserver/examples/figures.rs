//! Measures a Kubernetes API server over TLS, whichever it is: `figures speed|configmaps|rollouts ADDRESS TOKEN [CRD.yaml]`.
//!
//! `speed` prints a name and a number a line: creates a second, lists of 5,000 objects a second, watch events delivered a
//! second to 50 watchers. The others only fill the server, so that its memory can be looked at. It believes any
//! certificate, so use it on loopback.

use std::{
    env,
    error::Error,
    fs,
    io::BufRead as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{io::BufReader, net::TcpStream, task::JoinSet, time::Instant};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use verdigris_playground_apiserver::unverified;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: usize = 8;
const OBJECTS: usize = 5_000;
/// Of each ConfigMap.
const TEXT_BYTES: usize = 1_000;
const LISTS: usize = 120;
const LISTERS: usize = 4;
const WATCHERS: usize = 50;
const UPDATES: usize = 5_000;
/// The most that is read from a connection at once.
const READ_BYTES: usize = 128 << 10;

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().collect();
    let usage = "figures speed|configmaps|rollouts ADDRESS TOKEN [CRD.yaml]";
    let argument = |index: usize| arguments.get(index).map(String::as_str).ok_or(usage);
    let server =
        Server { address: argument(2)?.to_owned(), authorization: format!("Bearer {}", argument(3)?) };
    match argument(1)? {
        "speed" => speed(&server).await,
        "configmaps" => create(&server, CONFIG_MAPS, 10_000, config_map).await.map(drop),
        "rollouts" => {
            define(&server, &fs::read_to_string(argument(4)?)?).await?;
            create(&server, ROLLOUTS, 2_000, rollout).await.map(drop)
        }
        _ => Err(usage.into()),
    }
}

async fn speed(server: &Server) -> Outcome<()> {
    let seconds = create(server, CONFIG_MAPS, OBJECTS, config_map).await?;
    println!("creates {:.1}", OBJECTS as f64 / seconds);
    println!("lists {:.2}", LISTS as f64 / list(server).await?);
    println!("events {:.0}", (WATCHERS * UPDATES) as f64 / watch(server).await?);
    Ok(())
}

/// Creates so many objects over a few connections; gives the seconds that it took.
async fn create(
    server: &Server,
    path: &'static str,
    count: usize,
    object: fn(usize) -> String,
) -> Outcome<f64> {
    let connections = server.connections(CONNECTIONS).await?;
    let (began, next) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                connection.whole(Method::POST, path, object(number)).await?;
            }
        });
    }
    finished(tasks).await?;
    Ok(began.elapsed().as_secs_f64())
}

async fn list(server: &Server) -> Outcome<f64> {
    let connections = server.connections(LISTERS).await?;
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for mut connection in connections {
        tasks.spawn(async move {
            for _ in 0..LISTS / LISTERS {
                let bytes = connection.count(Method::GET, CONFIG_MAPS).await?;
                if bytes < OBJECTS * TEXT_BYTES {
                    return Err(format!("a list of {bytes} bytes is not a list of {OBJECTS} objects").into());
                }
            }
            Ok(())
        });
    }
    finished(tasks).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// Updates objects while many watch; gives the seconds until the last watcher has seen the last update.
async fn watch(server: &Server) -> Outcome<f64> {
    let seen =
        server.connect().await?.whole(Method::GET, &format!("{CONFIG_MAPS}?limit=1"), String::new()).await?;
    let seen: serde_json::Value = serde_json::from_slice(&seen)?;
    let version = seen["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=600");
        let mut connection = server.connect().await?;
        let mut body = connection.ask(Method::GET, &path, String::new()).await?.into_body();
        watchers.spawn(async move {
            // The connection must live as long as its answer.
            let _connection = connection;
            let mut events = 0;
            while events < UPDATES {
                let frame = body.frame().await.ok_or("a watch ended early")??;
                events += frame.data_ref().map_or(0, |data| lines(data));
            }
            Ok(())
        });
    }
    let connections = server.connections(CONNECTIONS).await?;
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for (writer, mut connection) in connections.into_iter().enumerate() {
        writers.spawn(async move {
            for _ in 0..UPDATES / CONNECTIONS {
                let patch = format!("{CONFIG_MAPS}/c{writer}");
                connection.whole(Method::PUT, &patch, changed(writer, began.elapsed().as_nanos())).await?;
            }
            Ok(())
        });
    }
    finished(writers).await?;
    finished(watchers).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// How many lines end in this piece of a watch.
fn lines(mut piece: &[u8]) -> usize {
    let begun = usize::from(piece.last().is_some_and(|byte| *byte != b'\n'));
    let mut count = 0;
    // Newlines are searched for many bytes at a time.
    while let Ok(1..) = piece.skip_until(b'\n') {
        count += 1;
    }
    count - begun
}

async fn define(server: &Server, yaml: &str) -> Outcome<()> {
    let mut connection = server.connect().await?;
    let request = server.request(Method::POST, DEFINITIONS, "application/yaml", yaml.to_owned())?;
    read(connection.sender.send_request(request).await?).await?;
    // It is served a moment later.
    let bound = Instant::now();
    while connection.whole(Method::GET, ROLLOUTS, String::new()).await.is_err() {
        if bound.elapsed().as_secs() > 20 {
            return Err("waited 20 s for Rollouts to be served".into());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn finished(mut tasks: JoinSet<Outcome<()>>) -> Outcome<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn config_map(number: usize) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{number}"), "labels": {"app": "x"}},
           "data": {"text": "x".repeat(TEXT_BYTES)}})
    .to_string()
}

fn changed(number: usize, value: u128) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{number}")},
           "data": {"text": "x".repeat(TEXT_BYTES), "value": value.to_string()}})
    .to_string()
}

fn rollout(number: usize) -> String {
    let name = format!("r{number}");
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
           "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}},
                    "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
                        {"name": "app", "image": "example.com/app:v1", "env": [{"name": "WELCOME", "value": "v1"}],
                         "ports": [{"containerPort": 8080}],
                         "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]}},
                    "strategy": {"blueGreen": {"activeService": "active", "previewService": "preview",
                                               "autoPromotionEnabled": false}}}})
    .to_string()
}

struct Server {
    address: String,
    authorization: String,
}

struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    server: Server,
}

impl Server {
    /// Several connections, made before anything is timed.
    async fn connections(&self, count: usize) -> Outcome<Vec<Connection>> {
        let mut made = Vec::new();
        for _ in 0..count {
            made.push(self.connect().await?);
        }
        Ok(made)
    }

    async fn connect(&self) -> Outcome<Connection> {
        let config = unverified::client_config()?;
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        // TLS reads little at a time; what it asks of the system counts for the slower server as well as for the faster.
        let stream = BufReader::with_capacity(READ_BYTES, stream);
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let server = Server { address: self.address.clone(), authorization: self.authorization.clone() };
        Ok(Connection { sender, server })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        media: &str,
        body: String,
    ) -> Outcome<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, media);
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }
}

impl Connection {
    async fn ask(&mut self, method: Method, path: &str, body: String) -> Outcome<Response<Incoming>> {
        let request = self.server.request(method, path, "application/json", body)?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    async fn whole(&mut self, method: Method, path: &str, body: String) -> Outcome<Bytes> {
        read(self.ask(method, path, body).await?).await
    }

    /// Only counts the bytes of an answer: client and server share the processors, and it is the server that is measured.
    async fn count(&mut self, method: Method, path: &str) -> Outcome<usize> {
        let response = self.ask(method, path, String::new()).await?;
        if !response.status().is_success() {
            return read(response).await.map(|body| body.len());
        }
        let (mut body, mut bytes) = (response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(bytes)
    }
}

async fn read(response: Response<Incoming>) -> Outcome<Bytes> {
    let code = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if code.is_success() {
        Ok(body)
    } else {
        Err(format!("{code}: {}", String::from_utf8_lossy(&body)).into())
    }
}
