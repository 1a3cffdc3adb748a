//! What came of a load.

use std::fmt;

use tokio::time::{Duration, Instant};

/// Which kind of connection a request used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One of its own.
    NewConnection,
    /// One that was used before, or will be again.
    KeptAlive,
}

/// A request that got no good answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it was sent, counted from the start of the load.
    pub after: Duration,
    /// On which kind of connection.
    pub kind: Kind,
    /// What happened.
    pub reason: String,
}

/// What came of a load, up to the moment it was asked for.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// Since when it was sent.
    pub started: Instant,
    /// How long it was sent.
    pub lasted: Duration,
    /// Requests that were answered or failed.
    pub sent: u64,
    /// Of these, on new connections.
    pub on_new_connections: u64,
    /// Requests that failed.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// The versions that answered on new connections, one entry for each change, in order of the requests' start.
    pub versions: Vec<(String, Instant)>,
    /// Time from request to answer that half of the requests stayed under.
    pub latency_median: Duration,
    /// The same for 99 of 100.
    pub latency_p99: Duration,
    /// The longest.
    pub latency_max: Duration,
}

impl LoadReport {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        // Fits: a load of days at thousands a second stays far below 2^52.
        #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
        let sent = self.sent as f64;
        sent / self.lasted.as_secs_f64().max(0.001)
    }

    /// How long after `moment` the first request was sent, on a new connection, that `version` answered: zero if that
    /// version was answering before.
    pub fn first_answer(&self, version: &str, moment: Instant) -> Option<Duration> {
        let current = self.versions.iter().rev().find(|(_, first)| *first <= moment);
        if current.is_some_and(|(current, _)| current == version) {
            return Some(Duration::ZERO);
        }
        let later = self.versions.iter().find(|(seen, first)| seen == version && *first > moment)?;
        Some(later.1.duration_since(moment))
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> = self.versions.iter().map(|(version, _)| version.as_str()).collect();
        writeln!(
            out,
            "{} requests in {:.1} s ({:.0} a second, {} on new connections), {} failed",
            self.sent,
            self.lasted.as_secs_f64(),
            self.rate(),
            self.on_new_connections,
            self.failed
        )?;
        writeln!(
            out,
            "answered after {:.1} ms (median), {:.1} ms (99 of 100), {:.1} ms (longest)",
            self.latency_median.as_secs_f64() * 1e3,
            self.latency_p99.as_secs_f64() * 1e3,
            self.latency_max.as_secs_f64() * 1e3
        )?;
        write!(out, "versions seen, in order: {}", versions.join(" -> "))?;
        for failure in &self.failures {
            let kind = match failure.kind {
                Kind::NewConnection => "new connection",
                Kind::KeptAlive => "kept connection",
            };
            write!(
                out,
                "\nfailed after {:.3} s on a {kind}: {}",
                failure.after.as_secs_f64(),
                failure.reason
            )?;
        }
        Ok(())
    }
}
