//! Connections that become something else than HTTP.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use verdigris_playground_streams::websocket::accept_key;

use super::{Body, plain};

const SPDY: &str = "SPDY/3.1";
const SPDY_PROTOCOL: &str = "x-stream-protocol-version";

/// What a client offers to speak.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    WebSocket { key: String, protocols: Vec<String> },
    Spdy { protocols: Vec<String> },
}

impl Offer {
    /// Nothing if the client wants HTTP.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let listed = |name: &str| -> Vec<String> {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned()).collect()
        };
        let upgrade = text("upgrade").to_ascii_lowercase();
        if !text("connection").to_ascii_lowercase().contains("upgrade") {
            return None;
        }
        if upgrade.contains("websocket") {
            let key = text("sec-websocket-key").to_owned();
            return Some(Self::WebSocket { key, protocols: listed("sec-websocket-protocol") });
        }
        let spdy = upgrade.contains(&SPDY.to_ascii_lowercase());
        spdy.then(|| Self::Spdy { protocols: listed(SPDY_PROTOCOL) })
    }

    fn protocols(&self) -> &[String] {
        let (Self::WebSocket { protocols, .. } | Self::Spdy { protocols }) = self;
        protocols
    }

    /// The first protocol of the client's that we speak.
    pub(super) fn choose<'a>(&self, ours: &[&'a str]) -> Option<&'a str> {
        self.protocols().iter().find_map(|theirs| ours.iter().find(|our| *our == theirs)).copied()
    }

    /// Says that `protocol` will be spoken from here on.
    pub(super) fn accept(&self, protocol: &'static str) -> Response<Body> {
        let mut response = Response::new(Empty::new().boxed_unsync());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        match self {
            Self::WebSocket { key, .. } => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
                // Base64 is always a header's value.
                headers.extend(
                    HeaderValue::from_str(&accept_key(key))
                        .map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept))
                        .ok(),
                );
            }
            Self::Spdy { .. } => {
                headers.insert(header::UPGRADE, HeaderValue::from_static(SPDY));
                headers.insert(SPDY_PROTOCOL, HeaderValue::from_static(protocol));
            }
        }
        response
    }

    /// Says that we speak none of what the client offers.
    pub(super) fn refuse(&self, ours: &[&str]) -> Response<Body> {
        let theirs = self.protocols().join(" ");
        let text =
            format!("unable to negotiate protocol: client supports [{theirs}], server accepts {ours:?}");
        plain(StatusCode::FORBIDDEN, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(headers: &[(&'static str, &'static str)]) -> Option<Offer> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Offer::of(&headers.collect())
    }

    #[test]
    fn the_client_s_first_choice_that_we_know_is_taken() {
        let web_socket = offer(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("sec-websocket-protocol", "v9.channel.k8s.io, v5.channel.k8s.io"),
        ]);
        let web_socket = web_socket.unwrap();
        assert_eq!(web_socket.choose(&["v4.channel.k8s.io", "v5.channel.k8s.io"]), Some("v5.channel.k8s.io"));
        assert_eq!(web_socket.choose(&["v4.channel.k8s.io"]), None);
        let spdy = offer(&[
            ("connection", "Upgrade"),
            ("upgrade", "SPDY/3.1"),
            ("x-stream-protocol-version", "portforward.k8s.io"),
        ]);
        assert_eq!(spdy, Some(Offer::Spdy { protocols: vec!["portforward.k8s.io".into()] }));
        assert_eq!(offer(&[("upgrade", "websocket")]), None);
    }
}
