//! Who leads: a state machine that is shown the Lease, told the time and given the answers to what it asked for.
//!
//! It holds because of what nobody has to agree on. Clocks need not show the same time; only while one runs through the
//! *renew deadline*, no other may run through the whole *lease duration* (15 s and 10 s: clocks may differ by half in speed).
//!
//! * Who leads counts from the moment at which it **sent** its last renewal that was confirmed, and leads no longer than the
//!   renew deadline from then on.
//! * Who waits counts from the moment at which it **first saw** a version of the Lease, and takes it no sooner than the whole
//!   duration that this version promises, and only in this very version (resourceVersion).
//!
//! A version is seen after it was sent, so whoever takes the Lease does so after the leader has given up by itself. Nothing here
//! rests on the times in the Lease, which are for people.
//!
//! To *create* the Lease is on no condition, so who created it asks what it has seen meanwhile. An example: `b` finds no Lease and
//! asks to create it; before that arrives `a` creates it and leads, and somebody deletes it. Now `b` holds a Lease while `a`
//! leads; but `b` has seen the Lease of `a`, and waits as long as that promised. Only who never saw it cannot know.

use std::{cmp::max, time::Duration};

use tokio::time::Instant;

/// The shortest pause between two requests after one that did not do what was wanted.
const PAUSE: Duration = Duration::from_millis(100);
/// Nothing is due for so long that it may as well be for ever.
const LONG: Duration = Duration::from_secs(3600);

/// How patient an election is. What client-go calls these, and in its relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// So long nobody else may lead after a renewal.
    pub lease_duration: Duration,
    /// So long a leader goes on without a renewal.
    pub renew_deadline: Duration,
    /// So often a leader renews.
    pub retry_period: Duration,
}

/// Why a timing makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTiming {
    /// A Lease tells its duration in whole seconds.
    #[error("the lease duration must be whole seconds, for a Lease cannot tell any other")]
    Fraction,
    /// Else two would lead at the same time.
    #[error(
        "the lease duration must be longer than the renew deadline, or two replicas would lead at the same time"
    )]
    DurationTooShort,
    /// Else one lost answer ends a leader.
    #[error(
        "the renew deadline must be longer than 1.2 times the retry period, or every answer that is late ends a leader"
    )]
    DeadlineTooShort,
    /// Else it asks without end.
    #[error("the retry period must not be shorter than a tenth of a second")]
    PeriodTooShort,
}

/// A Lease, as far as it says who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `metadata.resourceVersion`.
    pub version: String,
    /// Who holds it; empty if nobody does.
    pub holder: String,
    /// What it promises its holder, if it says so.
    pub duration: Option<Duration>,
}

/// What is to be asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read the Lease.
    Read,
    /// Create it, held by us.
    Create,
    /// Hold it from now on, if it still is in this version.
    Take {
        /// `metadata.resourceVersion`.
        version: String,
    },
    /// Go on holding it, if it still is in this version.
    Renew {
        /// `metadata.resourceVersion`.
        version: String,
    },
    /// Hold it no longer, if it still is in this version.
    Free {
        /// `metadata.resourceVersion`.
        version: String,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done, or read: the Lease is this.
    Lease(Seen),
    /// There is no Lease.
    Absent,
    /// It is another version by now, or is there already.
    Outdated,
    /// No answer, or none that says whether it was done.
    Failed,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for this; the next step depends on the answer, to be given to [`Election::answered`].
    Ask(Request),
    /// Nothing before this moment, unless something happens.
    Wait(Instant),
    /// We have left: nothing more is to be done.
    Left,
}

/// A time in which we lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Which one it is: counted from 1.
    pub number: u64,
    /// It is over at this moment, unless it is renewed before.
    pub until: Instant,
}

/// One candidate's view of the election.
#[derive(Debug)]
pub struct Election {
    identity: String,
    timing: Timing,
    /// Whether we could lead at once.
    ready: bool,
    /// Whether we are about to end.
    leaving: bool,
    sight: Sight,
    /// Somebody else may lead until then, as far as we saw.
    rival_until: Option<Instant>,
    /// When anything was heard of the Lease.
    heard: Option<Instant>,
    /// When the last confirmed request of ours was sent, if we lead.
    confirmed: Option<Instant>,
    terms: u64,
    /// What we asked for and have no answer to, and when that was sent.
    asked: Option<(Request, Instant)>,
    /// What was seen is known to be outdated.
    outdated: bool,
    /// Something that we asked for may have been done or not.
    unsure: bool,
    /// Nothing is asked before.
    not_before: Option<Instant>,
}

