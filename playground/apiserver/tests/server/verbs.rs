//! Every verb on one object and on collections.

use serde_json::{Value, json};

use verdigris_playground_apiserver::write_log::Verb;

use crate::common::{CONFIG_MAPS, World};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn a_created_object_has_an_identity_and_can_be_read() {
    let world = World::new();
    let made = world.config_map("a", json!({"k": "v"}));
    assert_eq!(made["kind"], "ConfigMap");
    assert_eq!(made["metadata"]["namespace"], "default");
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(made["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert_eq!(world.ok("GET", &format!("{CONFIG_MAPS}/a"), Value::Null), made);
}

#[test]
fn a_second_object_of_the_same_name_is_refused() {
    let world = World::new();
    world.config_map("a", json!({}));
    let refused = world.refused("POST", CONFIG_MAPS, json!({"metadata": {"name": "a"}}));
    assert_eq!(refused, (409, "AlreadyExists", "configmaps \"a\" already exists".into()));
}

#[test]
fn an_object_in_a_missing_namespace_is_refused() {
    let world = World::new();
    let refused =
        world.refused("POST", "/api/v1/namespaces/no/configmaps", json!({"metadata": {"name": "a"}}));
    assert_eq!(refused, (404, "NotFound", "namespaces \"no\" not found".into()));
}

#[test]
fn an_update_with_an_old_version_is_refused_and_changes_nothing() {
    let world = World::new();
    let mut first = world.config_map("a", json!({"k": "1"}));
    first["data"]["k"] = json!("2");
    let second = world.ok("PUT", &format!("{CONFIG_MAPS}/a"), first.clone());
    first["data"]["k"] = json!("3");
    let refused = world.refused("PUT", &format!("{CONFIG_MAPS}/a"), first);
    assert_eq!(refused.0, 409);
    assert_eq!(
        refused.2,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    assert_eq!(world.ok("GET", &format!("{CONFIG_MAPS}/a"), Value::Null), second);
}

#[test]
fn a_write_that_changes_nothing_makes_no_version() {
    let world = World::new();
    let made = world.config_map("a", json!({"k": "v"}));
    let patched = world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": "v"}}));
    assert_eq!(patched["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    let last = world.server.writes_since(0).pop().unwrap();
    assert!(!last.changed);
}

#[test]
fn a_merge_patch_sets_and_removes() {
    let world = World::new();
    world.config_map("a", json!({"k": "v", "gone": "x"}));
    let patched = world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"data": {"gone": null, "new": "n"}}));
    assert_eq!(patched["data"], json!({"k": "v", "new": "n"}));
}

#[test]
fn a_deleted_object_is_gone_and_the_answer_names_it() {
    let world = World::new();
    let made = world.config_map("a", json!({}));
    let answer = world.ok("DELETE", &format!("{CONFIG_MAPS}/a"), Value::Null);
    assert_eq!(answer["status"], "Success");
    assert_eq!(answer["details"]["uid"], made["metadata"]["uid"]);
    let refused = world.refused("GET", &format!("{CONFIG_MAPS}/a"), Value::Null);
    assert_eq!(refused, (404, "NotFound", "configmaps \"a\" not found".into()));
}

#[test]
fn a_finalizer_keeps_a_deleted_object_until_it_is_removed() {
    let world = World::new();
    let path = format!("{CONFIG_MAPS}/a");
    world.ok("POST", CONFIG_MAPS, json!({"metadata": {"name": "a", "finalizers": ["example.com/keep"]}}));
    world.pass(10);
    let marked = world.ok("DELETE", &path, Value::Null);
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-02T03:04:15Z");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 0);
    let refused = world.refused(
        "PATCH",
        &path,
        json!({"metadata": {"finalizers": ["example.com/keep", "example.com/more"]}}),
    );
    assert_eq!(refused.0, 422);
    world.ok("PATCH", &path, json!({"metadata": {"finalizers": null}}));
    assert_eq!(world.refused("GET", &path, Value::Null).0, 404);
}

#[test]
fn generated_names_are_drawn_from_the_seed() {
    let make = || {
        let world = World::new();
        world.ok("POST", CONFIG_MAPS, json!({"metadata": {"generateName": "a-"}}))["metadata"].clone()
    };
    assert_eq!(make(), make());
    assert_eq!(make()["name"].as_str().unwrap().len(), 7);
}

#[test]
fn a_dry_run_answers_as_if_and_keeps_nothing() {
    let world = World::new();
    let answer = world.ok("POST", &format!("{CONFIG_MAPS}?dryRun=All"), json!({"metadata": {"name": "a"}}));
    assert!(answer["metadata"]["uid"].is_string());
    assert_eq!(world.refused("GET", &format!("{CONFIG_MAPS}/a"), Value::Null).0, 404);
    let refused =
        world.refused("POST", &format!("{CONFIG_MAPS}?dryRun=x"), json!({"metadata": {"name": "a"}}));
    assert_eq!(
        refused.2,
        "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported values: \"All\""
    );
}

#[test]
fn lists_are_ordered_selected_and_paged_as_of_one_version() {
    let world = World::new();
    for name in ["c", "a", "b", "d"] {
        let tier = if name < "c" { "front" } else { "back" };
        world.ok("POST", CONFIG_MAPS, json!({"metadata": {"name": name, "labels": {"tier": tier}}}));
    }
    assert_eq!(names(&world.ok("GET", CONFIG_MAPS, Value::Null)), ["a", "b", "c", "d"]);
    let front = world.ok("GET", &format!("{CONFIG_MAPS}?labelSelector=tier%3Dfront"), Value::Null);
    assert_eq!(names(&front), ["a", "b"]);
    let one = world.ok("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dc", Value::Null);
    assert_eq!(names(&one), ["c"]);

    let page = world.ok("GET", &format!("{CONFIG_MAPS}?limit=2"), Value::Null);
    assert_eq!(names(&page), ["a", "b"]);
    assert_eq!(page["metadata"]["remainingItemCount"], 2);
    world.ok("DELETE", &format!("{CONFIG_MAPS}/d"), Value::Null);
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = world.ok("GET", &format!("{CONFIG_MAPS}?limit=2&continue={token}"), Value::Null);
    assert_eq!(names(&rest), ["c", "d"]);
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);

    world.server.forget_events();
    world.config_map("e", json!({}));
    let refused = world.refused("GET", &format!("{CONFIG_MAPS}?limit=2&continue={token}"), Value::Null);
    assert_eq!((refused.0, refused.1), (410, "Expired"));
}

#[test]
fn a_collection_is_deleted_by_selector() {
    let world = World::new();
    world.ok("POST", CONFIG_MAPS, json!({"metadata": {"name": "a", "labels": {"x": "y"}}}));
    world.config_map("b", json!({}));
    world.ok("DELETE", &format!("{CONFIG_MAPS}?labelSelector=x%3Dy"), Value::Null);
    assert_eq!(names(&world.ok("GET", CONFIG_MAPS, Value::Null)), ["b"]);
}

#[test]
fn the_status_of_a_built_in_kind_has_its_own_path() {
    let world = World::new();
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]},
                     "status": {"phase": "Running"}});
    assert_eq!(world.ok("POST", pods, pod)["status"]["phase"], "Pending");
    let path = format!("{pods}/p");
    let running = json!({"status": {"phase": "Running"}, "metadata": {"labels": {"a": "b"}}});
    assert_eq!(world.ok("PATCH", &path, running.clone())["status"]["phase"], "Pending");
    assert_eq!(world.ok("PATCH", &format!("{path}/status"), running)["status"]["phase"], "Running");
    let both =
        json!({"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}, "spec": {"nodeName": "n"}});
    let patched = world.ok("PATCH", &format!("{path}/status"), both);
    assert_eq!(patched["metadata"]["annotations"], json!({"a": "b"}));
    // The labels may come along with the status of a pod, as on a real server; those of a Deployment may not.
    assert_eq!(patched["metadata"]["labels"], json!({"a": "b", "c": "d"}));
    assert_eq!(patched["spec"]["nodeName"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn the_record_of_writes_tells_who_wrote_what_and_whether_it_changed_anything() {
    let world = World::new();
    let before = world.server.write_count();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&seen);
    world.server.observe(Box::new(move |write| {
        let data = |kept: &Option<_>| kept.is_some();
        noted.lock().unwrap().push((write.name.clone(), data(&write.before), data(&write.after)));
    }));
    world.config_map("a", json!({"k": "v"}));
    world.ok("PATCH", &format!("{CONFIG_MAPS}/a"), json!({"data": {"k": "v"}}));
    world.refused("POST", CONFIG_MAPS, json!({"metadata": {"name": "a"}}));
    world.ok("DELETE", &format!("{CONFIG_MAPS}/a?dryRun=All"), Value::Null);
    world.ok("DELETE", &format!("{CONFIG_MAPS}/a"), Value::Null);
    let told: Vec<(Verb, bool)> =
        world.server.writes_after(before).await.iter().map(|write| (write.verb, write.changed)).collect();
    assert_eq!(told, [(Verb::Create, true), (Verb::Patch, false), (Verb::Delete, true)]);
    let name = || "a".to_owned();
    assert_eq!(*seen.lock().unwrap(), [(name(), false, true), (name(), true, true), (name(), true, true)]);
}
