//! What pages show.

use http::StatusCode;
use serde_json::json;
use verdigris_dashboard::Options;

use crate::world::{PAUSED, WARM, World};

#[tokio::test(start_paused = true)]
async fn the_list_puts_what_needs_action_first() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/").await.body;
    let needs = page.find("id=\"needs\"").expect("a list of what needs action");
    let row = page.find("id=\"row/shop/app\"").expect("a row");
    let rest = page.find("id=\"rest\"").expect("a list of the others");
    assert!(needs < row && row < rest, "the paused one stands among those that need action");
    assert!(page.contains("<b>1</b> Paused") && page.contains("<b>0</b> Healthy"));
    assert!(page.contains("Revision 2 waits for someone to promote it"));
}

#[tokio::test(start_paused = true)]
async fn a_paused_rollout_shows_where_traffic_goes_and_what_can_be_done() {
    let world = World::of(PAUSED).await;
    let page = world.get("/rollouts/rollout/shop/app").await.body;
    for wanted in [
        "<b>Paused</b>",
        "BlueGreenPause",
        "The active Service app-active sends traffic to revision 1 (2 of 2 ready).",
        "The preview Service app-preview sends traffic to revision 2 (2 of 2 ready).",
        ">Promote</summary>",
        ">Promote full</summary>",
        ">Abort</summary>",
        "<button>Sure?</button>",
        ">Roll back to 1</summary>",
        "kubectl rollouts get rollout app -n shop -w",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
    }
    assert!(!page.contains(">Retry</summary>"), "what cannot work is not offered");
}

