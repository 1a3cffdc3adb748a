//! Deployments roll from one template to the next.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, workload};

impl World {
    /// Waits until the Deployment says that its newest template runs everywhere.
    async fn deployed(&self, replicas: u64) -> Value {
        self.until("a complete Deployment", || async {
            let deployment = self.get("apps/v1", "Deployment", "web").await.unwrap();
            let status = &deployment["status"];
            let counts = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
                .map(|count| status[count].as_u64().unwrap_or(0));
            let seen = status["observedGeneration"] == deployment["metadata"]["generation"];
            let complete = status["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|one| one["type"] == "Progressing" && one["reason"] == "NewReplicaSetAvailable");
            if seen && complete && counts == [replicas; 4] {
                Ok(deployment)
            } else {
                Err(format!("{deployment:#}"))
            }
        })
        .await
    }

    async fn replica_sets(&self) -> Vec<(String, u64)> {
        let mut sets: Vec<(String, u64)> = self
            .list("apps/v1", "ReplicaSet")
            .await
            .iter()
            .map(|set| {
                let revision =
                    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().unwrap();
                (revision.to_owned(), set["spec"]["replicas"].as_u64().unwrap())
            })
            .collect();
        sets.sort();
        sets
    }

    async fn set_image(&self, image: &str) {
        let container =
            json!({"name": "app", "image": image, "ports": [{"name": "http", "containerPort": 8080}]});
        self.patch(
            "apps/v1",
            "Deployment",
            "web",
            json!({"spec": {"template": {"spec": {"containers": [container]}}}}),
        )
        .await;
    }
}

#[tokio::test]
async fn a_rolling_update_never_falls_below_what_is_allowed_and_a_rollback_reuses_the_replica_set() {
    let world = World::with_sockets("rolling").await;
    let mut deployment = workload("Deployment", "web", 4, json!({}));
    deployment["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    world.create(deployment).await;
    world.deployed(4).await;
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    world.set_image("super:2").await;
    let watching = async {
        let mut least = u64::MAX;
        while !*stopped.borrow_and_update() {
            let deployment = world.get("apps/v1", "Deployment", "web").await.unwrap();
            least = least.min(deployment["status"]["availableReplicas"].as_u64().unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        least
    };
    let rolling = async {
        world.deployed(4).await;
        stop.send(true).unwrap();
    };
    let (least, ()) = tokio::join!(watching, rolling);
    assert!(least >= 4, "only {least} were available");
    assert_eq!(world.replica_sets().await, [("1".to_owned(), 0), ("2".to_owned(), 4)]);
    world.set_image("super:1.0.2").await;
    world.deployed(4).await;
    assert_eq!(world.replica_sets().await, [("2".to_owned(), 0), ("3".to_owned(), 4)]);
}

#[tokio::test]
async fn recreate_lets_the_old_pods_go_first() {
    let world = World::with_sockets("recreate").await;
    let mut deployment = workload("Deployment", "web", 2, json!({}));
    deployment["spec"]["strategy"] = json!({"type": "Recreate"});
    world.create(deployment).await;
    world.deployed(2).await;
    world.set_image("super:2").await;
    let overlap = world
        .until("only new pods", || async {
            let pods = world.pods().await;
            let with = |image: &str| {
                pods.iter().filter(|pod| pod["spec"]["containers"][0]["image"] == image).count()
            };
            if with("super:2") == 2 { Ok(with("super:1.0.2")) } else { Err(format!("{}", pods.len())) }
        })
        .await;
    assert_eq!(overlap, 0);
    world.deployed(2).await;
}

#[tokio::test]
async fn a_template_that_cannot_run_leaves_the_old_pods_serving() {
    let world = World::with_sockets("stuck").await;
    let mut deployment = workload("Deployment", "web", 4, json!({}));
    deployment["spec"]["progressDeadlineSeconds"] = json!(2);
    deployment["spec"]["minReadySeconds"] = json!(0);
    world.create(deployment).await;
    world.deployed(4).await;
    world.set_image("super:bad").await;
    let status = world
        .until("the deadline", || async {
            let deployment = world.get("apps/v1", "Deployment", "web").await.unwrap();
            let conditions = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let exceeded = conditions.iter().any(|one| one["reason"] == "ProgressDeadlineExceeded");
            if exceeded { Ok(deployment["status"].clone()) } else { Err(format!("{conditions:?}")) }
        })
        .await;
    // 25% of four may be missing, 25% may be more.
    assert_eq!((&status["availableReplicas"], &status["updatedReplicas"]), (&json!(3), &json!(2)));
}
