//! What the controller may do: exactly what `charts/` says. Every scenario on a real Kubernetes checks that it is enough; here
//! is the installation for one namespace, and the proof that the check bites.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verdigris_control_plane::binaries;
use verdigris_controller::Options;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    programs::program,
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
    rights::{self, Right},
};

const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/verdigris-controller";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_namespace_is_enough_for_its_controller_on_a_real_kubernetes() {
    let world = RealWorld::start(29).await.unwrap();
    world.create_namespace("shop").await;
    let client = world.real().install_in("shop").await.unwrap();
    let options = Options { namespace: Some("shop".to_owned()), ..Options::default() };
    let _controller = world.start_controller_as(client, options);
    for (act, phase) in [(Act::Deploy, "Healthy"), (Act::Image(2), "Paused"), (Act::Promote, "Healthy")] {
        perform(&world, &SCENARIOS[0], "shop", act).await;
        world.comes_to_phase("shop", phase).await;
    }
    world.real().nothing_was_refused_from("shop").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_noticed_on_a_real_kubernetes_and_missed_only_until_it_is_given() {
    let world = RealWorld::start(31).await.unwrap();
    let rules = world.get(ROLE).await["rules"].clone();
    let without_patching = without(&rules, "services", "patch");
    let without_owning = without(&without_patching, "rollouts/finalizers", "update");
    world.merge(ROLE, &json!({"rules": without_owning})).await.unwrap();
    let _controller = world.start_controller();
    world.create_namespace("shop").await;
    perform(&world, &SCENARIOS[0], "shop", Act::Deploy).await;
    is_refused(&world, "create replicasets").await;
    let told = async || {
        let events = world.events("shop").await;
        let words = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
        events.iter().any(|event| event.contains(words)).then_some(()).ok_or_else(|| format!("{events:#?}"))
    };
    world.comes_to(told).await.unwrap();
    let (group, resource, verb) = ("argoproj.io".into(), "rollouts/finalizers".into(), "update".into());
    rights::leave_needed(Right { group, resource, verb }).unwrap();
    world.merge(ROLE, &json!({"rules": without_patching})).await.unwrap();
    is_refused(&world, "patch services").await;
    world.merge(ROLE, &json!({"rules": rules})).await.unwrap();
    world.comes_to_phase("shop", "Healthy").await;
}

async fn is_refused(world: &RealWorld, what: &str) {
    let refused = async || match world.real().nothing_was_refused() {
        Err(error) if error.to_string().contains(what) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(()) => Err("nothing was refused".to_owned()),
    };
    world.comes_to(refused).await.expect("a refusal");
}

