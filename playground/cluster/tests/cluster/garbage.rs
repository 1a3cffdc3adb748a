//! Objects go with their owners, and namespaces with all that is in them.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::world::{World, service, workload};

fn config_map(name: &str, owners: &[&Value]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
                   "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true})
        })
        .collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}})
}

impl World {
    /// Waits until only these ConfigMaps are left, besides the one that every namespace has.
    async fn config_maps_are(&self, wanted: &[&str]) {
        self.until("the ConfigMaps", || async {
            let mut names: Vec<String> = self
                .list("v1", "ConfigMap")
                .await
                .iter()
                .map(|one| one["metadata"]["name"].as_str().unwrap().to_owned())
                .collect();
            names.retain(|name| name != "kube-root-ca.crt");
            if names == wanted { Ok(()) } else { Err(format!("{names:?}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn dependents_follow_their_last_owner() {
    let world = World::with_sockets("cascade").await;
    let one = world.create(config_map("one", &[])).await;
    let two = world.create(config_map("two", &[])).await;
    let child = world.create(config_map("child", &[&one, &two])).await;
    world.create(config_map("grandchild", &[&child])).await;
    world.delete("v1", "ConfigMap", "one", DeleteParams::background()).await;
    world.config_maps_are(&["child", "grandchild", "two"]).await;
    world.delete("v1", "ConfigMap", "two", DeleteParams::background()).await;
    world.config_maps_are(&[]).await;
}

#[tokio::test]
async fn an_object_whose_owner_never_was_goes() {
    let world = World::with_sockets("missing").await;
    let never = json!({"metadata": {"name": "never", "uid": "00000000-0000-4000-8000-000000000000"}});
    world.create(config_map("stray", &[&never])).await;
    world.config_maps_are(&[]).await;
}

#[tokio::test]
async fn orphans_stay_and_forget_their_owner() {
    let world = World::with_sockets("orphan").await;
    let owner = world.create(config_map("owner", &[])).await;
    world.create(config_map("child", &[&owner])).await;
    world.delete("v1", "ConfigMap", "owner", DeleteParams::orphan()).await;
    world.config_maps_are(&["child"]).await;
    let child = world.get("v1", "ConfigMap", "child").await.unwrap();
    assert!(child["metadata"].get("ownerReferences").is_none_or(|owners| owners == &json!([])), "{child}");
}

#[tokio::test]
async fn in_the_foreground_an_owner_waits_for_its_dependents() {
    let world = World::with_sockets("foreground").await;
    world.create(workload("ReplicaSet", "web", 2, json!({}))).await;
    world.pods_ready(2).await;
    world.delete("apps/v1", "ReplicaSet", "web", DeleteParams::foreground()).await;
    world
        .until("the end of the ReplicaSet", || async {
            // Pods first: if the ReplicaSet is gone, none of them may be left.
            let pods = world.pods().await.len();
            match world.get("apps/v1", "ReplicaSet", "web").await {
                None => Ok(pods),
                Some(_) => Err(format!("{pods} pods")),
            }
        })
        .await;
    assert_eq!(world.pods().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_namespace_takes_all_with_it() {
    let world = World::with_sockets("ending").await;
    world.create(workload("Deployment", "web", 2, json!({}))).await;
    world.create(service("web")).await;
    world.create(config_map("settings", &[])).await;
    world.pods_ready(2).await;
    world.delete("v1", "Namespace", &world.namespace, DeleteParams::default()).await;
    world
        .until("the end of the namespace", || async {
            match world.get("v1", "Namespace", &world.namespace).await {
                None => Ok(()),
                Some(namespace) => Err(format!("{namespace:#} {:?}", world.pods().await)),
            }
        })
        .await;
}