/// What is known of the Lease.
#[derive(Debug)]
enum Sight {
    /// Nothing.
    None,
    /// This version of it.
    There(Seen),
    /// It is not there.
    Gone,
}

impl Timing {
    /// Checks that two never lead at the same time.
    pub fn checked(self) -> Result<Self, BadTiming> {
        if self.lease_duration.subsec_nanos() != 0 {
            Err(BadTiming::Fraction)
        } else if self.lease_duration <= self.renew_deadline {
            Err(BadTiming::DurationTooShort)
        } else if self.renew_deadline <= self.retry_period.mul_f64(1.2) {
            Err(BadTiming::DeadlineTooShort)
        } else if self.retry_period < Duration::from_millis(100) {
            Err(BadTiming::PeriodTooShort)
        } else {
            Ok(self)
        }
    }

    /// How long one request may take: three fit into the renew deadline, and a healthy server is given half a second at least.
    #[must_use]
    pub fn answer_wait(&self) -> Duration {
        let third =
            Duration::from_millis(u64::try_from((self.renew_deadline / 3).as_millis()).unwrap_or(u64::MAX));
        max(third, Duration::from_millis(500)).min(self.renew_deadline)
    }

    /// A Lease of which nothing was heard for so long is read: somebody renews it as often as we would, and a watch that says
    /// nothing may be broken.
    fn silence_max(&self) -> Duration {
        self.retry_period.mul_f64(1.5)
    }
}

impl Default for Timing {
    fn default() -> Self {
        let [lease_duration, renew_deadline, retry_period] = [15, 10, 2].map(Duration::from_secs);
        Self { lease_duration, renew_deadline, retry_period }
    }
}

