//! `/portForward/{namespace}/{pod}`: connections to a pod's ports, each of them two streams of one SPDY connection.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};
use tracing::debug;
use verdigris_playground_streams::{
    Wire,
    spdy::{Event, Headers, Session},
};

use super::{Body, plain, upgrade::Offer};
use crate::kubelet::{Kubelet, network::PodNetwork, shown::ShownPod};

const PROTOCOL: &str = "portforward.k8s.io";
const TUNNELLED: &str = "SPDY/3.1+portforward.k8s.io";
/// How much is read at a time.
const BUFFER_BYTES: usize = 16 << 10;
/// How many pieces wait for a connection that is slow to take them.
const PIECES_MAX: usize = 8;

/// Begins to forward, or says why not.
pub(super) fn answer(
    kubelet: &Arc<Kubelet>,
    (namespace, pod): (&str, &str),
    mut request: Request<Incoming>,
) -> Response<Body> {
    let Some(shown) = kubelet.shown.get(namespace, pod) else {
        return plain(StatusCode::NOT_FOUND, "pod does not exist");
    };
    if shown.containers.values().all(|container| !container.running) {
        let missing = format!("pod not found (\"{pod}_{namespace}\")");
        return plain(StatusCode::INTERNAL_SERVER_ERROR, missing);
    }
    let Some(offer) = Offer::of(request.headers()) else {
        return plain(StatusCode::BAD_REQUEST, "Upgrade request required");
    };
    let ours = if matches!(offer, Offer::WebSocket { .. }) { TUNNELLED } else { PROTOCOL };
    if offer.choose(&[ours]).is_none() {
        return offer.refuse(&[ours]);
    }
    let wire = if ours == TUNNELLED { Wire::web_socket() } else { Wire::Plain };
    let upgraded = hyper::upgrade::on(&mut request);
    let target = Target { pod: shown, name: pod.to_owned(), network: kubelet.options.network.clone() };
    kubelet.hub.spawn(async move {
        match upgraded.await {
            Ok(stream) => Forwarding::new(target, wire).run(TokioIo::new(stream)).await,
            Err(error) => debug!(%error, "a client went away before its ports were forwarded"),
        }
    });
    offer.accept(ours)
}

/// The pod whose ports are reached.
struct Target {
    pod: Arc<ShownPod>,
    name: String,
    network: PodNetwork,
}

/// The two streams of a connection, as far as they are open.
#[derive(Debug, Default)]
struct Pair {
    error: Option<u32>,
    data: Option<u32>,
}

/// A connection to a port, by its stream of data.
struct Connection {
    error: u32,
    /// There until the client has sent its last.
    to_pod: Option<mpsc::Sender<Vec<u8>>>,
    task: AbortHandle,
}

/// What a connection has to say to its client.
enum Said {
    Data(Vec<u8>),
    End,
    Failed(String),
    /// Nothing is left of it, and nothing more will be said.
    Gone,
}

struct Forwarding {
    target: Target,
    session: Session,
    /// Pairs that are not complete, by the client's number.
    pairs: BTreeMap<String, Pair>,
    connections: BTreeMap<u32, Connection>,
    /// What connections have not taken yet. Nothing more is read meanwhile.
    waiting: VecDeque<(u32, Vec<u8>)>,
    tasks: JoinSet<()>,
    tell: mpsc::Sender<(u32, Said)>,
    hear: mpsc::Receiver<(u32, Said)>,
}

impl Forwarding {
    fn new(target: Target, wire: Wire) -> Self {
        let (tell, hear) = mpsc::channel(PIECES_MAX);
        Self {
            target,
            session: Session::new(wire),
            pairs: BTreeMap::new(),
            connections: BTreeMap::new(),
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            tell,
            hear,
        }
    }

