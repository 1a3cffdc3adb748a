//! A control plane comes up, does what a cluster's does, and leaves nothing behind.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use verdigris_control_plane::{ControlPlane, Options};

#[tokio::test]
async fn it_comes_up_and_answers() {
    let began = tokio::time::Instant::now();
    let plane = ControlPlane::start(Options::default().audited()).await.unwrap();
    println!("up in {:?}", began.elapsed());
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.client().await.unwrap());
    let map = ConfigMap {
        metadata: kube::core::ObjectMeta { name: Some("one".into()), ..Default::default() },
        ..Default::default()
    };
    maps.create(&PostParams::default(), &map).await.unwrap();
    let entries = plane.audit().unwrap();
    let made = entries
        .iter()
        .find(|entry| entry.writes() && entry.resource() == "configmaps" && entry.user.username == "admin")
        .unwrap();
    assert_eq!((made.verb.as_str(), made.code()), ("create", 201));
    let token = plane.service_account_token("default", "default").await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.client_as(&token).await.unwrap());
    let refused = maps.get("one").await.unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
}
