//! Counts what was answered, by whom and how fast, in a few bytes a request.

use tokio::time::{Duration, Instant};

use super::report::{Failure, Kind, LoadReport};

/// Failures that are kept with their reason; the others are only counted.
const FAILURES_KEPT: usize = 10;

pub(super) struct Tally {
    started: Instant,
    sent: u64,
    on_new_connections: u64,
    failed: u64,
    failures: Vec<Failure>,
    /// Versions in order of arrival; answers refer to them by index.
    versions: Vec<String>,
    /// Answers on new connections: when the request was sent, and which version it met.
    answers: Vec<(Instant, usize)>,
    latencies_us: Vec<u32>,
}

impl Tally {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            sent: 0,
            on_new_connections: 0,
            failed: 0,
            failures: Vec::new(),
            versions: Vec::new(),
            answers: Vec::new(),
            latencies_us: Vec::new(),
        }
    }

    pub(super) fn note(
        &mut self,
        kind: Kind,
        began: Instant,
        ended: Instant,
        answer: Result<String, String>,
    ) {
        self.sent += 1;
        self.on_new_connections += u64::from(kind == Kind::NewConnection);
        let took = ended.duration_since(began).as_micros();
        self.latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
        match answer {
            Ok(version) if kind == Kind::NewConnection => {
                let index = self.index_of(version);
                self.answers.push((began, index));
            }
            Ok(_) => {}
            Err(reason) => self.fail(Failure { after: began.duration_since(self.started), kind, reason }),
        }
    }

    pub(super) fn report(&self, now: Instant) -> LoadReport {
        let mut latencies = self.latencies_us.clone();
        latencies.sort_unstable();
        let at = |part: usize, of: usize| {
            let index = (latencies.len() * part / of).min(latencies.len().saturating_sub(1));
            Duration::from_micros(latencies.get(index).copied().unwrap_or_default().into())
        };
        LoadReport {
            started: self.started,
            lasted: now.duration_since(self.started),
            sent: self.sent,
            on_new_connections: self.on_new_connections,
            failed: self.failed,
            failures: self.failures.clone(),
            versions: self.changes(),
            latency_median: at(1, 2),
            latency_p99: at(99, 100),
            latency_max: at(1, 1),
        }
    }

    /// One entry for each change of version. Answers arrive in another order than their requests were sent.
    fn changes(&self) -> Vec<(String, Instant)> {
        let mut answers = self.answers.clone();
        answers.sort_by_key(|(began, _)| *began);
        answers.dedup_by_key(|(_, version)| *version);
        answers.into_iter().map(|(began, version)| (self.versions[version].clone(), began)).collect()
    }

    fn index_of(&mut self, version: String) -> usize {
        let known = self.versions.iter().position(|seen| *seen == version);
        known.unwrap_or_else(|| {
            self.versions.push(version);
            self.versions.len() - 1
        })
    }

    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < FAILURES_KEPT {
            self.failures.push(failure);
        }
    }
}
