//! The record of all accepted writes: who wrote what, and whether it changed anything.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::stored::Stored;

/// One accepted write of one object. Refused requests and dry runs leave none.
#[derive(Clone, Debug)]
pub struct Write {
    /// 1 for the first write, and one more for each.
    pub sequence: u64,
    /// When it was accepted.
    pub at: Timestamp,
    /// The API verb.
    pub verb: Verb,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural resource name.
    pub plural: String,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The subresource that was written; empty for the object itself.
    pub subresource: String,
    /// The field manager: the one the client named, or the first part of its user agent.
    pub manager: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// Whether it changed anything. A write that did not made no version and no event.
    pub changed: bool,
    /// The resourceVersion of the object after the write.
    pub version: u64,
    /// The object before the write. Only handed to observers; the record itself does not keep it.
    pub before: Option<Arc<Stored>>,
    /// The object after the write, of a deletion its last state. Only handed to observers.
    pub after: Option<Arc<Stored>>,
}

/// The verb of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// POST of a new object.
    Create,
    /// PUT.
    Update,
    /// PATCH in one of the three older forms.
    Patch,
    /// PATCH as server-side apply.
    Apply,
    /// DELETE of one object.
    Delete,
    /// DELETE of a collection; one record for each object.
    DeleteCollection,
}

/// The newest writes, bounded.
#[derive(Debug, Default)]
pub(crate) struct WriteLog {
    newest: VecDeque<Write>,
    count: u64,
    pub changed: Arc<Notify>,
}

const WRITES_MAX: usize = 20_000;

impl WriteLog {
    /// Numbers and keeps a write; gives it back numbered, with its objects.
    pub fn push(&mut self, mut write: Write) -> Write {
        self.count += 1;
        write.sequence = self.count;
        if self.newest.len() >= WRITES_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Write { before: None, after: None, ..write.clone() });
        self.changed.notify_waiters();
        write
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The writes after the one numbered `sequence`, oldest first, as far back as they are kept.
    pub fn since(&self, sequence: u64) -> Vec<Write> {
        let start = self.newest.partition_point(|write| write.sequence <= sequence);
        self.newest.range(start..).cloned().collect()
    }
}