/// What Argo Rollouts' own role allows of what we ask for: whoever takes over with the peer's manifests has this at first.
fn rules_of_the_peer() -> Value {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let read = ["get", "list", "watch"];
    let all = ["create", "get", "list", "watch", "update", "patch", "delete"];
    json!([
        rule(
            "argoproj.io",
            &["rollouts", "rollouts/status", "rollouts/finalizers"],
            &["get", "list", "watch", "update", "patch"]
        ),
        rule("argoproj.io", &["analysisruns", "analysisruns/finalizers"], &all),
        rule("argoproj.io", &["analysistemplates", "clusteranalysistemplates"], &read),
        rule("apps", &["replicasets"], &all),
        rule("apps", &["deployments"], &["get", "list", "watch", "update"]),
        rule("", &["podtemplates"], &["get", "list", "watch", "update"]),
        rule("", &["services"], &["get", "list", "watch", "patch", "create", "delete"]),
        rule("", &["pods"], &["list", "update", "watch"]),
        rule("", &["pods/eviction"], &["create"]),
        rule("", &["events"], &["create", "update", "patch"]),
        rule("coordination.k8s.io", &["leases"], &["create", "get", "update"]),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peers_role_is_enough_though_the_clock_has_to_say_when_traffic_left_on_a_real_kubernetes() {
    let world = RealWorld::start(41).await.unwrap();
    world.merge(ROLE, &json!({"rules": rules_of_the_peer()})).await.unwrap();
    let _controller = world.start_controller();
    world.create_namespace("shop").await;
    for (act, phase) in [(Act::Deploy, "Healthy"), (Act::Image(2), "Paused"), (Act::Promote, "Healthy")] {
        perform(&world, &SCENARIOS[0], "shop", act).await;
        world.comes_to_phase("shop", phase).await;
    }
    let says_so = async || {
        let rollout = world.get_rollout("shop", "app").await;
        let conditions = rollout["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let switched =
            conditions.iter().find(|condition| condition["type"] == "verdigris.dev/TrafficSwitched");
        let reason = switched.map(|condition| condition["reason"].clone());
        if reason == Some("EndpointsNotReadable".into()) { Ok(()) } else { Err(format!("{conditions:?}")) }
    };
    world.comes_to(says_so).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_promote_can_do_that_and_no_more_on_a_real_kubernetes() {
    let world = RealWorld::start(37).await.unwrap();
    let _controller = world.start_controller();
    world.create_namespace("shop").await;
    let anna = operator(&world, "shop", "anna").await;
    for (act, phase) in [(Act::Deploy, "Healthy"), (Act::Image(2), "Paused")] {
        perform(&world, &SCENARIOS[0], "shop", act).await;
        world.comes_to_phase("shop", phase).await;
    }
    let steps: [(&[&str], &str); 5] = [
        (&["abort", "app"], "Degraded"),
        (&["retry", "rollout", "app"], "Paused"),
        (&["promote", "app"], "Healthy"),
        (&["restart", "app"], "Healthy"),
        (&["undo", "app"], "Healthy"),
    ];
    for (words, phase) in steps {
        let done = run(&program("kubectl-rollouts"), &anna, words).await;
        assert_eq!(done, Ok(()), "{words:?}");
        world.comes_to_phase("shop", phase).await;
    }
    let beyond = [
        ["create", "rollouts"],
        ["delete", "rollouts"],
        ["patch", "services"],
        ["delete", "pods"],
        ["patch", "replicasets"],
        ["get", "secrets"],
    ];
    let kubectl = binaries::find("kubectl").unwrap();
    for [verb, resource] in beyond {
        let may = run(&kubectl, &anna, &["auth", "can-i", verb, resource]).await;
        assert!(may.is_err(), "may {verb} {resource}");
    }
}

/// A kubeconfig of somebody who has the operator's role in this namespace.
async fn operator(world: &RealWorld, namespace: &str, name: &str) -> PathBuf {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
    world.create(&account).await.expect("a service account");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "verdigris-rollout-operator"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    });
    world.create(&binding).await.expect("a role binding");
    let plane = world.real().plane();
    let token = plane.service_account_token(namespace, name).await.expect("its token");
    let path = world.real().folder().join(format!("{name}.kubeconfig"));
    std::fs::write(&path, plane.kubeconfig_as(name, &token)).expect("a kubeconfig");
    path
}

async fn run(program: &Path, kubeconfig: &Path, words: &[&str]) -> Result<(), String> {
    let output = tokio::process::Command::new(program)
        .args(["--kubeconfig".as_ref(), kubeconfig.as_os_str()])
        .args(["--namespace", "shop"])
        .args(words)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    let said = [output.stdout, output.stderr].concat();
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&said).into_owned())
}

fn without(rules: &Value, resource: &str, verb: &str) -> Value {
    let mut rules = rules.as_array().expect("rules").clone();
    for rule in &mut rules {
        if rule["resources"] == json!([resource]) {
            rule["verbs"].as_array_mut().expect("verbs").retain(|found| found != verb);
        }
    }
    // A rule allows something, or there is no such rule.
    rules.retain(|rule| rule["verbs"] != json!([]));
    rules.into()
}
