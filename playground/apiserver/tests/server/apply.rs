//! Server-side apply and the record of who owns what, through `kube::Client`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::common::{CONFIG_MAPS, World};

fn wanted(data: Value) -> Patch<Value> {
    Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}))
}

#[tokio::test]
async fn appliers_share_an_object_and_conflict_over_a_field() {
    let world = World::new();
    let api: Api<ConfigMap> = Api::default_namespaced(world.server.client());
    let (one, two) = (PatchParams::apply("one"), PatchParams::apply("two"));
    api.patch("a", &one, &wanted(json!({"x": "1", "shared": "s"}))).await.unwrap();
    let both = api.patch("a", &two, &wanted(json!({"y": "2", "shared": "s"}))).await.unwrap();
    assert_eq!(serde_json::to_value(both.data).unwrap(), json!({"x": "1", "y": "2", "shared": "s"}));
    let error = api.patch("a", &two, &wanted(json!({"y": "2", "x": "9"}))).await.unwrap_err();
    let kube::Error::Api(status) = error else { panic!("{error}") };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(status.message, "Apply failed with 1 conflict: conflict with \"one\": .data.x");
    let forced = api.patch("a", &two.clone().force(), &wanted(json!({"y": "2", "x": "9"}))).await.unwrap();
    assert_eq!(serde_json::to_value(forced.data).unwrap(), json!({"x": "9", "y": "2", "shared": "s"}));
    let left = api.patch("a", &one, &wanted(json!({}))).await.unwrap();
    assert_eq!(serde_json::to_value(left.data).unwrap(), json!({"x": "9", "y": "2"}));
}

#[tokio::test]
async fn an_apply_that_changes_nothing_makes_no_version_and_no_event() {
    let world = World::new();
    let api: Api<ConfigMap> = Api::default_namespaced(world.server.client());
    let params = PatchParams::apply("one");
    let made = api.patch("a", &params, &wanted(json!({"x": "1"}))).await.unwrap();
    world.pass(60);
    let again = api.patch("a", &params, &wanted(json!({"x": "1"}))).await.unwrap();
    assert_eq!(again, made);
    assert!(!world.server.writes_since(0).pop().unwrap().changed);
}

#[tokio::test]
async fn writers_own_what_they_change_under_the_name_of_their_program() {
    let world = World::new();
    let api: Api<ConfigMap> = Api::default_namespaced(world.server.client_named("maker/1.0"));
    let map = serde_json::from_value(json!({"metadata": {"name": "a"}, "data": {"x": "1"}})).unwrap();
    api.create(&PostParams::default(), &map).await.unwrap();
    let entries =
        world.ok("GET", &format!("{CONFIG_MAPS}/a"), Value::Null)["metadata"]["managedFields"].clone();
    assert_eq!(
        entries,
        json!([{"manager": "maker", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {".": {}, "f:x": {}}}}])
    );
    let error = api.patch("a", &PatchParams::apply("one"), &wanted(json!({"x": "2"}))).await.unwrap_err();
    assert!(error.to_string().contains("conflict with \"maker\" using v1"), "{error}");
}
