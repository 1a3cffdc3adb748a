//! The load that a release must survive notices a controller that does not take care.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use verdigris_controller::rules::Rules;
use verdigris_core::decision::{Decision, Outcome, Precondition, ReplicaSetChange, TemplateChange, Write};
use verdigris_core::observed::Observed;
use verdigris_playground::{load::LoadReport, world::WorldOptions};
use verdigris_tests::playing::{Playing, Server, answers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_when_the_old_version_stays_until_the_switch_is_seen() {
    assert_careful_fails_nothing(Server::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_on_a_real_kubernetes() {
    assert_careful_fails_nothing(Server::Real).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_the_old_version_down_at_the_switch_is_noticed() {
    assert_careless_is_noticed(Server::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_the_old_version_down_is_noticed_on_a_real_kubernetes() {
    assert_careless_is_noticed(Server::Real).await;
}

/// How late proxies follow. Pods are gone before that for certain, also on a machine that is busy with other tests.
const PROXIES_FOLLOW_LATE: Duration = Duration::from_secs(5);

async fn assert_careful_fails_nothing(server: Server) {
    let playing = Playing::start("careful", Rules::default(), server).await.expect("a playground");
    let report = switch_under_load(&playing).await.expect("a release");
    assert_eq!(report.failed, 0, "{report}");
}

async fn assert_careless_is_noticed(server: Server) {
    let options =
        WorldOptions { rules: careless(), programming_delay: PROXIES_FOLLOW_LATE, ..WorldOptions::default() };
    let playing = Playing::start_with("careless", &options, server).await.expect("a playground");
    let report = switch_under_load(&playing).await.expect("a release");
    assert!(report.failed > 0, "the load must notice: {report}");
}

/// The mutant: whenever the active Service is pointed elsewhere, everything that it does not select goes at once.
fn careless() -> Rules {
    let decide = |observed: &Observed, now| match verdigris_core::decide(observed, now) {
        Outcome::Decided(mut decision) => {
            let others = others_than_the_new_active(observed, &decision);
            decision.writes.extend(others.into_iter().map(Write::UpdateReplicaSet));
            Outcome::Decided(decision)
        }
        fresh @ Outcome::NeedFresh(_) => fresh,
    };
    Rules { decide: Arc::new(decide), guard: Arc::new(|_, _, _| Ok(())) }
}

fn others_than_the_new_active(observed: &Observed, decision: &Decision) -> Vec<ReplicaSetChange> {
    let pointed = decision.writes.iter().find_map(|write| match write {
        Write::PointService(point) if point.at.name == "active" => Some(point.hash.clone()),
        _ => None,
    });
    let Some(hash) = pointed else { return Vec::new() };
    let touched: Vec<&str> = decision.writes.iter().filter_map(changed_replica_set).collect();
    let others = observed.replica_sets.values().filter(|set| !set.name.ends_with(&hash));
    let to_nothing = others.filter(|set| !touched.contains(&set.name.as_str())).map(|set| ReplicaSetChange {
        template: TemplateChange::default(),
        at: Precondition {
            name: set.name.clone(),
            uid: set.uid.clone(),
            resource_version: set.resource_version.clone(),
        },
        replicas: Some(0),
        min_ready_seconds: None,
        annotations: BTreeMap::new(),
    });
    to_nothing.collect()
}

fn changed_replica_set(write: &Write) -> Option<&str> {
    match write {
        Write::UpdateReplicaSet(change) => Some(&change.at.name),
        _ => None,
    }
}

/// Deploys v1, updates to v2 and promotes it, all under load, which ends once v2 is Healthy.
async fn switch_under_load(playing: &Playing) -> anyhow::Result<LoadReport> {
    playing.deploy("v1").await?;
    let load = playing.steady_load("v1").await?;
    playing.update("v2").await?;
    playing.promote().await?;
    answers(&load, "v2").await?;
    playing.phase("Healthy").await?;
    playing.nothing_was_refused()?;
    Ok(load.stop().await)
}
