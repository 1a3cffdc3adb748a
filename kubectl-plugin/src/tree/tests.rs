//! The tree, character by character.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use verdigris_core::view::{AnalysisRun, Around};
use verdigris_crds::Rollout;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn replica_set(
    hash: &str,
    revision: u32,
    replicas: i32,
    image: &str,
    created: &str,
    deadline: Option<&str>,
) -> Value {
    let mut annotations = json!({"rollout.argoproj.io/revision": revision.to_string()});
    if let Some(deadline) = deadline {
        annotations["scale-down-deadline"] = deadline.into();
    }
    json!({
        "metadata": {
            "name": format!("shop-{hash}"), "uid": hash, "creationTimestamp": created,
            "labels": {"rollouts-pod-template-hash": hash}, "annotations": annotations,
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "u"}],
        },
        "spec": {
            "replicas": replicas,
            "selector": {},
            "template": {"spec": {"containers": [{"name": "shop", "image": image}]}},
        },
        "status": {"replicas": replicas, "availableReplicas": replicas},
    })
}

fn pod(name: &str, hash: &str, created: &str, restarts: i32) -> Value {
    json!({
        "metadata": {
            "name": format!("shop-{hash}-{name}"), "creationTimestamp": created,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": hash, "uid": hash}],
        },
        "spec": {"containers": [{"name": "shop"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{
                "name": "shop", "ready": true, "restartCount": restarts, "image": "", "imageID": "",
                "state": {"running": {}},
            }],
        },
    })
}

/// An AnalysisRun of revision 3.
fn run(name: &str, status: &Value) -> AnalysisRun {
    let metadata = json!({
        "name": format!("shop-5cd66ff7ff-3-{name}"), "creationTimestamp": "2026-11-21T07:59:30Z",
        "annotations": {"rollout.argoproj.io/revision": "3"},
        "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "u"}],
    });
    AnalysisRun::new(serde_json::from_value(metadata).unwrap(), json!({"spec": {}, "status": status}))
}

/// The Rollout of the peer's documentation: revision 3 in preview, 2 active, 1 scaled down.
fn shop() -> RolloutView {
    shop_with(&[])
}

fn shop_with(analysis_runs: &[AnalysisRun]) -> RolloutView {
    let rollout: Rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {
            "name": "shop", "namespace": "prod", "uid": "u", "generation": 3,
            "creationTimestamp": "2026-11-18T08:00:00Z",
        },
        "spec": {"replicas": 2, "strategy": {"blueGreen": {"activeService": "a", "autoPromotionEnabled": false}}},
        "status": {
            "observedGeneration": "3", "phase": "Paused", "message": "BlueGreenPause", "controllerPause": true,
            "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-11-21T07:59:50Z"}],
            "currentPodHash": "5cd66ff7ff", "stableRS": "76ddfb4f47",
            "replicas": 4, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
            "blueGreen": {"activeSelector": "76ddfb4f47", "previewSelector": "5cd66ff7ff"},
        },
    }))
    .unwrap();
    let replica_sets = [
        replica_set("64fbcbbd74", 1, 0, "shop:1.3", "2026-11-16T08:00:00Z", Some("2026-11-18T08:00:00Z")),
        replica_set("76ddfb4f47", 2, 2, "shop:1.4", "2026-11-18T08:00:00Z", None),
        replica_set("5cd66ff7ff", 3, 2, "shop:1.5", "2026-11-21T07:59:20Z", None),
    ];
    let pods = [
        pod("zz6lp", "5cd66ff7ff", "2026-11-21T07:59:20Z", 1),
        pod("8kq2z", "5cd66ff7ff", "2026-11-21T07:59:20Z", 0),
        pod("4b8wx", "76ddfb4f47", "2026-11-18T08:00:00Z", 0),
    ];
    let around = Around {
        replica_sets: &replica_sets.map(|set| serde_json::from_value(set).unwrap()),
        pods: &pods.map(|pod| serde_json::from_value(pod).unwrap()),
        services: &[],
        analysis_runs,
    };
    RolloutView::new(&rollout, &around, at("2026-11-21T08:00:00Z"))
}

