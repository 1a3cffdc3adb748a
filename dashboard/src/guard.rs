//! The door: which requests get in, and which headers every answer carries.
//!
//! The dashboard has no login and acts with its owner's rights, so a web page elsewhere must not be able to use it:
//! * `Host` must name this machine by a loopback address or `localhost`. A page that rebinds its own name to 127.0.0.1
//!   sends its own name.
//! * A write must say that it comes from the very same origin, and carry the token that only our page can hold.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::state::{App, Shared};

/// The session id of this browser.
#[derive(Clone, Debug)]
pub(crate) struct Session(pub(crate) String);

/// Nothing from elsewhere, nothing inline, nobody may frame us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request in, or says why not.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let mut response = match refusal(&request) {
        Some(sentence) => app.problem(StatusCode::FORBIDDEN, sentence).into_response(),
        None => {
            let known = session(&app, request.headers());
            let session = known.clone().unwrap_or_else(|| app.secret.new_session());
            request.extensions_mut().insert(Session(session.clone()));
            let mut response = next.run(request).await;
            // What may be kept in caches (style, script, icon) must not carry a cookie.
            if known.is_none() && !response.headers().contains_key(header::CACHE_CONTROL) {
                set_session(&app, &mut response, &session);
            }
            response
        }
    };
    set_headers(response.headers_mut());
    response
}

/// Why a request does not get in.
fn refusal(request: &Request) -> Option<String> {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().authority().map(|authority| authority.as_str()));
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        return Some(format!(
            "The dashboard answers to loopback names only (localhost, 127.0.0.1, [::1]); this request asked for \
             {:?}.",
            host.unwrap_or_default()
        ));
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&format!("http://{host}"))) {
        return Some(format!(
            "A change must come from a page of this dashboard (http://{host}); this request came from {:?}.",
            origin.unwrap_or_default()
        ));
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    (site.is_some_and(|site| site != b"same-origin"))
        .then(|| "A change must come from a page of this dashboard.".to_owned())
}

/// Whether a `Host` header names this machine: `localhost` or a literal loopback address, with or without a port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let port_good = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let address: Option<IpAddr> = name.parse().ok();
    port_good
        && (name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback()))
}

/// Cookies do not tell ports apart, and there may be several dashboards on one machine.
fn cookie_name(app: &Shared) -> String {
    format!("verdigris-{}", app.secret.epoch())
}

fn session(app: &Shared, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(app);
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    // 64 hex digits: what we give out. Anything else is not from us.
    (value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| value.to_owned())
}

fn set_session(app: &Shared, response: &mut Response, session: &str) {
    let path = if app.root.is_empty() { "/" } else { &app.root };
    let cookie = format!("{}={session}; Path={path}; HttpOnly; SameSite=Strict", cookie_name(app));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn set_headers(headers: &mut HeaderMap) {
    let all = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: under it browsers send `Origin: null` with our own forms. Other sites learn nothing here
        // either.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for good in
            ["localhost", "LOCALHOST:3100", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:1", "[::1]", "[::1]:3100"]
        {
            assert!(is_loopback(good), "{good}");
        }
        let bad = [
            "",
            ":3100",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:3100",
            "0.0.0.0",
            "10.0.0.1",
            "[::]",
            "[::2]:1",
            "localhost:x",
            "localhost:1:2",
            "[::1",
            "127.0.0.1:99999",
            "2130706433",
        ];
        for bad in bad {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
