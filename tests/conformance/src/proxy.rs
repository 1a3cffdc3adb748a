//! A recording proxy: stands in front of a server, behind TLS of its own, and notes what clients ask.
//!
//! What it has noted becomes a story ([`story`]): each shape of request once, with variables where a client has sent what it was
//! told before.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use verdigris_playground::tls::{Identity, TlsListener};

use crate::{server::Server, wire::Wire};

pub mod story;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// One request of a client, and what it was answered.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `content-type`, and `accept` as far as it asks for another form.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The answer, if it was JSON.
    pub answer: Value,
}

/// A running proxy. Dropping it ends it.
pub struct Proxy {
    kubeconfig: PathBuf,
    noted: Arc<Mutex<Vec<Noted>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Stands in front of `server`; writes a kubeconfig that leads to it into `folder`.
    ///
    /// # Errors
    /// If it cannot listen on loopback, or the kubeconfig cannot be written.
    pub async fn start(server: &Server, folder: &Path) -> anyhow::Result<Self> {
        let identity = Identity::new()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening for the proxy")?;
        let address = listener.local_addr()?;
        let kubeconfig = write_kubeconfig(folder, address, &identity.authority_pem)?;
        let noted = Arc::default();
        let relay = Relay {
            wire: server.wire().clone(),
            token: server.token().to_owned(),
            noted: Arc::clone(&noted),
        };
        let task = tokio::spawn(accept(identity.listen(listener), relay));
        Ok(Self { kubeconfig, noted, task })
    }

    /// For the clients.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What was asked so far.
    pub fn noted(&self) -> Vec<Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Relay {
    wire: Wire,
    token: String,
    noted: Arc<Mutex<Vec<Noted>>>,
}

async fn accept(mut listener: TlsListener, relay: Relay) {
    loop {
        let (stream, _) = axum::serve::Listener::accept(&mut listener).await;
        let relay = relay.clone();
        let answer = service_fn(move |request| {
            let relay = relay.clone();
            async move { Ok::<_, Infallible>(relay.pass(request).await) }
        });
        // A client that goes away in the middle is not worth a word.
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
        );
    }
}

impl Relay {
    async fn pass(&self, request: Request<Incoming>) -> Response<Body> {
        self.try_pass(request).await.unwrap_or_else(|error| {
            let text = Full::new(Bytes::from(format!("{error:#}"))).map_err(|never| match never {});
            let mut response = Response::new(text.boxed_unsync());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }

    async fn try_pass(&self, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.context("reading a client's request")?.to_bytes();
        let mut noted = Noted {
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: headers(&head.headers),
            body: body.to_vec(),
            answer: Value::Null,
        };
        head.headers.insert(header::AUTHORIZATION, format!("Bearer {}", self.token).parse()?);
        // What is compressed could not be noted.
        head.headers.remove(header::ACCEPT_ENCODING);
        head.headers.remove(header::HOST);
        let streams = noted.path.contains("watch=") || noted.path.contains("follow=");
        let response = self.wire.send(Request::from_parts(head, Full::new(body))).await?;
        let (head, incoming) = response.into_parts();
        if streams {
            self.note(noted);
            return Ok(Response::from_parts(head, incoming.boxed_unsync()));
        }
        let whole = incoming.collect().await.context("reading a server's answer")?.to_bytes();
        noted.answer = serde_json::from_slice(&whole).unwrap_or_default();
        self.note(noted);
        let frames = futures::stream::iter([Ok(Frame::data(whole))]);
        Ok(Response::from_parts(head, StreamBody::new(frames).boxed_unsync()))
    }

    fn note(&self, noted: Noted) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let named = |name: header::HeaderName| {
        let value = headers.get(&name)?.to_str().ok()?.to_owned();
        // Protocol buffers cannot be shown; who prefers them takes JSON as well.
        let value = value.replace("application/vnd.kubernetes.protobuf,", "");
        Some((name.as_str().to_owned(), value))
    };
    [header::ACCEPT, header::CONTENT_TYPE].into_iter().filter_map(named).collect()
}

fn write_kubeconfig(folder: &Path, address: SocketAddr, authority_pem: &str) -> anyhow::Result<PathBuf> {
    let authority = folder.join("authority.pem");
    std::fs::write(&authority, authority_pem).context("writing the proxy's certificate")?;
    let path = folder.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: proxy\n\
         clusters: [{{name: proxy, cluster: {{server: \"https://{address}\", certificate-authority: \"{}\"}}}}]\n\
         users: [{{name: proxy, user: {{token: proxy}}}}]\n\
         contexts: [{{name: proxy, context: {{cluster: proxy, user: proxy, namespace: {}}}}}]\n",
        authority.display(),
        story::NAMESPACE
    );
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
