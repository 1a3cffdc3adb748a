//! Each verb on a cluster: what is printed, what is written, and the exit code.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::world::{Ran, World};

macro_rules! recorded {
    ($path:literal) => {
        World::recorded(include_str!(concat!("../../../tests/fixtures/peer/", $path)))
    };
}

fn approval(world: &World) -> Value {
    let rollout = world.rollout();
    let text =
        rollout["metadata"]["annotations"]["verdigris.dev/approval"].as_str().unwrap_or("null").to_owned();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn get_shows_a_tree_and_list_a_line() {
    let world = recorded!("manual/02-paused-r2.json");
    let tree = world.run("get rollout app");
    let expected = "\
Name:            app
Namespace:       default
Status:          ॥ Paused
Message:         BlueGreenPause
Strategy:        BlueGreen
Images:          example/app:1 (stable, active)
                 example/app:2 (preview)
Replicas:
  Desired:       2
  Current:       4
  Updated:       2
  Ready:         2
  Available:     2

NAME KIND STATUS AGE INFO
⟳ app Rollout ॥ Paused AGE
├──# revision:2
│ └──⧉ app-54bc99754 ReplicaSet ✔ Healthy AGE preview
└──# revision:1
└──⧉ app-7cb7d7cbd7 ReplicaSet ✔ Healthy AGE stable,active
";
    // Ages are of now, and the columns depend on them; the exact columns are tested where the time is an argument.
    let (heading, table) = tree.out.split_once("\n\n").unwrap();
    let words = |line: &str| {
        let word = |word: &str| {
            let is_age = word.strip_suffix('s').is_some_and(|secs| secs.parse::<u32>().is_ok());
            if is_age { "AGE".to_owned() } else { word.to_owned() }
        };
        line.split_whitespace().map(word).collect::<Vec<_>>().join(" ") + "\n"
    };
    let table: String = table.lines().map(words).collect();
    assert_eq!(format!("{heading}\n\n{table}"), expected);
    assert_eq!((tree.err.as_str(), tree.code), ("", Some(0)));
    let list = "\
NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
app         BlueGreen  Paused        -     -           2/4    2        2           2        ~
";
    world.run("list rollouts").left(0, &list.replace('~', ""), "");
    world.run("list rollouts --name other").left(0, "", "No resources found.\n");
}

#[test]
fn why_says_where_it_stands_and_what_can_be_done() {
    let world = recorded!("manual/02-paused-r2.json");
    let expected = "\
Stands:      ॥ Paused: BlueGreenPause
             active service app-active sends traffic to revision 1 (7cb7d7cbd7), 0 of 0 pods ready
             preview service app-preview sends traffic to revision 2 (54bc99754), 0 of 0 pods ready
Blocked by:  revision 2 waits for someone to promote it
Next:        nothing by itself: revision 2 needs somebody's yes
You can:     kubectl rollouts promote app         let revision 2 go on; asked early, it is remembered
             kubectl rollouts promote --full app  promote revision 2 without pauses and analysis
             kubectl rollouts abort app           send traffic back to the stable version
             kubectl rollouts undo app            go back to the revision before; with --now without a second yes
";
    world.run("why app").left(0, expected, "");
    let json: Value = serde_json::from_str(&world.run("why app -o json").out).unwrap();
    assert_eq!(json["blockedBy"][0], "revision 2 waits for someone to promote it");
    assert_eq!(json["youCan"][0]["command"], "promote app");
    assert!(world.run("why app -o yaml").out.starts_with("name: app\n"));
    assert_eq!(world.run("why none").code, Some(1));
}

#[test]
fn names_are_completed_as_kubectl_asks_for_them() {
    let world = recorded!("manual/02-paused-r2.json");
    world.complete(&["promote", ""]).left(0, "app\n:4\n", "");
    world.complete(&["promote", "b"]).left(0, ":4\n", "");
    world.create_namespace("prod");
    world.complete(&["promote", "-n", "p"]).left(0, "prod\n:4\n", "");
    world.complete(&["get", "r"]).left(
        0,
        "rollout\tShow a rollout, its revisions, their pods and analyses as a tree\n:4\n",
        "",
    );
    // Whatever goes wrong, completion is silent.
    world.complete(&["promote", "--token", "another", ""]).left(0, ":4\n", "");
    World::without_rollouts().complete(&["promote", ""]).left(0, ":4\n", "");
}

#[test]
fn objects_are_printed_for_scripts() {
    let world = recorded!("manual/02-paused-r2.json");
    world.run("get rollout app -o name").left(0, "rollout.argoproj.io/app\n", "");
    world.run("list rollouts -A -o name").left(0, "rollout.argoproj.io/app\n", "");
    let json: Value = serde_json::from_str(&world.run("get rollout app -o json").out).unwrap();
    let mut stored = world.rollout();
    stored["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(json, stored, "nothing is lost but managedFields");
    let list: Value = serde_json::from_str(&world.run("list rollouts -o json").out).unwrap();
    assert_eq!(list["items"][0]["metadata"]["name"], "app");
    assert!(world.run("get rollout app -o yaml").out.starts_with("apiVersion: argoproj.io/v1alpha1\n"));
}

#[test]
fn promote_names_the_version_and_clears_its_pause() {
    let world = recorded!("manual/02-paused-r2.json");
    let before = world.write_count();
    world.run("promote app").left(0, "rollout 'app' promoted\n", "");
    let written = ["patch rollouts as kubectl-rollouts", "patch rollouts/status as kubectl-rollouts"];
    assert_eq!(world.writes_since(before), written);
    let approval = approval(&world);
    assert_eq!((&approval["hash"], &approval["revision"]), (&json!("54bc99754"), &json!(2)));
    assert_eq!(approval["by"], "kubectl-rollouts");
    assert_eq!(approval["user"], "admin", "as the server knows the bearer of the token");
    assert_eq!(world.rollout()["status"].get("pauseConditions"), None);
}

#[test]
fn promote_refuses_what_is_not_meant() {
    let world = recorded!("manual/02-paused-r2.json");
    let before = world.write_count();
    let text = "Error: rollout 'app': revision 1 is superseded by revision 2 (54bc99754); look at that one before \
                promoting it\n";
    world.run("promote app --revision 1").left(1, "", text);
    assert_eq!(world.writes_since(before), Vec::<String>::new());
}

#[test]
fn promote_waits_until_the_controller_has_seen_the_newest_spec() {
    let world = recorded!("manual/02-paused-r2.json");
    world.run("set image app app=example/app:3").left(0, "rollout \"app\" image updated\n", "");
    let mut waiting = world.start("promote app");
    let mut said = String::new();
    BufReader::new(waiting.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "Note: waiting for the controller to see the newest spec\n");
    assert_eq!(approval(&world), Value::Null);
    let generation = world.rollout()["metadata"]["generation"].to_string();
    world.patch_status(&json!({ "observedGeneration": generation }));
    let ran = Ran::of(waiting);
    assert_eq!((ran.out.as_str(), ran.code), ("rollout 'app' promoted\n", Some(0)));
}

#[test]
fn abort_and_retry_write_the_status() {
    let world = recorded!("manual/02-paused-r2.json");
    let before = world.write_count();
    world.run("abort app").left(0, "rollout 'app' aborted\n", "");
    assert_eq!(world.rollout()["status"]["abort"], true);
    let refused =
        "Error: rollout 'app' is aborted; retry it first (`retry rollout app`), or promote it with --full\n";
    world.run("promote app").left(1, "", refused);
    world.run("retry rollout app").left(0, "rollout 'app' retried\n", "");
    assert_eq!(world.rollout()["status"]["abort"], false);
    assert_eq!(world.writes_since(before), ["patch rollouts/status as kubectl-rollouts"; 2]);
}

#[test]
fn undo_brings_the_template_back_and_now_approves_it_too() {
    let world = recorded!("manual/03-promoted-r2-old-warm.json");
    let before = world.write_count();
    let note = "Note: revision 1 is still warm: it becomes active at once, as revision 3\n";
    world.run("undo app --now").left(0, "rollout 'app' undo\n", note);
    assert_eq!(world.writes_since(before), ["patch rollouts as kubectl-rollouts"], "in one request");
    assert_eq!((&approval(&world)["hash"], &approval(&world)["revision"]), (&json!("7cb7d7cbd7"), &json!(3)));
    let template = &world.rollout()["spec"]["template"];
    assert_eq!(template["spec"]["containers"][0]["image"], "example/app:1");
    assert_eq!(template["metadata"]["labels"], json!({"app": "app"}));
    let unknown = "Error: unable to find specified revision 9 in history (there are 2, 1)\n";
    world.run("undo app --to-revision 9").left(1, "", unknown);
}

#[test]
fn pause_restart_and_set_image_write_the_spec() {
    let world = recorded!("manual/01-healthy-r1.json");
    world.run("pause app").left(0, "rollout 'app' paused\n", "");
    world.run("restart app --in 90s").left(0, "rollout 'app' restarts in 1m30s\n", "");
    world.run("set image app *=example/app:7").left(0, "rollout \"app\" image updated\n", "");
    let spec = world.rollout()["spec"].clone();
    assert_eq!(spec["paused"], true);
    assert!(spec["restartAt"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", spec["restartAt"]);
    assert_eq!(spec["template"]["spec"]["containers"][0]["image"], "example/app:7");
    let text = "Error: unable to find container named \"web\" (there are app)\n";
    world.run("set image app web=x:1").left(1, "", text);
}

#[test]
fn status_ends_with_the_phase() {
    recorded!("manual/01-healthy-r1.json").run("status app").left(0, "Healthy\n", "");
    let paused = recorded!("manual/02-paused-r2.json");
    paused.run("status app --watch=false").left(0, "Paused - BlueGreenPause\n", "");
    let timeout = "Error: Rollout status watch exceeded timeout\n";
    paused.run("status app --timeout 300ms").left(1, "Paused - BlueGreenPause\n", timeout);
    let message = "RolloutAborted: Rollout aborted update to revision 2";
    let error = format!("Error: The rollout is in a degraded state with message: {message}\n");
    recorded!("abort/03-aborted.json").run("status app").left(1, &format!("Degraded - {message}\n"), &error);
}

#[test]
fn status_says_each_change_until_it_is_healthy() {
    let world = recorded!("manual/02-paused-r2.json");
    let mut watching = world.start("status app");
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("Paused - BlueGreenPause"));
    world.patch_status(&json!({"phase": "Progressing", "message": "active service cutover pending"}));
    assert_eq!(lines.next().as_deref(), Some("Progressing - active service cutover pending"));
    world.patch_status(&json!({"phase": "Healthy", "message": null}));
    assert_eq!((lines.next().as_deref(), lines.next()), (Some("Healthy"), None));
    assert_eq!(watching.wait().unwrap().code(), Some(0));
}

#[test]
fn a_watched_tree_follows_the_rollout() {
    let world = recorded!("manual/02-paused-r2.json");
    let mut watching = world.start("get rollout app --watch");
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "Status:          ॥ Paused"));
    world.patch_status(&json!({"phase": "Healthy", "message": null}));
    assert!(lines.any(|line| line == "Status:          ✔ Healthy"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn what_is_not_there_is_said_with_a_way_on() {
    let world = World::empty();
    let text = "Error: rollouts.argoproj.io \"app\" not found\nSee which there are: kubectl rollouts list rollouts -n \
                default\n";
    for words in
        ["get rollout app", "promote app", "abort app", "undo app", "status app", "retry rollout app"]
    {
        world.run(words).left(1, "", text);
    }
    let text = "Error: this cluster has no Rollouts: rollouts.argoproj.io is not installed. Install Verdigris (or its \
                CRDs) first\n";
    let bare = World::without_rollouts();
    for words in ["get rollout app", "list rollouts", "promote app"] {
        bare.run(words).left(1, "", text);
    }
    let ran = world.run("list rollouts --token another");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("does not accept the credentials"), "{}", ran.err);
}
