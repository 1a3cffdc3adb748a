//! Fields of the strategy that no recording of the peer shows, each in a short story.

use futures::future::join_all;
use serde_json::{Value, json};
use verdigris_tests::{any_world::AnyWorld, real_world::RealWorld, recording::services, world::World};

/// What somebody does.
enum Act {
    /// Merges this into the Rollout.
    Change(&'static str),
    /// Sets the image to `example/app:TAG`. A tag that ends in `-error` never becomes ready.
    Image(&'static str),
    /// Clears the pause.
    Promote,
    /// Creates a Service of this name; where there is one, deletes that first.
    Service(&'static str),
    /// Lets so many seconds pass.
    Wait(u64),
    /// Creates the PodTemplate `app` of that image.
    Template(&'static str),
    /// Sets its image.
    TemplateImage(&'static str),
}

/// What is done to a Rollout of two pods under a manual gate, and what is then to be seen of it.
struct Story {
    /// Its name, and its namespace.
    name: &'static str,
    /// What is different of the Rollout.
    rollout: &'static str,
    /// In order: the act, and some of the facts after it; `-` is no such fact.
    acts: &'static [(Act, &'static [(&'static str, &'static str)])],
    /// Words of events that must have been told by the end.
    told: &'static [&'static str],
}

const PHASE: &str = "status.phase";
const ACTIVE: &str = "service.app-active.selects";
const PREVIEW: &str = "service.app-preview.selects";

const STORIES: &[Story] = &[
    Story {
        name: "preview-size",
        rollout: r#"{"spec": {"strategy": {"blueGreen": {"previewReplicaCount": 1}}}}"#,
        acts: &[
            (Act::Wait(0), &[(PHASE, "Healthy"), ("replicaSet.v1.replicas", "2")]),
            (
                Act::Image("2"),
                &[(PHASE, "Paused"), ("replicaSet.v2.replicas", "1"), (ACTIVE, "v1"), (PREVIEW, "v2")],
            ),
            (Act::Promote, &[(PHASE, "Healthy"), ("replicaSet.v2.replicas", "2"), (ACTIVE, "v2")]),
        ],
        told: &["from 0 to 1", "from 1 to 2", "Completed blue-green update"],
    },
    Story {
        name: "rollback-window",
        rollout: r#"{"spec": {"rollbackWindow": {"revisions": 1},
            "strategy": {"blueGreen": {"scaleDownDelaySeconds": 0}}}}"#,
        acts: &[
            // Versions of one and the same second are not older than each other.
            (Act::Wait(2), &[(PHASE, "Healthy")]),
            (Act::Image("2"), &[(PHASE, "Paused"), (ACTIVE, "v1")]),
            (Act::Promote, &[(PHASE, "Healthy"), (ACTIVE, "v2"), ("replicaSet.v1.replicas", "0")]),
            (Act::Image("1"), &[(PHASE, "Healthy"), (ACTIVE, "v1"), ("replicaSet.v2.replicas", "0")]),
        ],
        told: &["Rollback within window"],
    },
    Story {
        name: "deadline",
        rollout: r#"{"spec": {"progressDeadlineSeconds": 4, "progressDeadlineAbort": true}}"#,
        acts: &[
            (Act::Image("2-error"), &[(PHASE, "Progressing"), (ACTIVE, "v1")]),
            (Act::Wait(5), &[(PHASE, "Degraded"), ("status.abort", "true"), (ACTIVE, "v1")]),
            (Act::Image("3"), &[(PHASE, "Paused"), (ACTIVE, "v1"), (PREVIEW, "v3")]),
        ],
        told: &["has timed out progressing"],
    },
    Story {
        name: "patient-preview",
        rollout: r#"{"metadata": {"annotations": {"verdigris.dev/preview-switch": "whenReady"}}}"#,
        acts: &[
            (Act::Wait(0), &[(PHASE, "Healthy"), (PREVIEW, "v1")]),
            (
                Act::Image("2-error"),
                &[(PHASE, "Progressing"), ("replicaSet.v2-error.replicas", "2"), (PREVIEW, "v1")],
            ),
            (Act::Image("3"), &[(PHASE, "Paused"), (ACTIVE, "v1"), (PREVIEW, "v3")]),
        ],
        told: &[],
    },
    Story {
        name: "renamed-service",
        rollout: "{}",
        acts: &[
            (Act::Image("2"), &[(PHASE, "Paused"), (ACTIVE, "v1")]),
            (Act::Service("app-active"), &[(PHASE, "Paused"), (ACTIVE, "v1")]),
            (Act::Service("app-front"), &[(PHASE, "Paused")]),
            (
                Act::Change(r#"{"spec": {"strategy": {"blueGreen": {"activeService": "app-front"}}}}"#),
                &[(PHASE, "Paused"), ("service.app-front.selects", "v1"), ("status.activeSelector", "v1")],
            ),
            (Act::Promote, &[(PHASE, "Healthy"), ("service.app-front.selects", "v2")]),
        ],
        told: &["ServiceDrift"],
    },
    Story {
        name: "no-pods",
        rollout: r#"{"spec": {"replicas": 0}}"#,
        acts: &[
            (Act::Wait(0), &[(PHASE, "Healthy"), (ACTIVE, "v1")]),
            (Act::Image("2"), &[(PHASE, "Paused"), (ACTIVE, "v1"), ("replicaSet.v2.replicas", "0")]),
            (Act::Promote, &[(PHASE, "Healthy"), (ACTIVE, "v2")]),
            (
                Act::Change(r#"{"spec": {"replicas": 2}}"#),
                &[(PHASE, "Healthy"), ("status.availableReplicas", "2")],
            ),
        ],
        told: &[],
    },
    Story {
        name: "history",
        rollout: r#"{"spec": {"revisionHistoryLimit": 0, "strategy": {"blueGreen": {"scaleDownDelaySeconds": 0}}}}"#,
        acts: &[
            (Act::Image("2"), &[(PHASE, "Paused"), (ACTIVE, "v1"), ("replicaSet.v1.replicas", "2")]),
            (Act::Promote, &[(PHASE, "Healthy"), (ACTIVE, "v2"), ("replicaSet.v1.replicas", "-")]),
        ],
        told: &[],
    },
    Story {
        name: "pod-template",
        rollout: "{}",
        acts: &[
            (Act::Template("1"), &[(PHASE, "Healthy")]),
            (
                Act::Change(
                    r#"{"spec": {"template": null, "workloadRef": {"apiVersion": "v1", "kind": "PodTemplate", "name": "app"}}}"#,
                ),
                &[(PHASE, "Healthy"), (ACTIVE, "v1"), ("replicaSet.v1.revision", "1")],
            ),
            (Act::TemplateImage("2"), &[(PHASE, "Paused"), (ACTIVE, "v1"), (PREVIEW, "v2")]),
            (Act::Promote, &[(PHASE, "Healthy"), (ACTIVE, "v2")]),
        ],
        told: &[],
    },
];

#[tokio::test(start_paused = true)]
async fn each_field_does_what_it_says() {
    for story in STORIES {
        let mut world = World::with_cluster(37).await;
        world.start_controller();
        tell(&world, story).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_field_does_what_it_says_on_a_real_kubernetes() {
    let world = RealWorld::start(37).await.unwrap();
    let _controller = world.start_controller();
    join_all(STORIES.iter().map(|story| tell(&world, story))).await;
    world.real().nothing_was_refused().unwrap();
}

async fn tell(world: &impl AnyWorld, story: &Story) {
    let namespace = story.name;
    world.create_namespace(namespace).await;
    for service in services(namespace) {
        world.create(&service).await.expect("a Service");
    }
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/app");
    world.create(&rollout(namespace)).await.expect("the Rollout");
    let different: Value = serde_json::from_str(story.rollout).expect("JSON");
    world.merge(&path, &different).await.expect("what is different");
    sees(world, story, &[(PHASE, "Healthy")], "deployed").await;
    for (number, (act, facts)) in story.acts.iter().enumerate() {
        perform(world, namespace, &path, act).await;
        sees(world, story, facts, &format!("act {number}")).await;
    }
    let told = async || {
        let events = world.events(namespace).await;
        let missing = story.told.iter().find(|words| !events.iter().any(|event| event.contains(*words)));
        missing.map_or(Ok(()), |words| Err(format!("never told {words:?}: {events:#?}")))
    };
    world.comes_to(told).await.unwrap_or_else(|found| panic!("{namespace}: {found}"));
}

async fn sees(world: &impl AnyWorld, story: &Story, facts: &[(&str, &str)], when: &str) {
    let are_so = async || {
        let snapshot = world.snapshot(story.name, "app").await;
        let generation = snapshot.rollout["metadata"]["generation"].to_string();
        let seen = snapshot.facts();
        let observed = seen.get("status.observedGeneration") == Some(&generation);
        let said = |fact: &str| seen.get(fact).map_or("-", String::as_str);
        let differs = facts.iter().find(|(fact, value)| said(fact) != *value);
        match differs {
            None if observed => Ok(()),
            None => Err(format!("generation {generation} is not observed: {seen:#?}")),
            Some((fact, value)) => Err(format!("{fact} is not {value:?}: {seen:#?}")),
        }
    };
    world.comes_to(are_so).await.unwrap_or_else(|found| panic!("{}, {when}: {found}", story.name));
}

async fn perform(world: &impl AnyWorld, namespace: &str, path: &str, act: &Act) {
    match act {
        Act::Change(change) => {
            let change: Value = serde_json::from_str(change).expect("JSON");
            world.merge(path, &change).await.expect("a change");
        }
        Act::Image(tag) => {
            let template = rollout_template(&format!("example/app:{tag}"));
            world.merge(path, &json!({"spec": {"template": template}})).await.expect("an image");
        }
        Act::Promote => {
            let cleared = json!({"status": {"pauseConditions": null}});
            world.merge(&format!("{path}/status"), &cleared).await.expect("a promotion");
        }
        Act::Service(name) => {
            let [mut service, _] = services(namespace);
            let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
            world.request("DELETE", &path, "application/json", Vec::new()).await;
            service["metadata"]["name"] = (*name).into();
            world.create(&service).await.expect("a Service");
        }
        Act::Wait(seconds) => world.wait_seconds(*seconds).await,
        Act::Template(tag) => {
            let template = json!({"kind": "PodTemplate", "metadata": {"name": "app", "namespace": namespace},
                "template": rollout_template(&format!("example/app:{tag}"))});
            world.create(&template).await.expect("a PodTemplate");
        }
        Act::TemplateImage(tag) => {
            let change = json!({"template": rollout_template(&format!("example/app:{tag}"))});
            let path = format!("/api/v1/namespaces/{namespace}/podtemplates/app");
            world.merge(&path, &change).await.expect("an image");
        }
    }
}

fn rollout(namespace: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "app"}},
            "template": rollout_template("example/app:1"),
            "strategy": {"blueGreen": {"activeService": "app-active", "previewService": "app-preview",
                "autoPromotionEnabled": false}},
        },
    })
}

fn rollout_template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "app"}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    })
}
