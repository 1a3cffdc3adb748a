//! Style, script and icon. They are part of the binary; nothing is fetched from anywhere else.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use sha2::{Digest, Sha256};

use crate::secret::hex;

const STYLE: &str = concat!(
    include_str!("../assets/base.css"),
    include_str!("../assets/list.css"),
    include_str!("../assets/rollout.css"),
    include_str!("../assets/why.css"),
    include_str!("../assets/picture.css"),
);
const SCRIPT: &str = include_str!("../assets/live.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// Their URLs carry a hash of their content, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    [STYLE, SCRIPT, ICON].iter().for_each(|asset| hash.update(asset));
    hex(&hash.finalize()[..6])
});

/// The hash in the URLs.
pub(crate) fn version() -> &'static str {
    &VERSION
}

pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, content).into_response()
}
