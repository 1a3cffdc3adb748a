//! The tour, as a user starts it: the playground's program, the real kubectl, real HTTP.

use std::process::Command;

use verdigris_playground::{tour::play, world::WorldOptions};
use verdigris_tests::{installation::Site, programs::program};

/// The machine is busy with other tests. How fast all goes on an idle one, `bash tests/bench tour` measures.
const PATIENCE: u32 = 6;
/// Where the tour plays.
const NAMESPACE: &str = "blue-green";
const SEEN: [&str; 4] = [
    "versions seen, in order: Hello from v1! -> Hello from v2! -> Hello from v1! -> Hello from v2!",
    ", 0 failed",
    "BlueGreenPause",
    "everything held",
];

#[test]
fn the_tour_holds_what_it_promises_and_leaves_nothing_behind() {
    let folder = std::env::temp_dir().join(format!("verdigris-tour-{}", std::process::id()));
    let output = Command::new(program("verdigris-playground"))
        .args(["tour", "--patience", &PATIENCE.to_string(), "--dir"])
        .arg(&folder)
        .output()
        .expect("the playground starts");
    let story = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}\n{complaints}");
    assert_tells_all(&story);
    assert!(!folder.exists(), "{} is still there", folder.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_holds_what_it_promises_when_installed_by_manifest_on_a_real_kubernetes() {
    let site = Site::start().await.unwrap();
    site.kubectl(&["apply", "--filename", "charts/install.yaml"]).await.unwrap();
    holds_on(site, "verdigris").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_holds_what_it_promises_when_installed_by_kustomize_on_a_real_kubernetes() {
    let site = Site::start().await.unwrap();
    site.kubectl(&["apply", "--kustomize", "charts/kustomize/cluster"]).await.unwrap();
    holds_on(site, "verdigris").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_holds_what_it_promises_when_installed_by_helm_on_a_real_kubernetes() {
    let site = Site::start().await.unwrap();
    for chart in ["verdigris-crds", "verdigris"] {
        let folder = format!("charts/helm/{chart}");
        let at = ["--namespace", "verdigris", "--create-namespace"];
        site.helm(&[&["install", chart, &folder], &at[..]].concat()).await.unwrap();
    }
    holds_on(site, "verdigris").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_holds_what_it_promises_when_installed_for_its_namespace_on_a_real_kubernetes() {
    let site = Site::start().await.unwrap();
    site.kubectl(&["apply", "--kustomize", "charts/kustomize/crds"]).await.unwrap();
    site.kubectl(&["apply", "--filename", "examples/superapi/namespace.yaml"]).await.unwrap();
    let manifest = ["apply", "--filename", "charts/namespace-install.yaml", "--namespace", NAMESPACE];
    site.kubectl(&manifest).await.unwrap();
    holds_on(site, NAMESPACE).await;
}

/// With the rights, the flags and the image of what was installed in this namespace.
async fn holds_on(mut site: Site, namespace: &str) {
    site.start_nodes(WorldOptions::default().programming_delay).await.expect("nodes");
    let controller = site.run(namespace, "verdigris-controller").await.expect("a controller");
    let mut story = Vec::new();
    let summary = play(&site.stage(PATIENCE).expect("a stage"), &mut story).await;
    let story = String::from_utf8_lossy(&story);
    assert!(summary.held(), "{story}\n{}", controller.said());
    assert_tells_all(&story);
    controller.stop().await.expect("an end");
    site.nothing_was_refused_to(namespace, "verdigris-controller").expect("the rights that it needs");
}

fn assert_tells_all(story: &str) {
    for seen in SEEN {
        assert!(story.contains(seen), "the story does not say {seen:?}:\n{story}");
    }
}

#[test]
fn a_wish_that_is_not_understood_is_refused_with_a_hint() {
    let output =
        Command::new(program("verdigris-playground")).arg("turo").output().expect("the playground starts");
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("'tour'"), "{complaint}");
}
