//! Plain HTTP to a server, as it goes over the wire: no client library changes a header or hides an answer.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use kube::client::ConfigExt as _;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

/// Connects to one server. Every request has a connection of its own, so that none waits for another's watch.
#[derive(Clone)]
pub struct Wire {
    authority: String,
    tls: TlsConnector,
}

impl Wire {
    /// Takes from a client's configuration whom to connect to and whom to trust.
    ///
    /// # Errors
    /// If its certificates cannot be read.
    pub fn new(config: &kube::Config) -> anyhow::Result<Self> {
        let tls: ClientConfig = config.rustls_client_config().context("reading the server's certificates")?;
        let authority =
            config.cluster_url.authority().context("the server's address has no host")?.to_string();
        Ok(Self { authority, tls: TlsConnector::from(Arc::new(tls)) })
    }

    /// Sends a request whose URI is a path; gives the answer as soon as its head is there.
    ///
    /// # Errors
    /// If the server cannot be reached, or hangs up before it has answered.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let what = || format!("sending to {}", self.authority);
        let stream = TcpStream::connect(&self.authority).await.with_context(what)?;
        stream.set_nodelay(true).with_context(what)?;
        let host =
            self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host).to_owned();
        let stream = self.tls.connect(ServerName::try_from(host)?, stream).await.with_context(what)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(what)?;
        // Ends with the answer's body.
        tokio::spawn(connection.with_upgrades());
        let host = http::HeaderValue::from_str(&self.authority)?;
        request.headers_mut().entry(http::header::HOST).or_insert(host);
        sender.send_request(request).await.with_context(what)
    }
}
