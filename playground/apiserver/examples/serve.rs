//! Serves an empty cluster API on loopback until it is stopped, for trying kubectl on it.
//!
//! `cargo run -p verdigris-playground-apiserver --example serve -- kubeconfig.yaml [CRD.yaml ...]` writes a kubeconfig
//! (mode 0600) and serves the definitions given.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::{env, fs};

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use verdigris_playground_apiserver::server::ApiServer;

/// Anybody on this machine may use an example.
const TOKEN: &str = "example";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "kubeconfig.yaml".to_owned());
    #[expect(clippy::disallowed_methods, reason = "a program for people tells the real time")]
    let server = ApiServer::new(Arc::new(Timestamp::now), 1);
    for definition in arguments {
        server.apply_crd(&fs::read_to_string(&definition)?)?;
    }
    let listening = server.serve(TcpListener::bind("127.0.0.1:0").await?, TOKEN)?;
    let front = TcpListener::bind("127.0.0.1:0").await?;
    write_kubeconfig(&path, front.local_addr()?)?;
    println!("export KUBECONFIG={path}");
    encrypt(front, listening.address()).await
}

/// kubectl sends its token over TLS only.
async fn encrypt(front: TcpListener, back: SocketAddr) -> Result<(), Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (stream, _) = front.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that goes away in the middle is not worth a word.
            if let Ok(mut client) = acceptor.accept(stream).await
                && let Ok(mut server) = TcpStream::connect(back).await
            {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
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
