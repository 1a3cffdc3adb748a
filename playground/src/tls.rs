//! TLS on loopback: kubectl sends its token over TLS only, so the playground's API has a certificate.
//!
//! The certificate authority lives as long as the process: its key is never written anywhere, and the kubeconfig carries
//! its certificate.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::serve::Listener;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Duration, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
    server::TlsStream,
};

/// A client that has not finished its handshake by then is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Handshakes at once; more clients wait in the listener's backlog.
const HANDSHAKES_MAX: usize = 256;

/// A certificate for loopback, and the authority that signed it.
pub struct Identity {
    /// The authority's certificate, PEM: what clients must trust.
    pub authority_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A fresh authority and a certificate of it for `127.0.0.1` and `localhost`.
    ///
    /// # Errors
    /// If the operating system gives no randomness for the keys.
    pub fn new() -> anyhow::Result<Self> {
        let authority_key =
            KeyPair::generate().context("making a key for the playground's certificate authority")?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "verdigris playground");
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate().context("making a key for the playground's API")?;
        let mut server = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = server.signed_by(&key, &issuer)?;

        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { authority_pem: authority_certificate.pem(), config: Arc::new(config) })
    }

    /// Connections that come through `listener`, each after its handshake.
    pub fn listen(&self, listener: TcpListener) -> TlsListener {
        TlsListener { listener, acceptor: TlsAcceptor::from(self.config.clone()), handshakes: JoinSet::new() }
    }
}

/// Accepts TLS connections. A slow or broken handshake holds up nobody else.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    fn shake_hands(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Small answers must not wait for one another.
        let _ = stream.set_nodelay(true);
        let acceptor = self.acceptor.clone();
        self.handshakes.spawn(async move {
            let stream = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await.ok()?.ok()?;
            Some((stream, peer))
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! { biased;
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(ready)) = done {
                        return ready;
                    }
                }
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, peer)) => self.shake_hands(stream, peer),
                    // Out of file descriptors, most likely: wait for some to be given back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
