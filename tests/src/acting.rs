//! Doing to a world what was done to the peer's.

use serde_json::{Value, json};

use crate::{
    any_world::AnyWorld,
    recording::{Act, Scenario, last_time, services},
};

/// Does to the world, in this namespace, what was done to the peer's.
///
/// # Panics
/// If the API server refuses it.
pub async fn perform(world: &impl AnyWorld, scenario: &Scenario, namespace: &str, act: Act) {
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/app");
    let status = format!("{path}/status");
    let patch = |path: String, body: Value| async move {
        world.merge(&path, &body).await.unwrap_or_else(|answer| panic!("{act:?}: {answer}"));
    };
    match act {
        Act::Deploy => {
            create_services(world, namespace).await;
            create_rollout(world, scenario, namespace).await;
        }
        Act::DeployWithoutServices => create_rollout(world, scenario, namespace).await,
        Act::CreateServices => {
            create_services(world, namespace).await;
            patch(path, json!({"spec": {"strategy": {"blueGreen": {"previewService": "app-preview"}}}}))
                .await;
        }
        Act::Image(number) => {
            let deployment = scenario.deployment().expect("a recording");
            let path = match &deployment {
                Some(_) => format!("/apis/apps/v1/namespaces/{namespace}/deployments/app"),
                None => path,
            };
            let mut updated = deployment.unwrap_or_else(|| scenario.rollout().expect("a recording"));
            updated["spec"]["template"]["spec"]["containers"][0]["image"] =
                format!("example/app:{number}").into();
            patch(path, json!({"spec": {"template": updated["spec"]["template"]}})).await;
        }
        Act::Promote => patch(status, json!({"status": {"pauseConditions": null}})).await,
        Act::PromoteFull => patch(status, json!({"status": {"promoteFull": true}})).await,
        Act::Abort => patch(status, json!({"status": {"abort": true}})).await,
        Act::Retry => patch(status, json!({"status": {"abort": false}})).await,
        Act::Restart => {
            // Times have whole seconds: no pod may be of the very second that is named.
            let now =
                last_time(&world.snapshot(namespace, "app").await).expect("a Rollout that has a status");
            patch(path, json!({"spec": {"restartAt": now.to_string()}})).await;
        }
        Act::Wait(seconds) => world.wait_seconds(seconds).await,
    }
}

async fn create_services(world: &impl AnyWorld, namespace: &str) {
    for service in services(namespace) {
        world.create(&service).await.expect("a Service");
    }
}

async fn create_rollout(world: &impl AnyWorld, scenario: &Scenario, namespace: &str) {
    if let Some(mut deployment) = scenario.deployment().expect("a recording") {
        deployment["metadata"]["namespace"] = namespace.into();
        world.create(&deployment).await.expect("the Deployment");
    }
    let mut rollout = scenario.rollout().expect("a recording");
    rollout["metadata"]["namespace"] = namespace.into();
    world.create(&rollout).await.expect("the Rollout");
}
