//! What a browser would do: read a page, press a button.

use std::net::SocketAddr;

use anyhow::Context as _;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Duration, timeout},
};

const PATIENCE: Duration = Duration::from_secs(5);

/// A page, and the cookie that came with it.
pub(super) struct Page {
    pub text: String,
    cookie: Option<String>,
}

/// Reads `http://ADDRESS/PATH`.
pub(super) async fn read(address: SocketAddr, path: &str) -> anyhow::Result<Page> {
    send(address, Method::GET, path, None, String::new()).await
}

/// Presses the button whose form is posted to a path that ends in `verb`: both clicks, since the form is behind "Sure?".
pub(super) async fn press(address: SocketAddr, page: &Page, verb: &str) -> anyhow::Result<Page> {
    let (path, fields) =
        form(&page.text, verb).with_context(|| format!("the page has no button to {verb}"))?;
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    send(address, Method::POST, &path, page.cookie.as_deref(), fields.join("&")).await
}

async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
    cookie: Option<&str>,
    body: String,
) -> anyhow::Result<Page> {
    let mut request = Request::builder().method(&method).uri(path).header(header::HOST, address.to_string());
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    if method == Method::POST {
        request = request
            .header(header::ORIGIN, format!("http://{address}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let exchange = exchange(address, request.body(Full::new(Bytes::from(body)))?);
    let page = timeout(PATIENCE, exchange).await.map_err(anyhow::Error::from).and_then(|page| page);
    page.with_context(|| format!("{method} http://{address}{path}"))
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Page> {
    let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    // A form that did its work sends the browser to another page.
    let good = head.status == StatusCode::OK || head.status.is_redirection();
    anyhow::ensure!(good, "answer {}: {text}", head.status);
    let cookie = head.headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
    let cookie = cookie.and_then(|value| value.split(';').next()).map(str::to_owned);
    Ok(Page { text, cookie })
}

/// Where the form is posted, and its fields.
fn form(html: &str, verb: &str) -> Option<(String, Vec<(String, String)>)> {
    let forms = html.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next());
    for form in forms {
        let action = attribute(form, "action")?;
        if action.ends_with(&format!("/{verb}")) {
            let inputs = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
            let fields =
                inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
            return Some((action, fields.collect()));
        }
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(|value| value.replace("&#38;", "&").replace("&amp;", "&"))
}

fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_form_is_found_with_its_fields() {
        let html = r#"<form method="get" action=""><input name="q" value=""></form>
            <form method="post" action="/r/a/abort"><input type="hidden" name="token" value="t1"></form>
            <form method="post" action="/r/a/promote"><input type="hidden" name="token" value="t 2">
            <input type="hidden" name="hash" value="abc"><button>Sure?</button></form>"#;
        let fields = vec![("token".to_owned(), "t 2".to_owned()), ("hash".to_owned(), "abc".to_owned())];
        assert_eq!(form(html, "promote"), Some(("/r/a/promote".to_owned(), fields)));
        assert_eq!(form(html, "undo"), None);
        assert_eq!(encoded("t 2&ä"), "t%202%26%C3%A4");
    }
}
