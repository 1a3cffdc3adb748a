//! A client whose every request is one request.
//!
//! Of what kube's stack does by itself, this turns off its retry of 429, 503 and 504 (up to 15 times, with waits from
//! an unseeded generator): the work queue and the watches retry, where it can be seen and replayed. What stays:
//!
//! * the request buffer of `kube::Client`, a task that lives as long as a clone of the client and forwards in order; it
//!   drops requests whose asker is gone;
//! * hyper's second try on another connection when a kept-alive one turns out to be closed before anything of the
//!   request was sent;
//! * the renewal of tokens and exec credentials;
//! * that a connection is given up on which an awaited answer is silent for [`verdigris_connection::SILENCE_MAX`].
//!
//! A client that is given to [`crate::Ports`] directly (`kube::Client::new` on a service, as in the playground) has
//! none of these layers but the buffer.

use std::{sync::Arc, time::Duration};

use kube::{Client, Config, client::ClientBuilder};
use verdigris_connection::{Connection, ConnectionArgs, ConnectionError};

use crate::metrics::requests::{Counting, Requests};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no cluster, or the kubeconfig cannot be used.
    #[error("finding the cluster")]
    Cluster(#[from] ConnectionError),
    /// The client cannot be made: certificates, proxy or credentials.
    #[error("making a client for the cluster")]
    Client(#[source] kube::Error),
}

/// A client for the cluster that the flags choose, and the namespace that they or their context name.
///
/// # Errors
/// If there is no cluster to be found, or no client to be made for it. Nothing is sent yet.
pub async fn connect(flags: &ConnectionArgs) -> Result<(Client, String), ConnectError> {
    connect_counted(flags, Arc::default()).await
}

/// The same, and its requests are counted.
///
/// # Errors
/// As above.
pub async fn connect_counted(
    flags: &ConnectionArgs,
    requests: Arc<Requests>,
) -> Result<(Client, String), ConnectError> {
    // How long one call may take is for `Options::call_timeout` to say: a watch goes on for minutes.
    let flags = ConnectionArgs { request_timeout: Duration::ZERO, ..flags.clone() };
    let Connection { config, .. } = flags.connection().await?;
    let namespace = config.default_namespace.clone();
    Ok((client(config, requests)?, namespace))
}

fn client(mut config: Config, requests: Arc<Requests>) -> Result<Client, ConnectError> {
    config.default_retry = false;
    let client = ClientBuilder::try_from(config).map_err(ConnectError::Client)?;
    Ok(client.with_layer(&Counting(requests)).build())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use k8s_openapi::api::core::v1::Service;
    use kube::{
        Api,
        runtime::watcher::{self, Event},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::mpsc,
        time::timeout,
    };

    use super::*;

    const LIST: &str =
        r#"{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#;

    /// The first line of what a client asks.
    async fn request(connection: &mut TcpStream) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap().lines().next().unwrap_or_default().to_owned()
    }

    async fn answer(connection: &mut TcpStream, rest_of_head_and_body: &str) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        connection.write_all(format!("{head}{rest_of_head_and_body}").as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_watch_whose_server_is_gone_without_a_word_begins_anew_from_where_it_was() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let mut config = Config::new(url);
        // Longer than a busy machine takes to answer below.
        config.read_timeout = Some(Duration::from_secs(3));
        let client = client(config, Arc::default()).unwrap();
        let mut events = watcher::watcher(Api::<Service>::all(client), watcher::Config::default()).boxed();
        let (tell, mut told) = mpsc::unbounded_channel();
        let watching = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                tell.send(event).unwrap();
            }
        });

        let (mut first, _) = listener.accept().await.unwrap();
        let list = request(&mut first).await;
        assert!(!list.contains("watch=true"), "{list}");
        answer(&mut first, &format!("content-length: {}\r\n\r\n{LIST}", LIST.len())).await;
        let watch = request(&mut first).await;
        assert!(watch.contains("watch=true") && watch.contains("resourceVersion=7"), "{watch}");
        answer(&mut first, "transfer-encoding: chunked\r\n\r\n").await;
        // From here on not a byte, and nobody closes the connection.
        let (mut second, _) = timeout(Duration::from_secs(60), listener.accept()).await.unwrap().unwrap();
        assert_eq!(request(&mut second).await, watch);

        assert!(matches!(told.recv().await, Some(Ok(Event::Init))));
        assert!(matches!(told.recv().await, Some(Ok(Event::InitDone))));
        let silent = told.recv().await;
        assert!(matches!(silent, Some(Err(watcher::Error::WatchFailed(_)))), "{silent:?}");
        watching.abort();
    }
}
