//! AnalysisRuns in the tree and in `why`.

use std::io::{BufRead, BufReader};

use serde_json::json;

use crate::world::World;

const RUNNING: &str = include_str!("../../../tests/fixtures/peer/analysis/02-pre-running.json");
const FAILED: &str = include_str!("../../../tests/fixtures/peer/analysis/04-post-failed-switched-back.json");

/// The tree without its heading: columns as words, ages as AGE.
fn table(tree: &str) -> String {
    let (_, table) = tree.split_once("\n\n").expect("a heading and a tree");
    let is_age = |word: &str| {
        ["s", "m", "h", "d"].iter().any(|unit| {
            word.strip_suffix(unit)
                .is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
        })
    };
    let words = |line: &str| {
        let words = line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    table.lines().map(words).collect()
}

#[test]
fn the_tree_has_the_analyses_of_each_revision_and_their_jobs() {
    let world = World::recorded(FAILED);
    let ran = world.run("get rollout app");
    let expected = "\
NAME KIND STATUS AGE INFO
⟳ app Rollout ✖ Degraded AGE
├──# revision:2
│ ├──⧉ app-54bc99754 ReplicaSet ✔ Healthy AGE preview,delay:passed
│ ├──α app-54bc99754-2-pre AnalysisRun ✔ Successful AGE ✔ 1
│ │ └──⊞ 7bf95166-2e09-478b-afac-55e6ba116de7.job.1 Job ✔ Successful AGE
│ └──α app-54bc99754-2-post AnalysisRun ✖ Failed AGE ✖ 1
│ └──⊞ dcc466bc-526c-43d3-b771-f9f429dc18c8.job.1 Job ✖ Failed AGE
└──# revision:1
└──⧉ app-7cb7d7cbd7 ReplicaSet ✔ Healthy AGE stable,active
";
    assert_eq!(table(&ran.out), expected);
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
}

#[test]
fn a_cluster_that_knows_no_analyses_is_shown_without_them_and_without_a_word() {
    let world = World::without_analyses();
    world.load(include_str!("../../../tests/fixtures/peer/manual/02-paused-r2.json"));
    let ran = world.run("get rollout app");
    assert!(ran.out.contains("app-54bc99754") && !ran.out.contains("AnalysisRun"), "{}", ran.out);
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
    let watched = world.run("get rollout app --watch --timeout-seconds 1");
    assert!(
        watched.out.contains("app-54bc99754") && !watched.out.contains("analysisruns"),
        "{}",
        watched.out
    );
    assert_eq!((watched.err.as_str(), watched.code), ("", Some(0)));
}

#[test]
fn a_watched_tree_follows_its_analyses() {
    let world = World::recorded(RUNNING);
    let mut watching = world.start("get rollout app --watch");
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("app-54bc99754-2-pre") && line.contains("◌ Running")));
    let results = json!([{"name": "job", "phase": "Successful", "successful": 2, "failed": 1}]);
    world.patch_run(
        "app-54bc99754-2-pre",
        &json!({"status": {"phase": "Successful", "metricResults": results}}),
    );
    assert!(lines.any(|line| line.contains("✔ Successful") && line.ends_with("✔ 2,✖ 1")));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn why_names_the_analysis_that_is_awaited_and_the_one_that_failed() {
    let world = World::recorded(RUNNING);
    let expected = "\
Stands:      ◌ Progressing: active service cutover pending
             active service app-active sends traffic to revision 1 (7cb7d7cbd7), 0 of 0 pods ready
             preview service app-preview sends traffic to revision 2 (54bc99754), 0 of 0 pods ready
Blocked by:  revision 2 waits for its pre-promotion analysis app-54bc99754-2-pre: Running, nothing measured yet
Next:        if its analysis succeeds, revision 2 goes on; if it fails, the update is aborted
You can:     kubectl rollouts promote app -n default         let revision 2 go on; asked early, it is remembered
             kubectl rollouts promote --full app -n default  promote revision 2 without pauses and analysis
             kubectl rollouts abort app -n default           send traffic back to the stable version
             kubectl rollouts undo app -n default            go back to the revision before; with --now without a second yes
";
    world.run("why app -n default").left(0, expected, "");
    let failed = World::recorded(FAILED).run("why app");
    assert!(failed.out.contains("its post-promotion analysis app-54bc99754-2-post came to Failed\n"));
    let you_can = failed.out.lines().skip_while(|line| !line.starts_with("You can:"));
    let you_can: Vec<&str> = you_can.map(|line| line.get(13..).unwrap_or_default()).collect();
    let expected = [
        "kubectl rollouts retry rollout app   try revision 2 again",
        "kubectl rollouts undo app            go back to the revision before; with --now without a second yes",
        "kubectl rollouts promote --full app  promote revision 2 without pauses and analysis",
    ];
    assert_eq!(you_can, expected);
}
