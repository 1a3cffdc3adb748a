//! Who gets in.

use axum::body::Body;
use http::{Request, StatusCode, header};

use crate::world::{Form, PAUSED, World, read};

const PAGE: &str = "/rollouts/rollout/shop/app";

#[tokio::test(start_paused = true)]
async fn names_of_other_machines_are_refused() {
    let world = World::of(PAUSED).await;
    for (host, code) in [
        ("localhost:3100", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:3100", 200),
        ("evil.example", 403),
        ("evil.example:3100", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.0.0.1:3100", 403),
    ] {
        let request = Request::get(PAGE).header(header::HOST, host).body(Body::empty()).expect("a request");
        assert_eq!(world.send(request).await.status().as_u16(), code, "{host}");
    }
    let nameless = Request::get(PAGE).body(Body::empty()).expect("a request");
    assert_eq!(world.send(nameless).await.status(), StatusCode::FORBIDDEN);
}

/// What a hostile page could change of a good request, and the answer it must get.
#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_from_our_own_page_is_refused() {
    type Change = fn(&mut Form, &mut Request<Body>);
    let attacks: [(&str, Change); 8] = [
        ("another origin", |_, request| set(request, "origin", "http://evil.example")),
        ("another port of this machine", |_, request| set(request, "origin", "http://127.0.0.1:8000")),
        ("an opaque origin", |_, request| set(request, "origin", "null")),
        ("no origin", |_, request| {
            request.headers_mut().remove("origin");
        }),
        ("a rebound name", |_, request| {
            set(request, "host", "evil.example:3100");
            set(request, "origin", "http://evil.example:3100");
        }),
        ("another site, as browsers say", |_, request| set(request, "sec-fetch-site", "same-site")),
        ("no cookie", |_, request| {
            request.headers_mut().remove("cookie");
        }),
        ("another session's cookie", |form, request| {
            let (name, value) = form.cookie.split_once('=').expect("a cookie");
            let other = format!("{name}={}", value.chars().rev().collect::<String>());
            set(request, "cookie", &other);
        }),
    ];
    let world = World::of(PAUSED).await;
    for (what, change) in attacks {
        let page = world.get(PAGE).await;
        let mut form = Form::find(&page, "promote").expect("a form");
        let mut request = form.request("127.0.0.1:3100");
        change(&mut form, &mut request);
        let answer = read(world.send(request).await).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.body);
    }
    assert_eq!(world.patches(), [], "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn a_write_without_the_token_or_with_too_much_is_refused() {
    let world = World::of(PAUSED).await;
    let page = world.get(PAGE).await;
    let mut form = Form::find(&page, "promote").expect("a form");
    let token = form.fields.remove(0);
    let answer = read(world.send(form.request("localhost:3100")).await).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("load it again and repeat"), "{}", answer.body);
    form.fields = vec![token, ("padding".to_owned(), "x".repeat(20_000))];
    let answer = world.send(form.request("localhost:3100")).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.patches(), []);
}

#[tokio::test(start_paused = true)]
async fn every_answer_carries_the_headers_that_keep_others_out() {
    let world = World::of(PAUSED).await;
    for path in ["/rollouts/", PAGE, "/rollouts/-/style.css", "/rollouts/-/live.js", "/nowhere"] {
        let page = world.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(page.headers["referrer-policy"], "same-origin", "{path}");
    }
    let cookie = world.get(PAGE).await.headers["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!world.get("/rollouts/-/style.css").await.headers.contains_key("set-cookie"));
}

/// The policy forbids inline styles and scripts, so no page may need any; and nothing comes from elsewhere.
#[tokio::test(start_paused = true)]
async fn pages_keep_to_their_own_policy() {
    let world = World::of(PAUSED).await;
    for path in ["/rollouts/", PAGE, "/nowhere"] {
        let body = world.get(path).await.body;
        for banned in
            [" style=", "<style", "javascript:", " onclick=", "<script>", "src=\"http", "href=\"http"]
        {
            assert!(!body.contains(banned), "{path} has {banned}");
        }
    }
    let style = world.get("/rollouts/-/style.css").await.body;
    assert!(!style.contains("@import") && !style.contains("url("), "the style sheet needs nothing else");
}

fn set(request: &mut Request<Body>, name: &'static str, value: &str) {
    request.headers_mut().insert(name, value.parse().expect("a header value"));
}
