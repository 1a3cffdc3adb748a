//! After a pass or a live read: what is to be waited for, and when the Rollout is due again.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::Instant;
use tracing::warn;
use verdigris_crds::keys;

use super::{Controller, ReadLive, refusals::HOLD_MAX};
use crate::{
    cache::Shown,
    key::{Key, Kind, ObjectId},
    observe,
    pass::{Ending, Report},
    queue::Ended,
    server::CallError,
    watches::is_ours,
};

/// How long counts of pods wait for company before they are written: pods seldom come alone, and what else there is to
/// say takes the counts along.
const COUNTS_WAIT: Duration = Duration::from_secs(1);

impl Controller {
    pub(super) fn pass_ended(&mut self, rollout: &Key, report: Report) {
        let now = Instant::now();
        let deadline = now + self.options.barrier_wait;
        for (object, until) in report.waits {
            let cached = self.cache.version(&object);
            self.barrier.wait(rollout, &object, until, cached, deadline);
        }
        if let Some(workload) = &report.workload {
            for other in self.cache.workload_read(rollout, workload) {
                self.look_at(&other, now);
            }
        }
        let Some(cached) = self.cache.rollout(rollout) else {
            let again = match report.ending {
                Ending::Done if report.gone => None,
                // It went while the pass was under way, which therefore saw nothing of what is left behind.
                Ending::Done | Ending::Outdated => Some(Duration::ZERO),
                Ending::Refused(_) => Some(HOLD_MAX),
                Ending::Later(wait) => Some(wait),
            };
            let ended = again.map_or(Ended::Changed, |wait_min| Ended::Failed { wait_min });
            self.queue.ended(rollout, ended, again.map(|_| now + self.options.resync), now);
            if again.is_none() {
                self.forget(rollout);
            }
            return;
        };
        let mut watch_again = None;
        if let Some(sight) = &report.sight {
            let clock = self.ports.clock.now();
            let (findings, at) = self.observer.saw(rollout, sight, &self.means.rules, clock);
            observe::tell(rollout, &findings, &self.means.metrics.counters);
            watch_again = at.map(|at| instant_of(at, clock, now));
        }
        let memory = self.memory.entry(rollout.clone()).or_default();
        memory.untold = report.untold;
        let resync = now + self.options.resync;
        memory.counts_due = report.counts_wait.then(|| *memory.counts_due.get_or_insert(now + COUNTS_WAIT));
        let counts_due = memory.counts_due;
        let quiet = if report.wrote || report.counts_wait { Ended::Changed } else { Ended::Unchanged };
        let (how, look_again) = match report.ending {
            Ending::Done => {
                if report.wrote {
                    memory.refusals.ended_well();
                }
                let look_again = report.look_again.map(|at| instant_of(at, self.ports.clock.now(), now));
                let ask_again = memory.refusals.ask_again();
                let all = look_again.into_iter().chain(ask_again).chain(watch_again).chain(counts_due);
                (quiet, all.fold(resync, Instant::min))
            }
            Ending::Outdated => (quiet, now),
            Ending::Refused(refusal) => match memory.refusals.hold(refusal, cached.generation, now) {
                None => (quiet, now),
                Some(wait_min) => (Ended::Failed { wait_min }, resync),
            },
            Ending::Later(wait_min) => (Ended::Failed { wait_min }, resync),
        };
        self.queue.ended(rollout, how, Some(look_again), now);
    }

    pub(super) fn read_ended(&mut self, object: &ObjectId, read: Result<Option<ReadLive>, CallError>) {
        let concerned = match read {
            Err(error) => {
                warn!(%object, why = %error, "could not read what the cache does not show; tries again");
                return;
            }
            Ok(Some(ReadLive::Rollout(item))) if is_ours(item.labels(), &self.options) => {
                self.cache.rollout_shown(Shown::There(item))
            }
            Ok(Some(ReadLive::ReplicaSet(item))) if item.labels().contains_key(keys::POD_TEMPLATE_HASH) => {
                self.cache.replica_set_shown(Shown::There(item))
            }
            Ok(Some(ReadLive::Workload(kind, item))) => self.cache.workload_shown(kind, Shown::There(item)),
            Ok(Some(ReadLive::Service(item))) => self.cache.service_shown(Shown::There(item)),
            Ok(Some(ReadLive::AnalysisRun(item))) => self.cache.analysis.run_shown(Shown::There(item)),
            Ok(_) => match object.kind {
                Kind::Rollout => self.cache.rollout_shown(Shown::Absent(object.key.clone())),
                Kind::ReplicaSet => self.cache.replica_set_shown(Shown::Absent(object.key.clone())),
                Kind::Service => self.cache.service_shown(Shown::Absent(object.key.clone())),
                Kind::AnalysisRun => self.cache.analysis.run_shown(Shown::Absent(object.key.clone())),
                Kind::EndpointSlice | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => {
                    BTreeSet::new()
                }
                Kind::Workload(kind) => self.cache.workload_shown(kind, Shown::Absent(object.key.clone())),
            },
        };
        self.means.metrics.counters.releases_by_live_read.add_one();
        let free = self.barrier.read_live(object);
        self.free(free);
        for rollout in concerned {
            self.look_at(&rollout, Instant::now());
        }
    }
}

/// The moment of waiting at which the wall clock will show `at`. A millisecond more, for timers are no finer.
fn instant_of(at: Timestamp, wall_now: Timestamp, now: Instant) -> Instant {
    let wait = Duration::try_from(at.duration_since(wall_now)).unwrap_or(Duration::ZERO);
    now.checked_add(wait + Duration::from_millis(1)).unwrap_or(now + Duration::from_secs(86_400))
}
