//! Passes on what only a pod's kubelet can answer: logs are streamed, and connections that are to become something else
//! (commands, ports) are carried as bytes, whatever is spoken on them.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Empty, Full, Limited, StreamBody};
use hyper::{body::Incoming, client::conn::http1, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::{
    answer::{Answer, Asks, KubeletCall},
    service::{ResponseBody, plain_response},
    status::{ApiError, GroupResource},
    unverified,
};

/// How long a kubelet may take to take a connection, and to answer its first request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an error is read.
const ERROR_BYTES_MAX: usize = 50 << 10;

/// Tells that the server stops. A request carries it to connections that outlive their request.
#[derive(Clone)]
pub(crate) struct Stopped(pub(crate) watch::Receiver<bool>);

/// Asks the kubelet, and gives what the client is to be told.
pub(crate) async fn ask(
    call: &KubeletCall,
    mut client: Parts,
    token: Option<&str>,
) -> Response<ResponseBody> {
    let stopped = client.extensions.remove::<Stopped>();
    let upgrade = client.extensions.remove::<OnUpgrade>();
    let asked = match (&call.asks, upgrade, stopped) {
        // Who asks without a socket may be a simulation, whose clock stands still while something is waited for.
        (_, _, None) => Err(ApiError::not_implemented(
            "logs, commands and ports of pods are answered to clients that come through a socket",
        )),
        (Asks::Log { pod }, _, _) => log(call, pod, token).await,
        (Asks::Upgrade, Some(upgrade), Some(stopped)) if is_upgrade(&client.headers) => {
            carry(call, &client, token, upgrade, stopped).await
        }
        (Asks::Upgrade, _, _) => Err(ApiError::bad_request("Upgrade request required")),
    };
    asked.unwrap_or_else(|error| plain_response(Answer::error(&error)))
}

async fn log(call: &KubeletCall, pod: &str, token: Option<&str>) -> Result<Response<ResponseBody>, ApiError> {
    let said = send(call, Method::GET, HeaderMap::new(), token).await;
    let (host, port) = &call.address;
    let url = format!("https://{host}:{port}{}", call.path_and_query);
    let said = said.map_err(|error| ApiError::unexplained(format!("Get \"{url}\": {error}")))?;
    if said.status().is_success() {
        // A log that breaks off ends, as it does on a real server.
        let frames = futures::stream::unfold(said.into_body(), |mut body| async move {
            let frame = body.frame().await?.ok()?;
            Some((Ok(frame), body))
        });
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        return Ok(response);
    }
    let code = said.status().as_u16();
    let text = error_text(said).await;
    let of = GroupResource { group: "", resource: "pods/log" };
    Err(match code {
        500 => ApiError::internal(&text),
        400 => ApiError::bad_request(text),
        _ => ApiError::strange_answer(code, of, pod),
    })
}

async fn carry(
    call: &KubeletCall,
    client: &Parts,
    token: Option<&str>,
    upgrade: OnUpgrade,
    mut stopped: Stopped,
) -> Result<Response<ResponseBody>, ApiError> {
    let mut headers = client.headers.clone();
    for secret_or_wrong in [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH] {
        headers.remove(secret_or_wrong);
    }
    let said = send(call, client.method.clone(), headers, token).await;
    let mut said = said.map_err(|error| ApiError::unexplained(format!("error dialing backend: {error}")))?;
    let code = said.status();
    if code != StatusCode::SWITCHING_PROTOCOLS {
        if code.as_u16() < 400 {
            let message = format!("invalid upgrade response: status code {}", code.as_u16());
            return Err(ApiError::unexplained(message));
        }
        let media = said.headers().get(header::CONTENT_TYPE).cloned();
        let mut response = Response::new(Full::new(Bytes::from(error_text(said).await)).boxed_unsync());
        *response.status_mut() = code;
        response.headers_mut().extend(media.map(|media| (header::CONTENT_TYPE, media)));
        return Ok(response);
    }
    let mut response = Response::new(Empty::new().boxed_unsync());
    *response.status_mut() = code;
    *response.headers_mut() = said.headers().clone();
    let kubelet = hyper::upgrade::on(&mut said);
    tokio::spawn(async move {
        tokio::select! { biased;
            _ = stopped.0.wait_for(|stopped| *stopped) => {}
            () = join(upgrade, kubelet) => {}
        }
    });
    Ok(response)
}

/// Carries bytes both ways until one side has no more to say.
async fn join(client: OnUpgrade, kubelet: OnUpgrade) {
    let (Ok(client), Ok(kubelet)) = (client.await, kubelet.await) else { return };
    let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(client));
    let (mut from_kubelet, mut to_kubelet) = tokio::io::split(TokioIo::new(kubelet));
    let ended = tokio::select! { biased;
        ended = tokio::io::copy(&mut from_kubelet, &mut to_client) => ended,
        ended = tokio::io::copy(&mut from_client, &mut to_kubelet) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to a pod broke");
    }
    // What was written last has to get there.
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut to_client).await;
}

async fn send(
    call: &KubeletCall,
    method: Method,
    headers: HeaderMap,
    token: Option<&str>,
) -> Result<Response<Incoming>, String> {
    let (host, port) = &call.address;
    let sending = async {
        let stream = connect(host, *port).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends with the answer, or with what the connection becomes.
        tokio::spawn(connection.with_upgrades());
        let mut request = http::Request::builder()
            .method(method)
            .uri(&call.path_and_query)
            .header(header::HOST, format!("{host}:{port}"))
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        request.headers_mut().extend(headers);
        if let Some(token) = token {
            let bearer =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| error.to_string())?;
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        sender.send_request(request).await.map_err(|error| error.to_string())
    };
    timeout(ANSWER_TIMEOUT, sending).await.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()))
}

/// Kubelets sign their certificates themselves, so there is nothing to check them against; a real API server does not
/// either unless it is told to.
async fn connect(host: &str, port: u16) -> Result<TlsStream<TcpStream>, String> {
    let dialled = |error: io::Error| {
        let what = if error.kind() == io::ErrorKind::ConnectionRefused {
            "connect: connection refused".to_owned()
        } else {
            error.to_string()
        };
        format!("dial tcp {host}:{port}: {what}")
    };
    let stream = TcpStream::connect((host, port)).await.map_err(dialled)?;
    let _ = stream.set_nodelay(true);
    let config = unverified::client_config().map_err(|error| error.to_string())?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| error.to_string())
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let connection = headers.get_all(header::CONNECTION).iter();
    connection
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("upgrade"))
}

async fn error_text(said: Response<Incoming>) -> String {
    let body = timeout(ANSWER_TIMEOUT, Limited::new(said.into_body(), ERROR_BYTES_MAX).collect()).await;
    let bytes = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
