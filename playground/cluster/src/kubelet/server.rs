//! The API of the nodes' kubelets: logs, commands and ports of their pods, over TLS on loopback.
//!
//! One listener serves all nodes; each announces it as its own. Only API servers talk to it: they find it in the Node
//! objects, choose the container, and pass on what comes from their clients.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rcgen::generate_simple_self_signed;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};
use tracing::debug;

use super::Kubelet;

mod exec;
mod logs;
mod port_forward;
mod query;
mod upgrade;

use query::Query;

/// How long a client may take for its handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Where the kubelets' API will be served: a listener on loopback, and a certificate that it signed itself, as
/// kubelets do that were given none.
pub struct Door {
    listener: std::net::TcpListener,
    address: SocketAddr,
    config: Arc<ServerConfig>,
    authorization: Option<Arc<str>>,
}

impl Door {
    /// Opens a free port, for those who bear `token` if there is one.
    ///
    /// # Errors
    /// If there is no port, or no randomness for a key.
    pub fn open(token: Option<String>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let certified = generate_simple_self_signed(names).map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config.with_no_client_auth().with_single_cert(vec![certified.cert.der().clone()], key)
            })
            .map_err(io::Error::other)?;
        let authorization = token.map(|token| format!("Bearer {token}").into());
        Ok(Self { listener, address, config: Arc::new(config), authorization })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves `door` for ever.
pub(super) async fn serve(kubelet: Arc<Kubelet>, door: Door) {
    let acceptor = TlsAcceptor::from(door.config);
    let listener = match TcpListener::from_std(door.listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "the kubelets' API is not served");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! { biased;
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let authorization = door.authorization.clone();
                    connections.spawn(converse(kubelet.clone(), authorization, acceptor.clone(), stream));
                }
                // Out of file descriptors, most likely: give the others a chance to close theirs.
                Err(error) => {
                    debug!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
        }
    }
}

async fn converse(
    kubelet: Arc<Kubelet>,
    authorization: Option<Arc<str>>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await else { return };
    let answer = service_fn(move |request| {
        let (kubelet, authorization) = (kubelet.clone(), authorization.clone());
        async move {
            Ok::<_, Infallible>(if may(request.headers(), authorization.as_deref()) {
                answer(&kubelet, request)
            } else {
                plain(StatusCode::UNAUTHORIZED, "Unauthorized")
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    if let Err(error) = connection.await {
        debug!(%error, "connection broke");
    }
}

fn may(headers: &HeaderMap, authorization: Option<&str>) -> bool {
    let said = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    authorization.is_none_or(|wanted| said == Some(wanted.as_bytes()))
}

fn answer(kubelet: &Arc<Kubelet>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let get = request.method() == Method::GET;
    let connect = get || request.method() == Method::POST;
    match parts.as_slice() {
        ["healthz"] if get => plain(StatusCode::OK, "ok"),
        ["containerLogs", namespace, pod, container] if get => {
            logs::answer(kubelet, (namespace, pod, container), &query)
        }
        ["exec" | "attach", namespace, pod, container] if connect => {
            exec::answer(kubelet, (namespace, pod, container), &query, parts[0] == "attach", request)
        }
        ["portForward", namespace, pod] if connect => {
            port_forward::answer(kubelet, (namespace, pod), request)
        }
        _ => plain(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn plain(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_a_token_only_who_bears_it_may_ask() {
        let said = |value| HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        assert!(may(&HeaderMap::new(), None));
        assert!(may(&said("Bearer t"), Some("Bearer t")));
        assert!(!may(&said("Bearer x"), Some("Bearer t")));
        assert!(!may(&HeaderMap::new(), Some("Bearer t")));
    }
}
