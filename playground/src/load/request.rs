//! One request and its answer.

use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::LoadOptions;

/// Nothing that answers a tour has more to say.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// A version is a word or a short sentence.
const VERSION_CHARS_MAX: usize = 80;

/// A connection that may be used again.
pub(super) type Connection = SendRequest<Empty<Bytes>>;

/// Sends one request on a connection of its own. Gives the version that answered, or why there is none.
pub(super) async fn alone(options: &LoadOptions) -> Result<String, String> {
    let whole = async {
        let mut connection = open(options).await?;
        send(&mut connection, options, true).await.map(|(version, _)| version)
    };
    timeout(options.patience, whole).await.unwrap_or_else(|_| Err("no answer in time".into()))
}

/// Sends one request over `connection`, opening one if there is none or the server has closed it. A connection that the
/// server wants closed, or that failed, is given up.
pub(super) async fn over(
    connection: &mut Option<Connection>,
    options: &LoadOptions,
) -> Result<String, String> {
    let whole = async {
        let mut usable = match still_open(connection.take()).await {
            Some(usable) => usable,
            None => open(options).await?,
        };
        let (version, keep) = send(&mut usable, options, false).await?;
        *connection = keep.then_some(usable);
        Ok(version)
    };
    timeout(options.patience, whole).await.unwrap_or_else(|_| Err("no answer in time".into()))
}

/// Waits until the connection can take a request; `None` if the server has closed it instead.
async fn still_open(connection: Option<Connection>) -> Option<Connection> {
    let mut connection = connection?;
    connection.ready().await.is_ok().then_some(connection)
}

async fn open(options: &LoadOptions) -> Result<Connection, String> {
    let stream = TcpStream::connect(options.address).await.map_err(|error| format!("connecting: {error}"))?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| format!("connecting: {}", chain(&error)))?;
    // Ends when the sender is dropped or the server closes.
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(
    connection: &mut Connection,
    options: &LoadOptions,
    close: bool,
) -> Result<(String, bool), String> {
    let mut request = Request::builder().uri("/").header(header::HOST, options.address.to_string());
    if close {
        request = request.header(header::CONNECTION, "close");
    }
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let response =
        connection.send_request(request).await.map_err(|error| format!("sending: {}", chain(&error)))?;
    let keep = response.headers().get(header::CONNECTION).is_none_or(|value| value != "close");
    read(response).await.map(|version| (version, keep))
}

async fn read(response: Response<Incoming>) -> Result<String, String> {
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX);
    let body = body.collect().await.map_err(|error| format!("reading the answer: {error}"))?.to_bytes();
    if status != StatusCode::OK {
        return Err(format!("answer {status}"));
    }
    Ok(version_in(&String::from_utf8_lossy(&body)))
}

/// The first line of the answer tells the version.
fn version_in(body: &str) -> String {
    body.lines().next().unwrap_or_default().trim().chars().take(VERSION_CHARS_MAX).collect()
}

/// hyper names the cause only in the source of its error.
fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
