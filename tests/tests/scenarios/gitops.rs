//! Rollouts under GitOps: what Argo CD and Flux say of each state, and what becomes of the actions that Argo CD offers.

mod stories;

use std::cell::RefCell;

use futures::future::join_all;
use serde_json::{Value, json};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    gitops::GitOpsRules,
    real_world::RealWorld,
    recording::{SCENARIOS, services},
    world::World,
};

use crate::recordings::same_facts;
use stories::{Act, Moment, STORIES, Story};

/// The page that tells users what we see here.
const PAGE: &str = include_str!("../../../docs/gitops.md");

#[tokio::test(start_paused = true)]
async fn argo_cd_and_flux_say_of_each_state_what_they_say_on_a_real_kubernetes() {
    let rules = RefCell::new(GitOpsRules::start());
    let mut world = World::with_cluster(43).await;
    for story in STORIES {
        begin(&world, story, &rules).await;
    }
    world.start_controller();
    for story in STORIES {
        play(&world, story, &rules).await;
    }
    world.kill_controller();
    for story in STORIES {
        unseen(&world, story, &rules).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn argo_cd_and_flux_say_of_each_state_on_a_real_kubernetes_what_the_page_says() {
    let rules = RefCell::new(GitOpsRules::start());
    let world = RealWorld::start(43).await.unwrap();
    join_all(STORIES.iter().map(|story| begin(&world, story, &rules))).await;
    let controller = world.start_controller();
    join_all(STORIES.iter().map(|story| play(&world, story, &rules))).await;
    drop(controller);
    join_all(STORIES.iter().map(|story| unseen(&world, story, &rules))).await;
    world.real().nothing_was_refused().unwrap();
}

#[tokio::test(start_paused = true)]
async fn they_say_of_ours_what_they_say_of_the_peers_that_ran_on_a_real_kubernetes() {
    let mut rules = GitOpsRules::start();
    let mut compared = 0;
    for scenario in SCENARIOS {
        let mut world = World::with_cluster(47).await;
        world.start_controller();
        world.create_namespace(scenario.name).await;
        for (act, step) in scenario.acts {
            perform(&world, scenario, scenario.name, *act).await;
            world.rest().await;
            let Some(step) = step else { continue };
            same_facts(&world, scenario, step).await.expect("the same facts");
            let ours = world.get_rollout(scenario.name, "app").await;
            let peers = scenario.recorded(step).expect("a recording").rollout;
            let place = format!("{}/{step}", scenario.name);
            let (our, peer) = (rules.argo_health(&ours), rules.argo_health(&peers));
            assert_eq!(our.status, peer.status, "{place}: health");
            assert_eq!(rules.argo_actions(&ours), rules.argo_actions(&peers), "{place}: actions");
            let expressions = expressions();
            assert_eq!(rules.flux(&ours, &expressions), rules.flux(&peers, &expressions), "{place}: Flux");
            assert!(rules.kstatus(&ours).error.is_some() && rules.kstatus(&peers).error.is_some(), "{place}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} steps");
}

/// Applied, and nobody has looked at it yet.
async fn begin(world: &impl AnyWorld, story: &Story, rules: &RefCell<GitOpsRules>) {
    world.create_namespace(story.name).await;
    for service in services(story.name) {
        world.create(&service).await.expect("a Service");
    }
    for object in story.beside {
        let mut object: Value = serde_json::from_str(object).expect("JSON");
        object["metadata"]["namespace"] = story.name.into();
        world.create(&object).await.expect("what the Rollout needs");
    }
    let mut rollout = stories::rollout(story.name);
    json_patch::merge(&mut rollout, &serde_json::from_str(story.rollout).expect("JSON"));
    world.create(&rollout).await.expect("the Rollout");
    sees(world, story, &stories::APPLIED, rules).await;
}

async fn play(world: &impl AnyWorld, story: &Story, rules: &RefCell<GitOpsRules>) {
    sees(world, story, &story.first, rules).await;
    for (act, moment) in story.acts {
        do_it(world, story, act, rules).await;
        sees(world, story, moment, rules).await;
    }
}

/// Changed, and nobody has looked at it again.
async fn unseen(world: &impl AnyWorld, story: &Story, rules: &RefCell<GitOpsRules>) {
    let change = json!({"spec": {"minReadySeconds": 1}});
    world.merge(&stories::path(story.name), &change).await.expect("a change");
    let rollout = world.get_rollout(story.name, "app").await;
    let mut rules = rules.borrow_mut();
    let health = rules.argo_health(&rollout);
    assert_eq!((&*health.status, &*health.message), ("Progressing", stories::UNSEEN), "{}", story.name);
    assert_eq!(rules.flux(&rollout, &expressions()).status, "InProgress", "{}", story.name);
}

async fn do_it(world: &impl AnyWorld, story: &Story, act: &Act, rules: &RefCell<GitOpsRules>) {
    let path = stories::path(story.name);
    match act {
        Act::Change(change) => {
            let change: Value = serde_json::from_str(change).expect("JSON");
            world.merge(&path, &change).await.expect("a change");
        }
        Act::Image(tag) => {
            let template = stories::template(&format!("example/app:{tag}"));
            world.merge(&path, &json!({"spec": {"template": template}})).await.expect("an image");
        }
        Act::Workload(tag) => {
            let template = stories::template(&format!("example/app:{tag}"));
            let path = format!("/apis/apps/v1/namespaces/{}/deployments/app", story.name);
            world.merge(&path, &json!({"spec": {"template": template}})).await.expect("an image");
        }
        Act::Action(action, status_patch, patch) => {
            let rollout = world.get_rollout(story.name, "app").await;
            let sent = rules.borrow_mut().argo_action(&rollout, action);
            let place = format!("{}: {action}", story.name);
            assert_eq!(sent.error, None, "{place}");
            for (path, sent, wanted) in
                [(format!("{path}/status"), sent.status_patch, status_patch), (path, sent.patch, patch)]
            {
                let sent = sent.map(|patch| at_this_moment(world, patch));
                assert_eq!(sent.as_ref().map(in_words).unwrap_or_default(), *wanted, "{place} at {path}");
                if let Some(patch) = sent {
                    world.merge(&path, &patch).await.expect(&place);
                }
            }
        }
        Act::Measure(phase) => {
            let run = open_run(world, story.name).await;
            let status = json!({"status": {"phase": phase, "message": "as measured"}});
            world.merge(&run, &status).await.expect("the status of a run");
        }
        Act::Wait(seconds) => world.wait_seconds(*seconds).await,
    }
}

/// Argo CD lives in real time, and the world perhaps does not.
fn at_this_moment(world: &impl AnyWorld, mut patch: Value) -> Value {
    if let Some(time) = patch.pointer_mut("/spec/restartAt") {
        *time = format!("{:.0}", world.now()).into();
    }
    patch
}

fn in_words(patch: &Value) -> String {
    let mut patch = patch.clone();
    if let Some(time) = patch.pointer_mut("/spec/restartAt") {
        *time = "TIME".into();
    }
    patch.to_string()
}

/// The path of the AnalysisRun that has no result yet, once there is one.
async fn open_run(world: &impl AnyWorld, namespace: &str) -> String {
    let runs = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/analysisruns");
    let look = async || {
        let seen = world.get(&runs).await;
        let is_open = |run: &&Value| run["status"]["phase"].is_null();
        let run = seen["items"].as_array().and_then(|runs| runs.iter().find(is_open));
        let name = run.and_then(|run| run["metadata"]["name"].as_str());
        name.map(|name| format!("{runs}/{name}")).ok_or_else(|| format!("no run is open: {seen}"))
    };
    world.comes_to(look).await.expect("an AnalysisRun")
}

/// Waits until the rules say this.
async fn sees(world: &impl AnyWorld, story: &Story, moment: &Moment, rules: &RefCell<GitOpsRules>) {
    let look = async || {
        // Counts of pods are written a second later.
        world.wait_seconds(2).await;
        let rollout = world.get_rollout(story.name, "app").await;
        let mut rules = rules.borrow_mut();
        let health = rules.argo_health(&rollout);
        // The rest of a message names versions and revisions.
        let why = health.message.split(':').next().unwrap_or_default();
        let health = if why.is_empty() { health.status } else { format!("{}: {why}", health.status) };
        let flux = rules.flux(&rollout, &expressions());
        // That is what Flux makes of an expression that cannot be evaluated.
        let flux = flux.error.map_or(flux.status, |_| "Unknown".to_owned());
        let row = moment.row(&health, &rules.argo_actions(&rollout).join(", "), &flux);
        if row == moment.expected() { Ok(()) } else { Err(format!("{row}\n{}", rollout["status"])) }
    };
    let seen = world.comes_to(look).await;
    seen.unwrap_or_else(|seen| panic!("{}:\nwanted {}\n   got {seen}", story.name, moment.expected()));
}

#[test]
fn the_page_has_a_row_for_each_state() {
    let moments =
        STORIES.iter().flat_map(|story| story.acts.iter().map(|(_, moment)| moment).chain([&story.first]));
    let missing: Vec<String> =
        moments.chain([&stories::APPLIED]).map(Moment::expected).filter(|row| !PAGE.contains(row)).collect();
    assert!(missing.is_empty(), "docs/gitops.md has no row:\n{}", missing.join("\n"));
}

/// What the page tells users of Flux to write into their Kustomization.
fn expressions() -> Value {
    let (_, rest) = PAGE.split_once("```yaml\nhealthCheckExprs:").expect("expressions");
    let (yaml, _) = rest.split_once("```").expect("their end");
    let read: Value = serde_saphyr::from_str(&format!("healthCheckExprs:{yaml}")).expect("YAML");
    read["healthCheckExprs"].clone()
}
