//! What actions do to the cluster.

use super::*;

fn some_set(cluster: &Cluster, at: Index) -> Option<String> {
    let names: Vec<&String> = cluster.replica_sets.keys().collect();
    (!names.is_empty()).then(|| at.get(&names).to_string())
}

fn some_run(cluster: &Cluster, at: Index) -> Option<String> {
    let open = cluster.analysis_runs.values().filter(|run| !run.is_finished()).map(|run| &run.name);
    let mut names: Vec<&String> = open.collect();
    if names.is_empty() {
        names = cluster.analysis_runs.keys().collect();
    }
    (!names.is_empty()).then(|| at.get(&names).to_string())
}

pub(in crate::simulate) fn carry_out(cluster: &mut Cluster, action: &Action) -> Result<(), Stopped> {
    match action {
        Action::Image(image) => cluster.set_image(image),
        Action::Update(image) => {
            cluster.set_image(image);
            cluster.run(7)?;
        }
        Action::Promote => {
            approve(cluster, false);
            cluster.run(1)?;
        }
        Action::Release(image) => {
            cluster.set_image(image);
            cluster.run(4)?;
            approve(cluster, false);
            cluster.run(90)?;
        }
        Action::DropService(name) => {
            cluster.services.remove(*name);
        }
        Action::ClearPause => cluster.promote(),
        Action::Approve { stale } => approve(cluster, *stale),
        Action::PromoteFull => cluster.steer(|status| status.promote_full = Some(true)),
        Action::Abort => cluster.steer(|status| status.abort = Some(true)),
        Action::Retry => cluster.steer(|status| status.abort = Some(false)),
        Action::Scale(replicas) => cluster.edit(|rollout| rollout.spec.replicas = Some(*replicas)),
        Action::Pause(paused) => cluster.edit(|rollout| rollout.spec.paused = Some(*paused)),
        Action::PreviewWhenReady(waits) => {
            let value = waits.then(|| "whenReady".to_owned());
            cluster.annotate(BTreeMap::from([(keys::PREVIEW_SWITCH.to_owned(), value)]));
        }
        Action::Restart(seconds) => {
            cluster.apply(&json!({"restartAt": after(cluster.now, *seconds).to_string()}));
        }
        Action::Budget(least) => cluster.settings.min_available = *least,
        Action::Strategy(text) => {
            let other = shop(&serde_json::from_str(text).expect("JSON")).rollout.spec.strategy;
            cluster.edit(|rollout| rollout.spec.strategy = other);
        }
        Action::Spec(text) => cluster.apply(&serde_json::from_str(text).expect("JSON")),
        Action::Selector(name, at) => {
            let set = at.and_then(|at| some_set(cluster, at));
            let hash = set.and_then(|set| cluster.replica_sets[&set].hash("app").map(str::to_owned));
            let version = cluster.next_version();
            let Some(service) = cluster.services.get_mut(*name) else { return Ok(()) };
            service.selector.remove(keys::POD_TEMPLATE_HASH);
            service.selector.extend(hash.map(|hash| (keys::POD_TEMPLATE_HASH.to_owned(), hash)));
            service.resource_version = version;
        }
        Action::NewService(name) => cluster.add_service(name),
        Action::BreakPods(at, broken) => {
            if let Some(set) = some_set(cluster, *at) {
                cluster.break_pods(&set, *broken);
            }
        }
        Action::DeleteSet(at) => {
            if let Some(set) = some_set(cluster, *at) {
                cluster.replica_sets.remove(&set);
                cluster.templates.remove(&set);
                cluster.pods.remove(&set);
            }
        }
        Action::StripAnnotation(at, key) => {
            if let Some(set) = some_set(cluster, *at) {
                let version = cluster.next_version();
                let seen = cluster.replica_sets.get_mut(&set).expect("a ReplicaSet");
                seen.annotations.remove(*key);
                seen.resource_version = version;
            }
        }
        Action::LoseStatus => cluster.rollout.status = None,
        Action::Endpoints { readable, follow } => {
            cluster.settings.endpoints_readable = *readable;
            cluster.settings.endpoints_follow = *follow;
        }
        Action::Reference(pods, mode) => cluster.reference_deployment(*pods, mode),
        Action::ScaleDeployment(pods) => cluster.edit_workload(|it| it.replicas = Some(*pods)),
        Action::LoseDeployment(forbidden) => {
            let found = if *forbidden { Workload::Unreadable("forbidden".into()) } else { Workload::Missing };
            cluster.lose_workload(found);
        }
        Action::FindDeployment => cluster.find_workload(),
        Action::Measured(phase) => {
            cluster.settings.measured = match *phase {
                "" => Measured::Never,
                "Running" => Measured::ForEver,
                phase => Measured::Ends(3, phase.to_owned()),
            };
        }
        Action::Phase(at, phase) => {
            if let Some(name) = some_run(cluster, *at) {
                cluster.set_run_phase(&name, phase, "");
            }
        }
        Action::DeleteRun(at) => {
            if let Some(name) = some_run(cluster, *at) {
                cluster.analysis_runs.remove(&name);
            }
        }
        Action::Templates(there) => {
            cluster.analysis_templates =
                if *there { shop(&json!({})).analysis_templates } else { BTreeMap::new() };
        }
        Action::Neighbour(name, names) => {
            let services = names.then(|| (*name).to_owned()).into_iter().collect();
            let created = Timestamp::UNIX_EPOCH;
            let neighbour = Neighbour { name: "till".into(), created, services, overlaps: *names };
            cluster.neighbours.insert("till".into(), neighbour);
        }
        Action::Crash(writes) => {
            let (_, decision) = cluster.decide()?;
            cluster.carry_out_some(decision, *writes);
        }
        Action::Wait(seconds) => cluster.run(*seconds)?,
    }
    Ok(())
}

pub(super) fn approve(cluster: &mut Cluster, stale: bool) {
    let hash = cluster.current();
    let revision = cluster.replica_sets.values().find(|seen| seen.hash("app") == Some(&hash));
    let revision = revision.map_or(0, ReplicaSetSeen::revision) + u64::from(stale);
    let approval = Approval {
        hash,
        revision: Some(revision),
        user: Some("anna".into()),
        at: Some(cluster.now),
        by: "test".into(),
    };
    cluster.annotate(BTreeMap::from([(keys::APPROVAL.to_owned(), Some(approval.to_annotation()))]));
}
