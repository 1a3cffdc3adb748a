//! What one blue-green update costs the API server: every write of the controller, counted from the server's own log.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;
use verdigris_controller::rules::Rules;
use verdigris_playground_apiserver::write_log::Write;
use verdigris_tests::playing::{Playing, until};

const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

/// How often each kind of write may happen between the change of the template and the old version's end. Statuses depend
/// on how many of the pods' steps one watch event shows; everything else happens exactly so often.
const MOST: [(&str, usize); 6] = [
    ("create replicasets", 1),
    ("patch replicasets", 2),
    ("patch rollouts", 1),
    ("patch rollouts/status", 9),
    ("patch services", 2),
    ("create events", 10),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_update_costs_few_writes_and_each_changes_something() {
    let playing = Playing::start("writes", Rules::default()).await.unwrap();
    playing.deploy("v1").await.unwrap();
    let before = playing.world.server().write_count();
    playing.update("v2").await.unwrap();
    playing.promote().unwrap();
    playing.phase("Healthy").await.unwrap();
    let old_is_gone = || {
        let listed = playing.ask(Method::GET, REPLICA_SETS, &Value::Null).unwrap_or_default();
        let sets = listed["items"].as_array().cloned().unwrap_or_default();
        sets.iter().filter(|set| set["status"]["replicas"] == 0).count() == 1
    };
    until("the old version to be scaled down", old_is_gone).await.unwrap();

    let writes = playing.world.server().writes_since(before);
    let ours: Vec<&Write> =
        writes.iter().filter(|write| write.user_agent == "verdigris-controller").collect();
    let idle: Vec<String> = ours.iter().filter(|write| !write.changed).map(|write| told(write)).collect();
    assert_eq!(idle, Vec::<String>::new(), "these writes changed nothing");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for write in &ours {
        *counts.entry(told(write)).or_default() += 1;
    }
    println!("{counts:#?}");
    assert_eq!(counts.get("create replicasets"), Some(&1), "{counts:#?}");
    for (kind, count) in &counts {
        let most = MOST.iter().find(|(known, _)| known == kind).map_or(0, |(_, most)| *most);
        assert!(*count <= most, "{count} times {kind}, at most {most} are expected: {counts:#?}");
    }
}

fn told(write: &Write) -> String {
    let verb = format!("{:?}", write.verb).to_lowercase();
    let subresource =
        if write.subresource.is_empty() { String::new() } else { format!("/{}", write.subresource) };
    format!("{verb} {}{subresource}", write.plural)
}