#[test]
fn a_paused_update_looks_as_it_does_with_the_peer() {
    let expected = "\
Name:            shop
Namespace:       prod
Status:          ॥ Paused
Message:         BlueGreenPause
Strategy:        BlueGreen
Images:          shop:1.4 (stable, active)
                 shop:1.5 (preview)
Replicas:
  Desired:       2
  Current:       4
  Updated:       2
  Ready:         2
  Available:     2

NAME                              KIND        STATUS        AGE  INFO
⟳ shop                            Rollout     ॥ Paused      3d   ~
├──# revision:3                                                  ~
│  └──⧉ shop-5cd66ff7ff           ReplicaSet  ✔ Healthy     40s  preview
│     ├──□ shop-5cd66ff7ff-8kq2z  Pod         ✔ Running     40s  ready:1/1
│     └──□ shop-5cd66ff7ff-zz6lp  Pod         ✔ Running     40s  ready:1/1,restarts:1
├──# revision:2                                                  ~
│  └──⧉ shop-76ddfb4f47           ReplicaSet  ✔ Healthy     3d   stable,active
│     └──□ shop-76ddfb4f47-4b8wx  Pod         ✔ Running     3d   ready:1/1
└──# revision:1                                                  ~
   └──⧉ shop-64fbcbbd74           ReplicaSet  • ScaledDown  5d   delay:passed";
    // The peer leaves spaces at the ends of these lines; `~` keeps editors from taking them away.
    assert_eq!(lines(&shop(), Paint::Plain).join("\n"), expected.replace('~', ""));
}

#[test]
fn analyses_stand_below_the_replica_sets_of_their_revision_with_their_jobs() {
    let measured = json!({"phase": "Successful", "metricResults": [
        {"name": "errors", "successful": 3, "count": 3},
        {"name": "smoke", "failed": 1, "inconclusive": 1, "error": 2},
    ]});
    let job = json!({"phase": "Running", "metricResults": [{"name": "smoke", "measurements": [{
        "phase": "Running", "startedAt": "2026-11-21T07:59:48Z", "metadata": {"job-name": "0815.smoke.1"},
    }]}]});
    let view = shop_with(&[run("pre", &measured), run("bg", &job)]);
    let lines = lines(&view, Paint::Plain);
    let table = lines.iter().skip_while(|line| !line.starts_with("NAME  ")).take(9);
    let expected = "\
NAME                              KIND         STATUS        AGE  INFO
⟳ shop                            Rollout      ॥ Paused      3d   ~
├──# revision:3                                                   ~
│  ├──⧉ shop-5cd66ff7ff           ReplicaSet   ✔ Healthy     40s  preview
│  │  ├──□ shop-5cd66ff7ff-8kq2z  Pod          ✔ Running     40s  ready:1/1
│  │  └──□ shop-5cd66ff7ff-zz6lp  Pod          ✔ Running     40s  ready:1/1,restarts:1
│  ├──α shop-5cd66ff7ff-3-pre     AnalysisRun  ✔ Successful  30s  ✔ 3,✖ 1,? 1,⚠ 2
│  └──α shop-5cd66ff7ff-3-bg      AnalysisRun  ◌ Running     30s  ~
│     └──⊞ 0815.smoke.1           Job          ◌ Running     12s  ";
    let table: Vec<&str> = table.map(String::as_str).collect();
    assert_eq!(table.join("\n"), expected.replace('~', ""));
    let coloured = super::lines(&view, Paint::Colours);
    assert!(coloured.iter().any(|line| line.ends_with(
        "\u{1b}[32m✔\u{1b}[0m 3,\u{1b}[31m✖\u{1b}[0m 1,\u{1b}[33m?\u{1b}[0m 1,\u{1b}[31m⚠\u{1b}[0m 2"
    )));
    let bare: Vec<String> = coloured.iter().map(|line| without_colours(line)).collect();
    assert_eq!(bare, lines);
}

