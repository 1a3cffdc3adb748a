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
    answers: Vec<Answered>,
    latencies_us: Vec<u32>,
}

/// An answer on a new connection: when its request was sent, when it was there, and which version gave it.
#[derive(Clone, Copy)]
struct Answered {
    began: Instant,
    ended: Instant,
    version: usize,
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
                let version = self.index_of(version);
                self.answers.push(Answered { began, ended, version });
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

    /// One entry for each change of version, in the order in which requests were sent.
    ///
    /// Which of two requests that were under way together came first, nobody can tell: one that meets the version before
    /// the last change has only seen a change back if it was sent after an answer of the new version was there. Of requests
    /// from 0 to 9 ms (v1), 5 to 9 ms (v2) and 6 to 8 ms (v1) the third is still before the change; one sent at 10 ms is not.
    fn changes(&self) -> Vec<(String, Instant)> {
        let mut answers = self.answers.clone();
        answers.sort_by_key(|answer| answer.began);
        let mut changes: Vec<Answered> = Vec::new();
        for answer in answers {
            let before =
                changes.len().checked_sub(2).and_then(|index| changes.get(index)).map(|it| it.version);
            match changes.last_mut() {
                // `ended` of a change is the first end of all its answers.
                Some(last) if last.version == answer.version => last.ended = last.ended.min(answer.ended),
                Some(last) if before == Some(answer.version) && answer.began <= last.ended => {}
                _ => changes.push(answer),
            }
        }
        changes.into_iter().map(|it| (self.versions[it.version].clone(), it.began)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The versions that are reported of requests, each from one millisecond to another.
    fn reported(requests: &[(u64, u64, &str)]) -> Vec<String> {
        let started = Instant::now();
        let at = |milliseconds: u64| started + Duration::from_millis(milliseconds);
        let mut tally = Tally::new(started);
        for (began, ended, version) in requests {
            tally.note(Kind::NewConnection, at(*began), at(*ended), Ok((*version).to_owned()));
        }
        tally.report(started).versions.into_iter().map(|(version, _)| version).collect()
    }

    #[test]
    fn requests_under_way_together_have_no_order() {
        assert_eq!(reported(&[(0, 9, "v1"), (5, 9, "v2"), (6, 8, "v1"), (10, 11, "v2")]), ["v1", "v2"]);
        assert_eq!(reported(&[(0, 1, "v1"), (2, 30, "v2"), (3, 4, "v1"), (29, 31, "v1")]), ["v1", "v2"]);
    }

    #[test]
    fn a_request_sent_after_an_answer_of_the_new_version_has_seen_it_change_back() {
        assert_eq!(
            reported(&[(0, 1, "v1"), (2, 3, "v2"), (4, 5, "v1"), (6, 7, "v2")]),
            ["v1", "v2", "v1", "v2"]
        );
        let first_end_counts = [(0, 1, "v1"), (2, 30, "v2"), (3, 5, "v2"), (6, 7, "v1")];
        assert_eq!(reported(&first_end_counts), ["v1", "v2", "v1"]);
    }
}
