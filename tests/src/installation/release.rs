//! A release by hand, as short as possible: a version, another one under load, and the promotion.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use verdigris_playground::{
    kubectl::Kubectl,
    load::{Load, LoadOptions, LoadReport},
    world::World,
};

use crate::playing::{PATIENCE, answers, rollout, until};

/// Applies `web` at the version `old` with kubectl, then at `new`, and promotes it, under load from the first answer on.
///
/// # Errors
/// What does not happen in time, or kubectl's complaint.
pub async fn release(
    world: &World,
    kubectl: &Kubectl,
    folder: &Path,
    namespace: &str,
    (old, new): (&str, &str),
) -> Result<LoadReport> {
    let kubectl = async |arguments: &[&str]| {
        let said = kubectl.run(&[arguments, &["--namespace", namespace]].concat()).await?;
        ensure!(said.success, "kubectl {}: {}{}", arguments.join(" "), said.stdout, said.stderr);
        Ok(())
    };
    let file = folder.join(format!("{namespace}-{old}.json"));
    let apply = async |version: &str| {
        let mut items: Vec<Value> = ["active", "preview"].map(service).into();
        items.push(rollout(version));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        std::fs::write(&file, list.to_string()).context("writing a manifest")?;
        kubectl(&["apply", "--filename", &file.to_string_lossy()]).await
    };
    apply(old).await?;
    kubectl(&["rollouts", "status", "web", "--timeout", "60s"]).await?;
    let address = || world.service(namespace, "active");
    until("an address of the Service", async || address().is_some()).await?;
    let address = address().context("the Service has lost its address")?;
    let start = || Load::start(&LoadOptions { patience: PATIENCE, ..LoadOptions::new(address) });
    let first = start();
    answers(&first, old).await?;
    first.stop().await;
    let load = start();
    answers(&load, old).await?;
    apply(new).await?;
    let paused = "--for=jsonpath={.status.phase}=Paused";
    kubectl(&["wait", "rollout/web", paused, "--timeout=60s"]).await?;
    kubectl(&["rollouts", "promote", "web"]).await?;
    answers(&load, new).await?;
    kubectl(&["rollouts", "status", "web", "--timeout", "60s"]).await?;
    Ok(load.stop().await)
}

fn service(name: &str) -> Value {
    let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}