#[tokio::test(start_paused = true)]
async fn a_warm_version_counts_down_and_can_take_the_traffic_back_at_once() {
    let world = World::of(WARM).await;
    let page = world.get("/rollouts/rollout/shop/app").await.body;
    // Promoted at 07:04:10 with a delay of 6 s; it is 07:04:12.
    assert!(page.contains("data-ring=\"2026-11-21T07:04:16Z\" data-delay=\"6\""), "{page}");
    assert!(page.contains("set healthy fading") && page.contains(">4s</tspan>"));
    assert!(page.contains(">Roll back now</summary>"));
    assert!(!page.contains(">Promote</summary>"), "there is nothing to promote");
    assert!(page.contains(">Roll back to 1</summary>"), "the peer retired it: it meets its gate once more");
    world.ask(
        http::Method::PATCH,
        "/apis/apps/v1/namespaces/shop/replicasets/app-7cb7d7cbd7",
        &json!({"metadata": {"annotations": {"verdigris.dev/formerly-stable": "2026-11-21T07:04:10Z"}}}),
    );
    world.until("/rollouts/rollout/shop/app", |page| !page.contains(">Roll back to 1</summary>")).await;
    assert!(world.get("/rollouts/rollout/shop/app").await.body.contains(">Roll back now</summary>"));
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_stay_texts() {
    let world = World::of(PAUSED).await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    world.set_status(&json!({"status": {"message": evil, "conditions": [{
        "type": evil, "status": "True", "reason": evil, "message": evil,
        "lastUpdateTime": "2026-11-21T07:04:10Z", "lastTransitionTime": "2026-11-21T07:04:10Z",
    }]}}));
    let rollout = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app";
    let uid = world.ask(http::Method::GET, rollout, &serde_json::Value::Null)["metadata"]["uid"].clone();
    world.ask(
        http::Method::POST,
        "/api/v1/namespaces/shop/events",
        &json!({
            "metadata": {"name": "evil", "namespace": "shop"}, "reason": evil, "message": evil, "type": "Normal",
            "involvedObject": {"kind": "Rollout", "name": "app", "namespace": "shop", "uid": uid},
        }),
    );
    world.until("/rollouts/rollout/shop/app", |page| page.matches("alert(2)").count() > 4).await;
    for path in ["/rollouts/", "/rollouts/rollout/shop/app"] {
        let page = world.get(path).await.body;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{path}: {page}");
    }
    let echoed =
        world.get("/rollouts/?q=%22%3E%3Cscript%3Ealert(1)&phase=%22%3E%3Cimg%20src=x%3E").await.body;
    assert!(!echoed.contains("<script>alert") && !echoed.contains("<img src=x"));
}

#[tokio::test(start_paused = true)]
async fn the_filter_in_the_url_hides_rows() {
    let world = World::of(PAUSED).await;
    for (query, hidden) in
        [("q=app", false), ("q=app+!shop", true), ("phase=Paused", false), ("phase=Healthy", true)]
    {
        let page = world.get(&format!("/rollouts/?{query}")).await.body;
        let row = page.split("id=\"row/shop/app\"").nth(1).and_then(|rest| rest.split('>').next());
        assert_eq!(row.expect("a row").contains(" hidden"), hidden, "{query}");
        assert_eq!(page.contains("id=\"no-match\" hidden"), !hidden, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_said_in_a_sentence() {
    let world = World::of(PAUSED).await;
    for (path, sentence) in [
        ("/rollouts/rollout/shop/nope", "There is no Rollout nope in namespace shop"),
        ("/rollouts/rollout/shop/..%2f..%2fapp", "is no name of a Rollout"),
        ("/rollouts/No_Such", "is no name of a namespace"),
        ("/nowhere", "There is no page /nowhere here."),
        ("/rollouts/a/b/c/d/e", "There is no page"),
        ("/rollouts/rollout/shop/app/promote", "does not take that kind of request"),
    ] {
        let page = world.get(path).await;
        let wanted =
            if path.ends_with("promote") { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::NOT_FOUND };
        assert_eq!(page.status, wanted, "{path}");
        assert!(page.body.contains(sentence), "{path}: {}", page.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dashboard_of_one_namespace_shows_no_other() {
    let options = Options { namespace: Some("shop".to_owned()), ..Options::default() };
    let world = World::with_options(options).await;
    world.load(PAUSED);
    world.until("/rollouts/", |page| page.contains("row/shop/app")).await;
    let page = world.get("/rollouts/kube-system").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("This dashboard shows namespace shop only, not kube-system."));
}

#[tokio::test(start_paused = true)]
async fn an_empty_cluster_says_what_to_do() {
    let world = World::empty().await;
    let page = world.get("/rollouts/").await.body;
    assert!(page.contains("No Rollouts in all namespaces yet") && page.contains("kind: Rollout"));
    assert!(!page.contains("id=\"nothing\" hidden"));
}

#[tokio::test(start_paused = true)]
async fn the_root_leads_to_the_list_and_may_be_another() {
    let world = World::empty().await;
    for path in ["/", "/rollouts"] {
        let page = world.get(path).await;
        assert_eq!(page.headers["location"], "/rollouts/", "{path}");
    }
    for root_path in ["", "/"] {
        let router = |root_path: &str| Options { root_path: root_path.to_owned(), ..Options::default() };
        let at_root = dashboard(router(root_path)).await;
        assert_eq!(at_root.status, StatusCode::OK, "{root_path:?}");
        assert!(at_root.body.contains("href=\"/-/style.css"));
    }
}

/// The list of a dashboard with these options, which serves at `/`.
async fn dashboard(options: Options) -> crate::world::Page {
    let server = verdigris_playground_apiserver::server::ApiServer::new(crate::world::clock(), 1);
    let secret = verdigris_dashboard::Secret::new([1; 32]);
    let dashboard =
        verdigris_dashboard::Dashboard::new(server.client(), options, crate::world::clock(), secret)
            .expect("good");
    let request = http::Request::get("/").header("host", "localhost").body(axum::body::Body::empty());
    let response = tower::ServiceExt::oneshot(dashboard.router(), request.expect("a request")).await;
    crate::world::read(response.expect("routers do not fail")).await
}

#[tokio::test(start_paused = true)]
async fn a_click_that_the_api_server_does_not_answer_ends_in_a_sentence() {
    let world = World::of(PAUSED).await;
    world.silent.send_replace(true);
    let page = world.get("/rollouts/rollout/shop/app").await;
    let form = crate::world::Form::find(&page, "promote").expect("a form");
    let answer = crate::world::read(world.send(form.request("127.0.0.1:3100")).await).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.body.contains("has not answered for 10 seconds"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_silent_from_the_start_is_named_until_it_answers() {
    let world = World::silent();
    world.until("/rollouts/", |page| page.contains("Still reading the cluster")).await;
    world.until("/rollouts/", |page| page.contains("The API server has not answered for 5 seconds")).await;
    world.silent.send_replace(false);
    world.until("/rollouts/", |page| page.contains("No Rollouts in all namespaces yet")).await;
    world.until("/rollouts/", |page| !page.contains("has not answered")).await;
}
