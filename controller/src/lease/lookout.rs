//! Whether a replica that takes no part in an election is the only one that works, as it was told to be.
//!
//! Two with `--leader-elect=false` have one name in managedFields, so that neither knows the other by its writes. Each keeps a
//! Lease of its own for this: whoever finds another name in it puts its own there. A name that comes back after that is of
//! somebody who lives. What a predecessor left is overwritten once and never comes back, however it ended; no clock is compared;
//! and one alone writes once. The Lease of the election is looked at too: somebody else renews it, or does not.
//!
//! It is said, and no more. That there is one was the word of whoever started us; to doubt it must not stop the only replica
//! there is, nor delay its start. Both decide alike, and each write names the version that it was decided on, so that two of
//! them cost conflicts and double events, and no traffic.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{place::Place, record::seen};
use crate::{
    health::{Health, LeaseHealth},
    metrics::Metrics,
    ports::Clock,
    server::FIELD_MANAGER,
    watches::with_sources,
};

/// How often we look. A leader renews more often.
const EVERY: Duration = Duration::from_secs(10);
/// How long a look may take.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// So many looks must show the other one: while a pod is replaced, two run for a moment.
const LOOKS_MIN: u32 = 2;
/// After so many in a row that show nobody it is gone. Of two that look at the same moments each may find the other's name at
/// every second look only.
const MISSES_MAX: u32 = 2;

/// Who looks out for others.
pub struct Lookout {
    /// Where those of us meet who take no part in the election.
    unelected: (Api<Lease>, Place),
    elected: (Api<Lease>, Place),
    identity: String,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    others: Others,
    trouble: Option<String>,
}

/// What is known of others.
#[derive(Debug, Default)]
struct Others {
    /// Whether our name is in the Lease, or was before another one overwrote it.
    is_marked: bool,
    /// The Lease of the election in the version that was seen last.
    elected: Option<String>,
    /// The other one, how many looks have shown it, and how many have not since.
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    other: String,
    looks: u32,
    misses: u32,
}

/// Holder and version of a Lease.
type Held = Option<(String, String)>;

impl Others {
    /// Takes in what a look has shown; says whether our name has to be written.
    fn saw(&mut self, own: &str, unelected: &Held, elected: &Held) -> bool {
        let is_other = |holder: &str| !holder.is_empty() && holder != own;
        let came_back = unelected.as_ref().filter(|(holder, _)| self.is_marked && is_other(holder));
        let before =
            std::mem::replace(&mut self.elected, elected.as_ref().map(|(_, version)| version.clone()));
        let is_renewed = |version: &String| before.as_ref().is_some_and(|before| before != version);
        let renewed = elected.as_ref().filter(|(holder, version)| is_other(holder) && is_renewed(version));
        self.shown = match (came_back.or(renewed), self.shown.take()) {
            (Some((other, _)), before) => {
                let looks = before.map_or(0, |before| before.looks).saturating_add(1);
                Some(Shown { other: other.clone(), looks, misses: 0 })
            }
            (None, before) => before
                .map(|before| Shown { misses: before.misses + 1, ..before })
                .filter(|shown| shown.misses < MISSES_MAX),
        };
        unelected.as_ref().is_none_or(|(holder, _)| holder != own)
    }

    /// Who works beside us.
    fn beside(&self) -> Option<&str> {
        self.shown.as_ref().filter(|shown| shown.looks >= LOOKS_MIN).map(|shown| shown.other.as_str())
    }
}

impl Lookout {
    /// A replica with this identity, which works on this namespace or on all. `elected` is the Lease of the election.
    #[must_use]
    pub fn new(
        client: &Client,
        (elected, scope, identity): (Place, Option<String>, String),
        clock: Arc<dyn Clock>,
        (health, metrics): (Arc<Health>, Arc<Metrics>),
    ) -> Self {
        let unelected = elected.of_the_unelected(scope);
        let leases = |place: Place| (Api::namespaced(client.clone(), &place.namespace), place);
        let (unelected, elected) = (leases(unelected), leases(elected));
        let (others, trouble) = (Others::default(), None);
        Self { unelected, elected, identity, clock, health, metrics, others, trouble }
    }