#[test]
fn colours_say_what_a_version_is_for_and_move_nothing() {
    let coloured = lines(&shop(), Paint::Colours);
    assert!(coloured.iter().any(|line| line.contains("shop:1.5 (\u{1b}[94mpreview\u{1b}[0m)")));
    assert!(coloured.iter().any(|line| line.contains("⧉ \u{1b}[32mshop-76ddfb4f47\u{1b}[0m")));
    assert!(coloured.iter().any(|line| line.contains("\u{1b}[32m✔\u{1b}[0m Healthy")));
    assert!(
        coloured.iter().any(|line| line.ends_with("\u{1b}[32mstable\u{1b}[0m,\u{1b}[32mactive\u{1b}[0m"))
    );
    let bare: Vec<String> = coloured.iter().map(|line| without_colours(line)).collect();
    assert_eq!(bare, lines(&shop(), Paint::Plain));
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn a_scale_down_that_is_still_to_come_counts_down() {
    let mut view = shop();
    let set = &mut view.revisions[1].replica_sets[0];
    set.tags.clear();
    set.scale_down = Some(verdigris_core::view::ScaleDownView {
        at: at("2026-11-21T08:00:28Z"),
        remaining: verdigris_core::view::human::duration(SignedDuration::from_secs(28)),
        passed: false,
    });
    assert!(lines(&view, Paint::Plain).iter().any(|line| line.ends_with("✔ Healthy     3d   delay:28s")));
}

#[test]
fn a_new_rollout_has_a_heading_and_one_line() {
    let rollout: Rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "dev", "creationTimestamp": "2026-11-21T07:59:59Z"},
        "spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}},
    }))
    .unwrap();
    let view = RolloutView::new(&rollout, &Around::default(), at("2026-11-21T08:00:00Z"));
    let expected = "\
Name:            web
Namespace:       dev
Status:          ◌ Progressing
Message:         more replicas need to be updated
Strategy:        Canary
  SetWeight:     100
  ActualWeight:  100
Replicas:
  Desired:       1
  Current:       0
  Updated:       0
  Ready:         0
  Available:     0

NAME   KIND     STATUS         AGE  INFO
⟳ web  Rollout  ◌ Progressing  1s   ";
    assert_eq!(lines(&view, Paint::Plain).join("\n"), expected);
}

#[test]
fn wide_adds_services_and_what_it_waits_for() {
    let rollout: Rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "prod", "uid": "u", "generation": 3},
        "spec": {"strategy": {"blueGreen": {"activeService": "shop-active", "previewService": "next"}}},
        "status": {
            "observedGeneration": "3", "phase": "Paused", "currentPodHash": "5cd66ff7ff",
            "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-11-21T07:59:50Z"}],
        },
    }))
    .unwrap();
    let service = json!({
        "metadata": {"name": "shop-active", "namespace": "prod"},
        "spec": {"selector": {"rollouts-pod-template-hash": "5cd66ff7ff"}},
    });
    let sets = [replica_set("5cd66ff7ff", 3, 0, "shop:1.5", "2026-11-21T07:59:20Z", None)];
    let around = Around {
        replica_sets: &sets.map(|set| serde_json::from_value(set).unwrap()),
        services: &[serde_json::from_value(service).unwrap()],
        ..Around::default()
    };
    let view = RolloutView::new(&rollout, &around, at("2026-11-21T08:00:00Z"));
    let expected = "

Services:
  active   shop-active  → revision:3 5cd66ff7ff  ready:0/0
  preview  next         not found                ready:0/0

Waiting for:
  revision 3 waits for someone to promote it
  there is no Service next";
    assert_eq!(format!("\n{}", more(&view, Paint::Plain).join("\n")), expected);
}
