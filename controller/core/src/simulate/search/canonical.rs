//! What makes two states the same: hashes are named by their templates, revisions are ranks, times are counted from now
//! and only as far as they matter, and what no decision looks at is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::{Condition, keys};

use super::super::Pod;
use super::Cluster;
use crate::blue_green::restart;
use crate::observed::analysis::AnalysisRunSeen;
use crate::seen::after;
use crate::workload::Workload;

/// After so many an analysis that nobody measures says so.
const UNMEASURED_SECONDS: i64 = 10;
/// Longest time that any rule of the models waits for.
const LONGEST_SECONDS: i64 = 60;

struct Names<'a> {
    cluster: &'a Cluster,
    /// Templates by hash: the last letter of the image.
    templates: BTreeMap<&'a str, &'a str>,
    /// Revisions in their order.
    revisions: Vec<u64>,
}

impl<'a> Names<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        let mut revisions: Vec<u64> = cluster.replica_sets.values().map(|seen| seen.revision()).collect();
        revisions.sort_unstable();
        let templates = cluster.replica_sets.values().filter_map(|seen| {
            let image = cluster.templates.get(&seen.name)?.pointer("/spec/containers/0/image")?;
            Some((seen.hash("app")?, image.as_str()?.rsplit(':').next()?))
        });
        Self { cluster, templates: templates.collect(), revisions }
    }

    fn template(&self, hash: Option<&str>) -> &str {
        hash.map_or("-", |hash| self.templates.get(hash).copied().unwrap_or("?"))
    }

    fn rank(&self, revision: u64) -> usize {
        self.revisions.iter().position(|known| *known == revision).unwrap_or(9)
    }

    /// Seconds until then; what is past is past.
    fn left(&self, time: Timestamp) -> i64 {
        (time.as_second() - self.cluster.now.as_second()).clamp(0, LONGEST_SECONDS)
    }

    fn age(&self, time: Timestamp) -> i64 {
        (self.cluster.now.as_second() - time.as_second()).clamp(0, LONGEST_SECONDS)
    }

    /// The words of a message that rules read: versions and revisions, in their order.
    fn words(&self, message: &str) -> String {
        let words = message.split(|letter: char| !letter.is_alphanumeric());
        words
            .filter_map(|word| {
                let hash = self.templates.get(word).map(|template| format!("v{template}"));
                hash.or_else(|| Some(format!("r{}", self.rank(word.parse().ok()?))))
            })
            .collect::<Vec<_>>()
            .join(",")
    }

    fn condition(&self, condition: &Condition) -> String {
        let Condition { type_, status, reason, message, .. } = condition;
        let more = match type_.as_str() {
            keys::TRAFFIC_SWITCHED if status == "False" => {
                format!("{} {}", self.words(message), self.age(condition.last_transition_time.0))
            }
            keys::APPROVAL_CONDITION => self.words(message),
            keys::RESTART => format!("{message} {}", self.age(condition.last_update_time.0)),
            // The referenced Deployment goes by it.
            "Available" if self.cluster.workload.is_some() => {
                self.age(condition.last_transition_time.0).to_string()
            }
            keys::PROGRESS => {
                let allowed = self.cluster.rollout.spec.progress_deadline_seconds.unwrap_or(600);
                let until = after(condition.last_update_time.0, allowed.into());
                // A deadline beyond what a path can take is none.
                let left = until.as_second() - self.cluster.now.as_second();
                let matters = allowed < 600;
                format!("{message} {}", if matters { left.max(0) } else { 0 })
            }
            _ => String::new(),
        };
        format!("{type_}={status} {reason} {more}")
    }
}

/// The canonical form of a state.
pub(super) fn key(cluster: &Cluster) -> String {
    let names = Names::of(cluster);
    let mut text = String::with_capacity(800);
    // Writing to a String cannot fail.
    let _ = rollout(&names, &mut text);
    let _ = replica_sets(&names, &mut text);
    let _ = services(&names, &mut text);
    let _ = workload(&names, &mut text);
    let _ = analysis(&names, &mut text);
    text
}

fn rollout(names: &Names<'_>, text: &mut String) -> std::fmt::Result {
    let rollout = &names.cluster.rollout;
    let image = names.cluster.template().and_then(|it| it.pointer("/spec/containers/0/image"));
    let image = image.and_then(Value::as_str).unwrap_or_default();
    let generation = rollout.metadata.generation.map(|generation| generation.to_string());
    let annotations = rollout.metadata.annotations.as_ref();
    let revision = annotations.and_then(|annotations| annotations.get(keys::REVISION));
    let revision = revision.and_then(|revision| revision.parse().ok()).map(|number| names.rank(number));
    write!(text, "{image} {:?} {:?} {revision:?}", rollout.spec.paused, rollout.spec.replicas)?;
    let Some(status) = &rollout.status else { return Ok(()) };
    write!(text, "{}", restart::is_pending(&rollout.spec, status))?;
    let blue_green = status.blue_green.clone().unwrap_or_default();
    write!(
        text,
        "|{} {:?} {} {:?} {:?} {} {} {} {} {:?}|",
        generation == status.observed_generation,
        status.abort,
        status.aborted_at.is_some(),
        status.controller_pause,
        status.promote_full,
        names.template(status.current_pod_hash.as_deref()),
        names.template(status.stable_rs.as_deref()),
        names.template(blue_green.active_selector.as_deref()),
        names.template(blue_green.preview_selector.as_deref()),
        blue_green.scale_up_preview_check_point,
    )?;
    let seconds = rollout.spec.strategy.as_ref().and_then(|strategy| strategy.blue_green.as_ref());
    let seconds = seconds.and_then(|strategy| strategy.auto_promotion_seconds).unwrap_or(0);
    for pause in status.pause_conditions.iter().flatten() {
        write!(text, "{} {};", pause.reason, names.age(pause.start_time.0).min(seconds.into()))?;
    }
    write!(text, "|{}|", names.words(status.selector.as_deref().unwrap_or_default()))?;
    let mut conditions: Vec<String> =
        status.conditions.iter().flatten().map(|condition| names.condition(condition)).collect();
    conditions.sort();
    write!(text, "|{}|", conditions.join(";"))
}

