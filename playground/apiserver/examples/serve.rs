//! Serves an empty cluster API on loopback until it is stopped, for trying kubectl on it.
//!
//! `cargo run -p verdigris-playground-apiserver --example serve -- kubeconfig.yaml [CRD.yaml ...]` writes a kubeconfig
//! (mode 0600) and serves the definitions given.

use std::error::Error;
use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::{env, fs};

use axum::serve::Listener;
use jiff::Timestamp;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use verdigris_playground_apiserver::server::ApiServer;

/// Anybody on this machine may use an example.
const TOKEN: &str = "example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "kubeconfig.yaml".to_owned());
    #[expect(clippy::disallowed_methods, reason = "a program for people tells the real time")]
    let server = ApiServer::new(Arc::new(Timestamp::now), 1);
    for definition in arguments {
        server.apply_crd(&fs::read_to_string(&definition)?)?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    write_kubeconfig(&path, listener.local_addr()?)?;
    let _listening =
        server.serve(Encrypted { listener, acceptor: acceptor()?, handshakes: JoinSet::new() }, TOKEN)?;
    println!("export KUBECONFIG={path}");
    pending().await
}

/// Connections with TLS: kubectl sends its token over nothing else.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! { biased;
                Some(done) = self.handshakes.join_next() => {
                    // A client that goes away in the middle is not worth a word.
                    if let Ok(Some(ready)) = done {
                        return ready;
                    }
                }
                accepted = self.listener.accept() => {
                    let Ok((stream, peer)) = accepted else { continue };
                    // Small answers must not wait for one another.
                    let _ = stream.set_nodelay(true);
                    let acceptor = self.acceptor.clone();
                    self.handshakes.spawn(async move { Some((acceptor.accept(stream).await.ok()?, peer)) });
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn acceptor() -> Result<TlsAcceptor, Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn write_kubeconfig(path: &str, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: example\n\
         clusters: [{{name: example, cluster: {{server: \"https://{address}\", insecure-skip-tls-verify: true}}}}]\n\
         users: [{{name: example, user: {{token: {TOKEN}}}}}]\n\
         contexts: [{{name: example, context: {{cluster: example, user: example}}}}]\n"
    );
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(kubeconfig.as_bytes())?;
    Ok(())
}