impl Election {
    /// A candidate with this identity, which nobody else has. It leads only once it is ready.
    #[must_use]
    pub fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            ready: false,
            leaving: false,
            sight: Sight::None,
            rival_until: None,
            heard: None,
            confirmed: None,
            terms: 0,
            asked: None,
            outdated: false,
            unsure: false,
            not_before: None,
        }
    }

    /// We could lead at once: take the Lease as soon as it is free.
    pub fn is_ready(&mut self) {
        self.ready = true;
    }

    /// We are about to end: lead no longer, and let the next one know.
    pub fn leave(&mut self) {
        self.leaving = true;
        self.confirmed = None;
        // Whatever it would say.
        self.asked.take_if(|(request, _)| *request == Request::Read);
        self.not_before = None;
    }

    /// The term in which we lead at this moment.
    #[must_use]
    pub fn term(&self, now: Instant) -> Option<Term> {
        let until = self.confirmed? + self.timing.renew_deadline;
        (now < until).then_some(Term { number: self.terms, until })
    }

    /// Whether it is known who leads, or that nobody does.
    #[must_use]
    pub fn knows(&self) -> bool {
        !matches!(self.sight, Sight::None)
    }

    /// Who holds the Lease, as far as we know: empty if nobody does.
    #[must_use]
    pub fn holder(&self) -> &str {
        match &self.sight {
            Sight::There(seen) => &seen.holder,
            Sight::None | Sight::Gone => "",
        }
    }

    /// The version of the Lease that we know.
    #[must_use]
    pub fn version(&self) -> Option<&String> {
        match &self.sight {
            Sight::There(seen) => Some(&seen.version),
            Sight::None | Sight::Gone => None,
        }
    }

    /// What we wait for an answer to.
    #[must_use]
    pub fn asked(&self) -> Option<&Request> {
        self.asked.as_ref().map(|(request, _)| request)
    }

    /// Whether we are about to end.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// A watch shows the Lease.
    pub fn saw(&mut self, seen: Seen, now: Instant) {
        self.heard = Some(now);
        self.note(seen, now);
    }

    /// A watch shows that the Lease was deleted, in this version.
    pub fn saw_deleted(&mut self, version: &str, now: Instant) {
        self.heard = Some(now);
        let is_news = match &self.sight {
            Sight::There(known) => !is_older(version, &known.version),
            Sight::None | Sight::Gone => false,
        };
        if is_news {
            self.is_gone(now);
        }
    }

    /// What came of what was asked for.
    pub fn answered(&mut self, answer: Answer, now: Instant) {
        let Some((request, sent)) = self.asked.take() else { return };
        if answer != Answer::Failed {
            self.heard = Some(now);
        }
        let again = max(sent + self.timing.retry_period, now + PAUSE);
        self.outdated = answer == Answer::Outdated;
        self.unsure = answer == Answer::Failed;
        self.not_before = match answer {
            Answer::Lease(seen) => {
                self.note(seen, now);
                match request {
                    Request::Create if self.is_rivalled(now) => (),
                    Request::Create | Request::Take { .. } | Request::Renew { .. } => self.is_held(sent, now),
                    Request::Read | Request::Free { .. } => (),
                }
                None
            }
            Answer::Absent => {
                self.is_gone(now);
                // What cannot be created lacks its namespace.
                (request == Request::Create).then_some(again)
            }
            // By our own request before, perhaps, whose answer was lost.
            Answer::Outdated => Some(now + PAUSE),
            Answer::Failed => Some(again),
        };
    }

    /// What to do now.
    pub fn next(&mut self, now: Instant) -> Step {
        if self.confirmed.is_some() && self.term(now).is_none() {
            self.confirmed = None;
        }
        if self.asked.is_some() {
            return Step::Wait(self.term(now).map_or(now + LONG, |term| term.until));
        }
        let (request, due) = match self.wanted(now) {
            Some(wanted) => wanted,
            None if self.leaving => return Step::Left,
            None => return Step::Wait(now + LONG),
        };
        let due = max(due, self.not_before.unwrap_or(due));
        if due > now {
            return Step::Wait(self.term(now).map_or(due, |term| term.until.min(due)));
        }
        self.asked = Some((request.clone(), now));
        Step::Ask(request)
    }

    /// What is to be asked for next, and when.
    fn wanted(&self, now: Instant) -> Option<(Request, Instant)> {
        let is_ours = self.holder() == self.identity;
        if self.outdated || (self.unsure && self.leaving) || (!self.knows() && !self.leaving) {
            return Some((Request::Read, now));
        }
        if self.leaving {
            return match &self.sight {
                // What is free is taken at once: not while somebody else may lead.
                Sight::There(seen) if is_ours && !self.is_rivalled(now) => {
                    Some((Request::Free { version: seen.version.clone() }, now))
                }
                Sight::None | Sight::There(_) | Sight::Gone => None,
            };
        }
        if let Some(confirmed) = self.confirmed {
            return Some(match &self.sight {
                Sight::There(seen) => {
                    (Request::Renew { version: seen.version.clone() }, confirmed + self.timing.retry_period)
                }
                Sight::None | Sight::Gone => (Request::Create, now),
            });
        }
        let look = (Request::Read, self.heard.map_or(now, |heard| heard + self.timing.silence_max()));
        if !self.ready {
            return Some(look);
        }
        let take = match &self.sight {
            Sight::None => return Some(look),
            Sight::Gone => Request::Create,
            Sight::There(seen) => Request::Take { version: seen.version.clone() },
        };
        let due = self.rival_until.unwrap_or(now);
        Some(if due <= now || due <= look.1 { (take, due) } else { look })
    }

    fn note(&mut self, seen: Seen, now: Instant) {
        if let Sight::There(known) = &self.sight
            && (known.version == seen.version || is_older(&seen.version, &known.version))
        {
            return;
        }
        if seen.holder.is_empty() {
            // Whoever frees it leads no longer, and led after all others.
            self.rival_until = None;
        } else if seen.holder != self.identity {
            self.rival_until = Some(now + self.promise(&seen));
        }
        if seen.holder != self.identity {
            self.confirmed = None;
        }
        self.sight = Sight::There(seen);
    }

    /// It was deleted. Whoever held it, in a version that we may not have seen, does not know yet, and may lead as long as it was
    /// promised.
    fn is_gone(&mut self, now: Instant) {
        if let (Sight::There(seen), None) = (&self.sight, self.confirmed) {
            self.rival_until = Some(now + max(self.promise(seen), self.timing.lease_duration));
        }
        self.sight = Sight::Gone;
    }

    fn is_rivalled(&self, now: Instant) -> bool {
        self.rival_until.is_some_and(|until| now < until)
    }

    fn is_held(&mut self, sent: Instant, now: Instant) {
        let is_over = now >= sent + self.timing.renew_deadline;
        if self.leaving || is_over || self.holder() != self.identity {
            return;
        }
        if self.term(now).is_none() {
            self.terms += 1;
        }
        self.confirmed = Some(sent);
    }

    fn promise(&self, seen: &Seen) -> Duration {
        seen.duration.unwrap_or(self.timing.lease_duration)
    }
}

/// Whether version `a` is known to be older than version `b`: watches may show what they remember.
fn is_older(a: &str, b: &str) -> bool {
    matches!((a.parse::<u64>(), b.parse::<u64>()), (Ok(a), Ok(b)) if a < b)
}

#[cfg(test)]
mod tests;