    /// Forwards until the client is gone.
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut client: S) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let waits_for = self.next_to_take();
            tokio::select! { biased;
                Some((stream, said)) = self.hear.recv() => self.pass_on(stream, said),
                permit = async { waits_for.as_ref()?.1.clone().reserve_owned().await.ok() }, if waits_for.is_some() => {
                    if let (Some(permit), Some((_, bytes))) = (permit, self.waiting.pop_front()) {
                        permit.send(bytes);
                    }
                }
                read = client.read(&mut buffer), if waits_for.is_none() => {
                    let count = read.unwrap_or(0);
                    if count == 0 || !self.take(&buffer[..count]) {
                        break;
                    }
                }
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
            }
            if client.write_all(&self.session.take_output()).await.is_err() || client.flush().await.is_err() {
                return;
            }
        }
        self.session.close();
        let _ = client.write_all(&self.session.take_output()).await;
        let _ = client.shutdown().await;
    }

    /// Whose turn it is to take something; what nobody will take is dropped.
    fn next_to_take(&mut self) -> Option<(u32, mpsc::Sender<Vec<u8>>)> {
        while let Some((stream, bytes)) = self.waiting.front() {
            let stream = *stream;
            let connection = self.connections.get_mut(&stream);
            let sender = connection.as_ref().and_then(|one| one.to_pod.clone());
            match sender.filter(|sender| !sender.is_closed()) {
                // Nothing stands for the end.
                Some(_) if bytes.is_empty() => {
                    if let Some(connection) = connection {
                        connection.to_pod = None;
                    }
                    self.waiting.pop_front();
                }
                Some(sender) => return Some((stream, sender)),
                None => drop(self.waiting.pop_front()),
            }
        }
        None
    }

    /// Takes what the client has sent; whether it is still there.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let events = match self.session.receive(bytes) {
            Ok(events) => events,
            Err(error) => {
                debug!(%error, "a client is not understood");
                return false;
            }
        };
        for event in events {
            match event {
                Event::Opened { stream, headers } => self.open(stream, &headers),
                Event::Data { stream, bytes } => self.waiting.push_back((stream, bytes)),
                Event::Finished { stream } => self.waiting.push_back((stream, Vec::new())),
                Event::Reset { stream } => self.end(stream),
                Event::GoneAway | Event::Closed => return false,
            }
        }
        true
    }

    fn open(&mut self, stream: u32, headers: &Headers) {
        let text = |name: &str| headers.get(name).cloned().unwrap_or_default();
        let port: Option<u16> = text("port").parse().ok().filter(|port| *port > 0);
        let request = text("requestid");
        let pair = self.pairs.entry(request.clone()).or_default();
        match (text("streamtype").as_str(), port) {
            ("error", Some(_)) if pair.error.is_none() => pair.error = Some(stream),
            ("data", Some(_)) if pair.data.is_none() => pair.data = Some(stream),
            _ => return self.session.reset(stream),
        }
        let complete = pair.error.zip(pair.data);
        self.session.reply(stream);
        if let (Some((error, data)), Some(port)) = (complete, port) {
            self.pairs.remove(&request);
            self.connect(error, data, port);
        }
    }

    fn connect(&mut self, error: u32, data: u32, port: u16) {
        let Target { pod, name, network } = &self.target;
        let address = network.resolve(pod.address, port);
        let failure = format!(
            "error forwarding port {port} to pod {name}, uid {uid}: failed to connect to localhost:{port} inside \
             namespace \"{uid}\": dial tcp4 127.0.0.1:{port}: connect: connection refused",
            uid = pod.uid
        );
        let (to_pod, from_client) = mpsc::channel(PIECES_MAX);
        let tell = self.tell.clone();
        let task = self.tasks.spawn(async move {
            match reach(address).await {
                Some(stream) => carry(stream, from_client, data, &tell).await,
                // That nobody hears it means that the client is gone.
                None => drop(tell.send((data, Said::Failed(failure))).await),
            }
            drop(tell.send((data, Said::Gone)).await);
        });
        self.connections.insert(data, Connection { error, to_pod: Some(to_pod), task });
    }

    fn pass_on(&mut self, stream: u32, said: Said) {
        let Some(connection) = self.connections.get(&stream) else { return };
        let error = connection.error;
        match said {
            Said::Data(bytes) => self.session.send(stream, &bytes),
            // The client takes the end of the data for the end of the connection, and then looks for errors.
            Said::End => {
                self.session.finish(stream);
                self.session.finish(error);
            }
            Said::Failed(why) => {
                self.session.send(error, why.as_bytes());
                self.session.finish(error);
                self.session.finish(stream);
            }
            Said::Gone => drop(self.connections.remove(&stream)),
        }
    }

    /// The client has broken a stream off.
    fn end(&mut self, stream: u32) {
        if let Some(connection) = self.connections.remove(&stream) {
            connection.task.abort();
            self.session.finish(connection.error);
        }
        self.pairs.retain(|_, pair| pair.error != Some(stream) && pair.data != Some(stream));
    }
}

async fn reach(address: Option<SocketAddr>) -> Option<TcpStream> {
    let stream = TcpStream::connect(address?).await.ok()?;
    let _ = stream.set_nodelay(true);
    Some(stream)
}

/// Carries bytes both ways until both sides have said all.
async fn carry(
    stream: TcpStream,
    mut from_client: mpsc::Receiver<Vec<u8>>,
    data: u32,
    tell: &mpsc::Sender<(u32, Said)>,
) {
    let (mut from_pod, mut to_pod) = stream.into_split();
    let there = async {
        while let Some(bytes) = from_client.recv().await {
            if to_pod.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to_pod.shutdown().await;
    };
    let back = async {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = from_pod.read(&mut buffer).await.unwrap_or(0);
            let said = if count == 0 { Said::End } else { Said::Data(buffer[..count].to_vec()) };
            if tell.send((data, said)).await.is_err() || count == 0 {
                return;
            }
        }
    };
    tokio::join!(there, back);
}
