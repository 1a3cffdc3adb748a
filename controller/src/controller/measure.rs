//! What the loop tells metrics of itself.

use tokio::time::{Duration, Instant};

use super::Controller;
use crate::metrics::work::{Measured, label_of};

impl Controller {
    /// Tells metrics how much there is to do: often enough while there is something, and at once when there is not.
    pub(super) fn measure(&mut self) {
        /// To count those that are due takes a step for each of them.
        const MEASURE_EVERY: Duration = Duration::from_millis(100);
        let now = Instant::now();
        let leads = self.term != 0;
        self.means.metrics.set_leads(leads);
        // While another replica leads, nothing is due here.
        let due_since = self.queue.next_due().filter(|due| leads && *due <= now);
        if due_since.is_some() && now < self.measure_at {
            return;
        }
        self.measure_at = now + MEASURE_EVERY;
        let due = if leads { self.queue.due_count(now) } else { 0 };
        self.means.metrics.work().measured = Measured {
            due,
            later: self.queue.len() - due,
            waiting: self.waiting.len(),
            due_since,
            added: self.queue.added(),
            cached: self.cache.sizes(),
            troubles: self.troubles.keys().map(|kind| label_of(*kind)).collect(),
            synced: self.caches_filled(),
        };
    }
}
