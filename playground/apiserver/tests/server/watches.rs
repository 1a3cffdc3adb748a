//! Watches through `kube::Client` and as raw requests.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::Service;
use verdigris_playground_apiserver::service::ResponseBody;

use crate::common::{CONFIG_MAPS, World};

/// A watch as a client reads it.
struct Reader {
    body: ResponseBody,
    rest: Vec<u8>,
}

impl Reader {
    async fn open(world: &World, path_and_query: &str) -> Self {
        let request = http::Request::get(path_and_query).body(Full::<Bytes>::default()).unwrap();
        let response = world.server.clone().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), rest: Vec::new() }
    }

    /// The next event, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.unwrap();
            self.rest.extend_from_slice(&frame.into_data().unwrap());
        }
    }

    /// The next event as "TYPE name".
    async fn told(&mut self) -> String {
        let event = self.next().await.expect("the watch ended");
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-");
        format!("{} {name}", event["type"].as_str().unwrap())
    }

    /// That nothing is told for a second.
    async fn silent(&mut self) {
        let told = tokio::time::timeout(Duration::from_secs(1), self.next()).await;
        assert!(told.is_err(), "told {told:?}");
    }
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_version_tells_what_is_there_and_then_what_happens() {
    let world = World::new();
    world.config_map("a", json!({}));
    let mut watch = Reader::open(&world, &format!("{CONFIG_MAPS}?watch=true")).await;
    assert_eq!(watch.told().await, "ADDED a");
    watch.silent().await;
    world.config_map("b", json!({}));
    world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": "v"}}));
    world.ok("DELETE", &format!("{CONFIG_MAPS}/b"), Value::Null);
    assert_eq!(watch.told().await, "ADDED b");
    assert_eq!(watch.told().await, "MODIFIED a");
    assert_eq!(watch.told().await, "DELETED b");
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_version_replays_what_came_after_it() {
    let world = World::new();
    let first = world.config_map("a", json!({}));
    world.config_map("b", json!({}));
    let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={}", version(&first));
    let mut watch = Reader::open(&world, &path).await;
    assert_eq!(watch.told().await, "ADDED b");
    watch.silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_version_is_told_so() {
    let world = World::new();
    let first = world.config_map("a", json!({}));
    world.config_map("b", json!({}));
    world.server.forget_events();
    let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={}", version(&first));
    let mut watch = Reader::open(&world, &path).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "ERROR");
    assert_eq!((&event["object"]["code"], &event["object"]["reason"]), (&json!(410), &json!("Expired")));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn objects_enter_and_leave_a_selection() {
    let world = World::new();
    world.config_map("a", json!({}));
    let mut watch = Reader::open(&world, &format!("{CONFIG_MAPS}?watch=true&labelSelector=x%3Dy")).await;
    world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"metadata": {"labels": {"x": "y"}}}));
    assert_eq!(watch.told().await, "ADDED a");
    let left = world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"metadata": {"labels": {"x": "z"}}}));
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["metadata"]["labels"]["x"], "y");
    assert_eq!(version(&event["object"]), version(&left));
    world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": "v"}}));
    watch.silent().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_beginning_is_marked_for_those_who_ask() {
    let world = World::new();
    world.config_map("a", json!({}));
    let query =
        "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = Reader::open(&world, &format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(watch.told().await, "ADDED a");
    let mark = watch.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["kind"], "ConfigMap");
    assert_eq!(mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_told_the_newest_version_each_minute_and_ends_in_time() {
    let world = World::new();
    let list = world.ok("GET", CONFIG_MAPS, Value::Null);
    let query =
        format!("watch=true&allowWatchBookmarks=true&timeoutSeconds=150&resourceVersion={}", version(&list));
    let mut watch = Reader::open(&world, &format!("{CONFIG_MAPS}?{query}")).await;
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let other = world.ok("POST", "/api/v1/namespaces/default/pods", pod);
    let opened = tokio::time::Instant::now();
    for minute in 1..=2 {
        let mark = watch.next().await.unwrap();
        assert_eq!((mark["type"].as_str(), version(&mark["object"])), (Some("BOOKMARK"), version(&other)));
        assert_eq!(opened.elapsed().as_secs(), minute * 60);
    }
    assert!(watch.next().await.is_none());
    assert_eq!(opened.elapsed().as_secs(), 150);
}

#[tokio::test(start_paused = true)]
async fn kubes_watcher_sees_every_change_in_order() {
    use futures::StreamExt;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{
        Api, ResourceExt,
        runtime::{WatchStreamExt, watcher},
    };

    let world = World::new();
    let api: Api<ConfigMap> = Api::default_namespaced(world.server.client());
    let mut seen = std::pin::pin!(watcher(api.clone(), watcher::Config::default()).applied_objects());
    let mut names = Vec::new();
    for name in ["a", "b", "c"] {
        world.config_map(name, json!({}));
        names.push(seen.next().await.unwrap().unwrap().name_any());
    }
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(api.list(&Default::default()).await.unwrap().items.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_watch_tells_adds_up_to_the_list_under_random_writes() {
    for seed in 0..50 {
        let world = World::new();
        let mut dice = fastrand::Rng::with_seed(seed);
        let selector =
            ["", "&labelSelector=t%3D1", "&labelSelector=t!%3D1", "&fieldSelector=metadata.name%3Dn1"];
        let chosen = selector[dice.usize(..selector.len())];
        let mut watch = Reader::open(&world, &format!("{CONFIG_MAPS}?watch=1{chosen}")).await;
        for _ in 0..60 {
            let path = format!("{CONFIG_MAPS}/n{}", dice.u8(..4));
            let name = path.rsplit('/').next().unwrap().to_owned();
            let labels = json!({"t": dice.u8(..3).to_string()});
            // Many of these fail, which is part of the test.
            let _ = match dice.u8(..4) {
                0 => world.ask("POST", CONFIG_MAPS, json!({"metadata": {"name": name, "labels": labels}})),
                1 => world.ask("DELETE", &path, Value::Null),
                2 => world.ask("PATCH", &path, json!({"metadata": {"labels": labels}})),
                _ => world.ask("PATCH", &path, json!({"data": {"k": dice.u8(..3).to_string()}})),
            };
        }
        let mut view: BTreeMap<String, Value> = BTreeMap::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(1), watch.next()).await {
            let name = event["object"]["metadata"]["name"].as_str().unwrap().to_owned();
            match event["type"].as_str().unwrap() {
                "ADDED" => assert!(view.insert(name, event["object"].clone()).is_none(), "seed {seed}"),
                "MODIFIED" => assert!(view.insert(name, event["object"].clone()).is_some(), "seed {seed}"),
                _ => assert!(view.remove(&name).is_some(), "seed {seed}"),
            }
        }
        let list = world.ok("GET", &format!("{CONFIG_MAPS}?x=1{chosen}"), Value::Null);
        let versions =
            |items: Vec<&Value>| items.into_iter().map(|o| version(o).to_owned()).collect::<Vec<_>>();
        let listed = versions(list["items"].as_array().unwrap().iter().collect());
        assert_eq!(versions(view.values().collect()), listed, "seed {seed}");
    }
}