fn replica_sets(names: &Names<'_>, text: &mut String) -> std::fmt::Result {
    let cluster = names.cluster;
    let mut sets: Vec<_> = cluster.replica_sets.values().collect();
    sets.sort_by_key(|seen| names.template(seen.hash("app")));
    let status = cluster.rollout.status.clone().unwrap_or_default();
    let restarts_at = cluster.rollout.spec.restart_at.as_ref().map(|time| time.0);
    let restarts_at = restarts_at.filter(|_| restart::is_pending(&cluster.rollout.spec, &status));
    let oldest = sets.iter().map(|seen| seen.created).min();
    for seen in sets {
        write!(
            text,
            "{} {} {} {} {} {} {} {} {:?} {} {} {};",
            names.template(seen.hash("app")),
            names.rank(seen.revision()),
            oldest == Some(seen.created),
            seen.replicas_wanted,
            seen.replicas,
            seen.ready_replicas,
            seen.available_replicas,
            seen.status_is_current(),
            seen.scale_down_deadline().map(|deadline| names.left(deadline)),
            seen.formerly_stable(),
            seen.once_stable(),
            seen.desired_replicas() == cluster.rollout.spec.replicas,
        )?;
        let pods = cluster.pods.get(&seen.name).into_iter().flatten();
        let ready = |created| names.left(after(created, cluster.settings.ready_after_seconds));
        let restarts = |pod: &Pod| restarts_at.is_some_and(|at| pod.created < at);
        let mut pods: Vec<String> =
            pods.map(|pod| format!("{}{}{}", ready(pod.created), pod.broken, restarts(pod))).collect();
        pods.sort();
        write!(text, "{}|", pods.join(","))?;
    }
    Ok(())
}

fn services(names: &Names<'_>, text: &mut String) -> std::fmt::Result {
    for service in names.cluster.services.values() {
        write!(
            text,
            "{}={} {};",
            service.name,
            names.template(service.hash()),
            service.managed_by.is_some()
        )?;
    }
    let followed = names.cluster.followed.get(keys::POD_TEMPLATE_HASH).map(String::as_str);
    write!(text, "{}", names.template(followed))
}

fn workload(names: &Names<'_>, text: &mut String) -> std::fmt::Result {
    let cluster = names.cluster;
    let Some(found) = &cluster.workload else { return Ok(()) };
    for workload in [Some(found), cluster.lost_workload.as_ref()].into_iter().flatten() {
        let Workload::There(seen) = workload else {
            write!(text, "|lost")?;
            continue;
        };
        let image = seen.template.pointer("/spec/containers/0/image");
        let generation = seen.generation.to_string();
        let status = cluster.rollout.status.as_ref();
        let observed = status.and_then(|status| status.other.get("workloadObservedGeneration")?.as_str());
        let annotations = cluster.rollout.metadata.annotations.as_ref();
        let noted = annotations.and_then(|annotations| annotations.get(keys::WORKLOAD_GENERATION));
        let is_known = (observed == Some(generation.as_str()), noted == Some(&generation));
        write!(text, "|{image:?} {:?} {is_known:?}", seen.replicas)?;
    }
    Ok(())
}

fn analysis(names: &Names<'_>, text: &mut String) -> std::fmt::Result {
    let status = names.cluster.rollout.status.as_ref();
    let blue_green = status.and_then(|status| status.blue_green.clone()).unwrap_or_default();
    let entries =
        [blue_green.pre_promotion_analysis_run_status, blue_green.post_promotion_analysis_run_status];
    let is_named = |run: &AnalysisRunSeen| entries.iter().flatten().any(|entry| entry.name == run.name);
    let describe = |run: &AnalysisRunSeen| {
        format!(
            "{} {:?} {:?} {} {} {} {}",
            names.template(run.hash()),
            run.revision.as_deref().and_then(|revision| revision.parse().ok()).map(|it| names.rank(it)),
            run.labels.get(keys::ROLLOUT_TYPE),
            run.phase,
            run.terminating,
            if run.phase.is_empty() { names.age(run.created).min(UNMEASURED_SECONDS) } else { 0 },
            is_named(run),
        )
    };
    let mut runs: Vec<String> = names.cluster.analysis_runs.values().map(describe).collect();
    runs.sort();
    write!(text, "|{}", runs.join(";"))?;
    for entry in &entries {
        let name = entry.as_ref().map(|entry| names.cluster.analysis_runs.contains_key(&entry.name));
        write!(text, "|{name:?} {:?}", entry.as_ref().map(|entry| &entry.status))?;
    }
    Ok(())
}
