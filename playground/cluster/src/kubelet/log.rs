//! What a container has written: its last lines, each with its time, for those who read and those who follow.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::sync::{Clock, lock};

/// How much of a container's log is kept; the oldest lines go first.
const LOG_BYTES_MAX: usize = 1 << 20;
/// A longer line is cut.
const LINE_BYTES_MAX: usize = 16 << 10;

/// A line and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) text: Arc<str>,
}

/// The log of one run of a container.
#[derive(Debug)]
pub(super) struct Log {
    ring: Mutex<Ring>,
    /// Counts the changes.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    /// The number of the first line that is kept; lines are numbered from 0.
    first: u64,
    ended: bool,
}

/// What a reader finds from where it stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    /// Where to read on.
    pub(super) next: u64,
    /// Whether nothing more will come.
    pub(super) ended: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { ring: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Log {
    pub(super) fn write(&self, at: Timestamp, text: &str) {
        let mut ring = lock(&self.ring);
        for line in text.lines() {
            let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
            ring.bytes += line.len();
            ring.lines.push_back(Line { at, text: line.into() });
        }
        while ring.bytes > LOG_BYTES_MAX
            && let Some(oldest) = ring.lines.pop_front()
        {
            ring.bytes -= oldest.text.len();
            ring.first += 1;
        }
        drop(ring);
        self.changed.send_modify(|count| *count += 1);
    }

    /// The process is gone: followers have read all there is.
    pub(super) fn end(&self) {
        lock(&self.ring).ended = true;
        self.changed.send_modify(|count| *count += 1);
    }

    /// The lines from number `from` on.
    pub(super) fn read(&self, from: u64) -> Batch {
        let ring = lock(&self.ring);
        let skipped = usize::try_from(from.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        Batch {
            lines: ring.lines.iter().skip(skipped).cloned().collect(),
            next: ring.first + ring.lines.len() as u64,
            ended: ring.ended,
        }
    }

    /// Tells of changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Where a process writes.
#[derive(Clone)]
pub struct Output {
    log: Arc<Log>,
    clock: Clock,
}

impl Output {
    pub(super) fn new(log: Arc<Log>, clock: Clock) -> Self {
        Self { log, clock }
    }

    /// Writes a line, with the time in front.
    pub fn line(&self, text: &str) {
        let now = (self.clock)();
        self.log.write(now, &format!("{now:.3} {text}"));
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_read_from_anywhere() {
        let log = Log::default();
        let at = Timestamp::UNIX_EPOCH;
        let long = "x".repeat(LINE_BYTES_MAX + 7);
        for _ in 0..100 {
            log.write(at, &long);
        }
        log.write(at, "last\nbut one more");
        let all = log.read(0);
        assert!(all.lines.len() < 70, "{} lines of 16 kB are kept", all.lines.len());
        assert_eq!(all.lines[0].text.len(), LINE_BYTES_MAX);
        assert_eq!((all.next, all.ended), (102, false));
        let texts: Vec<_> = log.read(100).lines.iter().map(|line| line.text.to_string()).collect();
        assert_eq!(texts, ["last", "but one more"]);
        log.end();
        assert_eq!(log.read(102), Batch { lines: Vec::new(), next: 102, ended: true });
        assert!(log.read(u64::MAX).lines.is_empty());
    }
}
