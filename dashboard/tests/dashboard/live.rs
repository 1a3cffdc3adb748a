//! What the live stream sends.

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::world::{PAUSED, World};

/// A live stream, as a browser reads it.
pub struct Stream {
    body: Body,
    text: String,
}

/// One event: its id and its changes.
pub type Event = (String, Vec<Value>);

impl Stream {
    pub async fn open(world: &World, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path).header(header::HOST, "localhost:3100");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = world.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{:?}", response.status());
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; keep-alive comments are passed over.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                    return (id.to_owned(), serde_json::from_str(data).expect("JSON"));
                }
                continue;
            }
            let frame = self.body.frame().await.expect("the stream goes on").expect("a frame");
            let bytes = frame.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }

    /// The next event that changes the element with this id, and its HTML.
    pub async fn until(&mut self, id: &str) -> (String, String) {
        for _ in 0..20 {
            let (event_id, changes) = self.next().await;
            if let Some(change) = changes.iter().find(|change| change["id"] == id) {
                return (event_id, change["html"].as_str().expect("HTML").to_owned());
            }
        }
        panic!("nothing changed {id}");
    }
}

/// The attribute of the page that says what it has seen.
fn seen(page: &str) -> String {
    page.split("data-seen=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version").to_owned()
}

fn promoted() -> Value {
    json!({"status": {"phase": "Healthy", "message": "", "pauseConditions": null, "controllerPause": null, "stableRS": "54bc99754",
        "blueGreen": {"activeSelector": "54bc99754", "previewSelector": "54bc99754"}}})
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_rollout_sends_its_head_anew() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/rollout/shop/app").await.body;
    let path = format!("/rollouts/-/live/shop/app?seen={}", seen(&page));
    let mut stream = Stream::open(&world, &path, None).await;
    world.set_status(&promoted());
    let (_, html) = stream.until("state").await;
    assert!(html.starts_with("<section id=\"state\"") && html.contains("<b>Healthy</b>"), "{html}");
    assert!(!html.contains(">Promote</summary>"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_changes_the_picture() {
    let world = World::of(PAUSED).await;
    let mut stream = Stream::open(&world, "/rollouts/-/live/shop/app", None).await;
    let (_, before) = stream.until("picture").await;
    world.ask(
        Method::DELETE,
        "/api/v1/namespaces/shop/pods/app-54bc99754-0?gracePeriodSeconds=0",
        &Value::Null,
    );
    let (_, after) = stream.until("picture").await;
    let pods = |html: &str| html.matches("<g class=\"pod ").count();
    // Each pod is drawn twice: for wide and for narrow screens.
    assert_eq!((pods(&before), pods(&after)), (8, 6));
}

#[tokio::test(start_paused = true)]
async fn the_list_sends_the_rows_that_changed_and_says_where_they_belong() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/").await.body;
    let mut stream = Stream::open(&world, &format!("/rollouts/-/live?seen={}", seen(&page)), None).await;
    let (_, first) = stream.next().await;
    assert!(first.iter().all(|change| change["id"] != "row/shop/app"), "the page has it: {first:?}");
    world.set_status(&promoted());
    loop {
        let (_, changes) = stream.next().await;
        if let Some(row) = changes.iter().find(|change| change["id"] == "row/shop/app") {
            assert_eq!(row["list"], "rest", "it needs no action any more");
            break;
        }
    }
    world.ask(Method::DELETE, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app", &Value::Null);
    loop {
        let (_, changes) = stream.next().await;
        if changes.iter().any(|change| change["gone"] == "row/shop/app") {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_again_gets_what_was_missed() {
    let world = World::of(PAUSED).await;
    let mut stream = Stream::open(&world, "/rollouts/-/live/shop/app", None).await;
    let (last, _) = stream.until("state").await;
    drop(stream);
    world.set_status(&promoted());
    let mut again = Stream::open(&world, "/rollouts/-/live/shop/app", Some(&last)).await;
    assert!(again.until("state").await.1.contains("<b>Healthy</b>"));
    // A page of another process cannot know: it gets everything.
    let mut stranger = Stream::open(&world, "/rollouts/-/live/shop/app", Some("0123456789ab-999999")).await;
    assert!(stranger.until("state").await.1.contains("<b>Healthy</b>"));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_deleted_says_so() {
    let world = World::of(PAUSED).await;
    let mut stream = Stream::open(&world, "/rollouts/-/live/shop/app", None).await;
    stream.until("state").await;
    world.ask(Method::DELETE, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app", &Value::Null);
    loop {
        if stream.until("state").await.1.contains("This Rollout was deleted.") {
            break;
        }
    }
}
