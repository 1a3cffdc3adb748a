//! What keeps the writes of one who leads no longer from leaving.
//!
//! The election says until when we lead, at the latest; the fence is down from that moment on, whether or not anything has run
//! since: it compares times, and rests on nobody to lower it. Calls under way are dropped at that moment.

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::election::Term;

/// Lets through only while we lead. Clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence {
    /// `None` where nobody is elected: we always lead.
    term: Option<watch::Receiver<Option<Term>>>,
}

/// Who raises and lowers a fence. Dropped, it is down for ever.
#[derive(Debug)]
pub struct Keeper(watch::Sender<Option<Term>>);

impl Fence {
    /// A fence that is down, and who may raise it.
    #[must_use]
    pub fn lowered() -> (Keeper, Self) {
        let (keeper, term) = watch::channel(None);
        (Keeper(keeper), Self { term: Some(term) })
    }

    /// Where there is one controller, and no election: no fence.
    #[must_use]
    pub fn none() -> Self {
        Self { term: None }
    }

    /// The number of the term in which we lead; 0 if we do not.
    #[must_use]
    pub fn term(&self) -> u64 {
        let Some(term) = &self.term else { return 1 };
        term.borrow().filter(|term| Instant::now() < term.until).map_or(0, |term| term.number)
    }

    /// Whether we lead.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.term() != 0
    }

    /// Returns once we lead in another term than this one, or no longer; at once if it is so.
    pub async fn not_in(&self, term: u64) {
        let Some(mut changes) = self.term.clone() else { return std::future::pending().await };
        while self.term() == term {
            let until = changes.borrow_and_update().map(|term| term.until);
            let over = async {
                match until {
                    Some(until) if term != 0 => sleep_until(until).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                // Nobody raises it any more.
                changed = changes.changed() => if changed.is_err() && self.term() == term {
                    return std::future::pending().await;
                },
                () = over => {}
            }
        }
    }
}

impl Keeper {
    /// We lead in this term, or not.
    pub fn set(&self, term: Option<Term>) {
        self.0.send_if_modified(|known| std::mem::replace(known, term) != term);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.set(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    fn term(number: u64, seconds: u64) -> Term {
        Term { number, until: Instant::now() + Duration::from_secs(seconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_down_when_the_time_is_over_though_nobody_lowers_it() {
        let (keeper, fence) = Fence::lowered();
        assert!(!fence.is_open() && fence.not_in(1).now_or_never().is_some());
        keeper.set(Some(term(1, 10)));
        let began = Instant::now();
        assert!(fence.is_open() && fence.not_in(0).now_or_never().is_some());
        fence.not_in(1).await;
        assert_eq!((began.elapsed().as_secs(), fence.term()), (10, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_lengthens_it_and_another_term_is_another() {
        let (keeper, fence) = Fence::lowered();
        keeper.set(Some(term(1, 10)));
        let waits = tokio::spawn({
            let fence = fence.clone();
            async move {
                let began = Instant::now();
                fence.not_in(1).await;
                began.elapsed().as_secs()
            }
        });
        tokio::time::sleep(Duration::from_secs(9)).await;
        keeper.set(Some(term(1, 10)));
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(fence.is_open() && !waits.is_finished());
        keeper.set(Some(term(2, 10)));
        assert_eq!(waits.await.unwrap(), 18);
        assert!(fence.is_open());
        drop(keeper);
        assert!(!fence.is_open());
        fence.not_in(2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_election_there_is_none() {
        let fence = Fence::none();
        assert!(fence.is_open() && fence.not_in(fence.term()).now_or_never().is_none());
    }
}