    /// Looks again and again, without end.
    pub async fn run(mut self) {
        loop {
            let looked = timeout(LOOK_MAX, self.look()).await;
            let trouble = match looked {
                Ok(Ok(())) => None,
                // Somebody else wrote in between: the next look shows it.
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => None,
                Ok(Err(error)) => Some(with_sources(&error)),
                Err(_) => Some(format!("no answer within {} s", LOOK_MAX.as_secs())),
            };
            self.tell(trouble);
            sleep(EVERY).await;
        }
    }

    async fn look(&mut self) -> kube::Result<()> {
        let (leases, place) = &self.unelected;
        let known = leases.get_opt(&place.name).await?;
        let elected = self.elected.0.get_opt(&self.elected.1.name).await?;
        let before = self.others.beside().map(str::to_owned);
        let is_due = self.others.saw(&self.identity, &held(known.as_ref()), &held(elected.as_ref()));
        self.publish(before.as_deref());
        if is_due {
            let (leases, place) = &self.unelected;
            let mark = self.mark(known.as_ref(), place);
            let params =
                PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
            match known {
                Some(_) => leases.replace(&place.name, &params, &mark).await?,
                None => leases.create(&params, &mark).await?,
            };
            self.others.is_marked = true;
        }
        Ok(())
    }

    /// The Lease with our name in it.
    fn mark(&self, known: Option<&Lease>, place: &Place) -> Lease {
        let metadata = known.map_or_else(
            || ObjectMeta {
                name: Some(place.name.clone()),
                namespace: Some(place.namespace.clone()),
                ..ObjectMeta::default()
            },
            |known| known.metadata.clone(),
        );
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            renew_time: Some(MicroTime(self.clock.now())),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }
    }

    fn publish(&self, before: Option<&str>) {
        let beside = self.others.beside();
        match (before, beside) {
            (None, Some(other)) => warn!(
                other,
                "another controller works here as well, though --leader-elect=false says that there is one: stop one of them, \
                 or let both elect"
            ),
            (Some(other), None) => info!(other, "the other controller works here no longer"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.metrics.set_beside(beside.is_some());
        self.health
            .lease(beside.map_or(LeaseHealth::NotElected, |other| LeaseHealth::Beside(other.to_owned())));
    }

    fn tell(&mut self, trouble: Option<String>) {
        if let Some(why) = trouble.as_ref().filter(|_| self.trouble.is_none()) {
            info!(lease = %self.unelected.1, why, "cannot tell whether another controller works here as well; looks again");
        }
        self.trouble = trouble;
    }
}

fn held(lease: Option<&Lease>) -> Held {
    lease.map(seen).map(|seen| (seen.holder, seen.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: &str, version: u32) -> Held {
        Some((holder.to_owned(), version.to_string()))
    }

    #[test]
    fn what_a_predecessor_left_is_overwritten_and_only_who_comes_back_twice_is_another() {
        let mut others = Others::default();
        assert!(others.saw("us", &held("gone", 1), &held("leader-that-is-gone", 5)));
        others.is_marked = true;
        for _ in 0..3 {
            assert!(!others.saw("us", &held("us", 2), &held("leader-that-is-gone", 5)));
            assert_eq!(others.beside(), None);
        }
        assert!(others.saw("us", &held("them", 3), &None));
        assert_eq!(others.beside(), None, "it may be a successor, and we are the one that ends");
        assert!(others.saw("us", &held("them", 5), &None));
        assert_eq!(others.beside(), Some("them"));
        assert!(!others.saw("us", &held("us", 6), &None), "it has not come back");
        assert_eq!(others.beside(), Some("them"), "perhaps it looked at the same moment");
        others.saw("us", &held("us", 6), &None);
        assert_eq!(others.beside(), None);
    }

    #[test]
    fn who_renews_the_lease_of_the_election_is_another() {
        let mut others = Others::default();
        for version in 1..4 {
            assert_eq!(others.beside(), None);
            others.saw("us", &None, &held("leader", version));
        }
        assert_eq!(others.beside(), Some("leader"));
        others.saw("us", &None, &held("", 9));
        others.saw("us", &None, &held("", 9));
        assert_eq!(others.beside(), None, "it has let go");
    }
}
