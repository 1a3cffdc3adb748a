//! What clients read before they do anything: discovery, OpenAPI, version, health.

use http_body_util::{BodyExt, Empty};
use serde_json::Value;
use tower::Service;

use crate::common::World;

/// One GET; gives code, media type and body.
#[expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
async fn get(world: &World, path: &str, accept: &str) -> (u16, String, Value) {
    let request = http::Request::get(path).header("accept", accept);
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = world.server.clone().call(request).await.unwrap();
    let code = response.status().as_u16();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, media, serde_json::from_slice(&body).unwrap_or_default())
}

const KUBECTL: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                       application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

#[tokio::test]
async fn kubectl_gets_all_resources_in_two_answers() {
    let world = World::new();
    for (path, kind) in [("/api", "Pod"), ("/apis", "Deployment")] {
        let (code, media, body) = get(&world, path, KUBECTL).await;
        assert_eq!(
            (code, media.as_str()),
            (200, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        );
        assert_eq!(body["kind"], "APIGroupDiscoveryList");
        let kinds = |body: &Value| body.to_string().contains(&format!("\"kind\":\"{kind}\""));
        assert!(kinds(&body), "{path} has no {kind}");
    }
}

#[tokio::test]
async fn older_clients_get_lists() {
    let world = World::new();
    for (path, kind) in [
        ("/api", "APIVersions"),
        ("/apis", "APIGroupList"),
        ("/apis/apps", "APIGroup"),
        ("/api/v1", "APIResourceList"),
        ("/apis/apps/v1", "APIResourceList"),
    ] {
        let (code, media, body) = get(&world, path, "application/json").await;
        assert_eq!((code, media.as_str()), (200, "application/json"), "{path}");
        assert_eq!(body["kind"], kind, "{path}");
    }
    assert_eq!(get(&world, "/apis/none.example.com/v1", "application/json").await.0, 404);
}

#[tokio::test]
async fn descriptions_are_found_through_their_index() {
    let world = World::new();
    let (code, _, index) = get(&world, "/openapi/v3", "application/json").await;
    assert_eq!(code, 200);
    for (_, entry) in index["paths"].as_object().unwrap() {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        let (code, _, document) = get(&world, url, "application/json").await;
        assert_eq!((code, &document["openapi"]), (200, &Value::from("3.0.0")), "{url}");
    }
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let (code, media, _) = get(&world, "/openapi/v2", protobuf).await;
    assert_eq!((code, media.as_str()), (200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"));
    assert_eq!(get(&world, "/openapi/v2", "application/json").await.2["swagger"], "2.0");
}

#[tokio::test]
async fn version_and_health_answer() {
    let world = World::new();
    assert_eq!(get(&world, "/version", "*/*").await.2["gitVersion"], "v1.36.3");
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(get(&world, path, "*/*").await.0, 200, "{path}");
    }
}
