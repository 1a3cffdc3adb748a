//! Carries out what the election wants: asks the API server, watches the Lease, raises and lowers the fence.

use std::{sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, OptionFuture},
    stream::BoxStream,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::time::{Instant, error::Elapsed, sleep_until, timeout};
use tracing::{info, warn};

use super::{
    election::{Answer, Election, Request, Step, Timing},
    fence::{Fence, Keeper},
    follow::{Shown, follow},
    place::Place,
    record::{seen, wanted},
};
use crate::{
    health::{Health, LeaseHealth},
    ports::Clock,
    server::FIELD_MANAGER,
    watches::with_sources,
};

/// How long letting go of the Lease may take when we end: then it runs out by itself.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// One replica in the election.
pub struct Elector {
    leases: Api<Lease>,
    place: Place,
    identity: String,
    timing: Timing,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    election: Election,
    keeper: Keeper,
    /// The Lease in the version that the election knows, while there is one.
    lease: Option<Lease>,
    /// What was said last.
    said: Said,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    term: u64,
    holder: Option<String>,
    trouble: Option<String>,
}

type Asked = BoxFuture<'static, Heard>;
/// What was answered; an error of the outer kind is that nothing was.
type Heard = Result<kube::Result<Option<Lease>>, Elapsed>;

impl Elector {
    /// A replica with this identity, and the fence that it raises while it leads. The client should be used for nothing else, so
    /// that nothing is before a renewal in a queue.
    #[must_use]
    pub fn new(
        client: Client,
        (place, identity, timing): (Place, String, Timing),
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
    ) -> (Self, Fence) {
        let (keeper, fence) = Fence::lowered();
        health.lease(LeaseHealth::Unknown(None));
        let elector = Self {
            leases: Api::namespaced(client, &place.namespace),
            election: Election::new(identity.clone(), timing),
            place,
            identity,
            timing,
            clock,
            health,
            keeper,
            lease: None,
            said: Said::default(),
        };
        (elector, fence)
    }

    /// Takes part from now on, leads no sooner than the caches are filled, and lets go of the Lease once `leave` resolves:
    /// nobody may want to write any more by then.
    pub async fn run(mut self, leave: impl Future<Output = ()> + Send) {
        info!(lease = %self.place, identity = self.identity, "takes part in the election of a leader");
        let mut leave = std::pin::pin!(leave.fuse());
        let health = Arc::clone(&self.health);
        let mut filled = std::pin::pin!(health.filled().fuse());
        let mut give_up = std::pin::pin!(OptionFuture::from(None));
        let (mut watch, mut watch_spoke) = (self.watch(), false);
        let mut asked: OptionFuture<Asked> = None.into();
        loop {
            let step = self.election.next(Instant::now());
            self.publish();
            let wake = match step {
                Step::Left => return,
                Step::Wait(until) => until,
                Step::Ask(request) => {
                    asked = Some(self.ask(&request)).into();
                    continue;
                }
            };
            tokio::select! { biased;
                () = &mut leave => {
                    self.election.leave();
                    if self.election.asked().is_none() {
                        asked = None.into();
                    }
                    give_up.set(Some(tokio::time::sleep(LEAVE_MAX)).into());
                }
                Some(()) = &mut give_up => {
                    warn!(lease = %self.place, "could not let go of the Lease in time: it runs out by itself");
                    return;
                }
                Some(answer) = &mut asked => {
                    asked = None.into();
                    // A watch that spoke before and missed this has fallen silent.
                    if self.take_in(answer) && std::mem::take(&mut watch_spoke) {
                        watch = self.watch();
                    }
                }
                Some(shown) = watch.next() => {
                    watch_spoke = true;
                    self.saw(shown);
                }
                () = &mut filled => self.election.is_ready(),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn watch(&self) -> BoxStream<'static, Shown> {
        follow(self.leases.clone(), &self.place.name)
    }

    fn ask(&self, request: &Request) -> Asked {
        let who = (&self.place, self.identity.as_str(), self.timing);
        let wanted = wanted(request, self.lease.as_ref(), who, self.clock.now());
        let (leases, name) = (self.leases.clone(), self.place.name.clone());
        let is_new = *request == Request::Create;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let call = async move {
            match wanted {
                None => leases.get_opt(&name).await,
                Some(lease) if is_new => leases.create(&params, &lease).await.map(Some),
                Some(lease) => leases.replace(&name, &params, &lease).await.map(Some),
            }
        };
        timeout(self.timing.answer_wait(), call).boxed()
    }

    /// Takes in an answer; says whether it was news, which a watch should have shown.
    fn take_in(&mut self, answer: Heard) -> bool {
        let asked = self.election.asked().cloned();
        let (known, mut trouble, mut read) = (self.election.version().cloned(), None, None);
        let answer = match answer {
            Ok(Ok(Some(lease))) => Answer::Lease(seen(read.insert(lease))),
            Ok(Ok(None)) => Answer::Absent,
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Answer::Outdated,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                trouble = (asked == Some(Request::Create)).then_some(status.message);
                Answer::Absent
            }
            Ok(Err(error)) => {
                trouble = Some(with_sources(&error));
                Answer::Failed
            }
            Err(_) => {
                trouble = Some(format!("no answer within {:?}", self.timing.answer_wait()));
                Answer::Failed
            }
        };
        self.election.answered(answer, Instant::now());
        self.keep(read);
        self.tell_trouble(trouble);
        asked == Some(Request::Read) && known.is_some() && known.as_ref() != self.election.version()
    }

    fn saw(&mut self, shown: Shown) {
        let now = Instant::now();
        match shown {
            Shown::There(lease) => {
                self.election.saw(seen(&lease), now);
                self.keep(Some(*lease));
            }
            Shown::Deleted(lease) => {
                let version = lease.metadata.resource_version.unwrap_or_default();
                self.election.saw_deleted(&version, now);
            }
        }
    }

    /// Keeps the Lease if it is the one that the election knows.
    fn keep(&mut self, lease: Option<Lease>) {
        let is_known = |lease: &Lease| lease.metadata.resource_version.as_ref() == self.election.version();
        if let Some(lease) = lease.filter(is_known) {
            self.lease = Some(lease);
        }
    }

    fn tell_trouble(&mut self, trouble: Option<String>) {
        if self.said.trouble == trouble {
            return;
        }
        match &trouble {
            Some(why) => {
                warn!(lease = %self.place, why, "cannot take part in the election just now; tries again")
            }
            None => info!(lease = %self.place, "takes part in the election again"),
        }
        self.said.trouble = trouble;
    }

    /// Raises or lowers the fence, and says what is new.
    fn publish(&mut self) {
        let term = self.election.term(Instant::now());
        self.keeper.set(term);
        let number = term.map_or(0, |term| term.number);
        let holder = self.election.knows().then(|| self.election.holder().to_owned());
        if self.said.term != number {
            match (number, holder.as_deref()) {
                (0, Some(other)) if other != self.identity => {
                    warn!(lease = %self.place, leader = other, "leads no longer");
                }
                (0, _) if self.election.is_leaving() => {
                    info!(lease = %self.place, "leads no longer, for it ends")
                }
                (0, _) => warn!(
                    lease = %self.place,
                    "leads no longer: the Lease could not be renewed in time. Nothing is written until it can be"
                ),
                _ => info!(lease = %self.place, term = number, "leads"),
            }
            self.said.term = number;
        }
        if self.said.holder != holder {
            if let Some(other) =
                holder.as_deref().filter(|other| !other.is_empty() && *other != self.identity)
            {
                info!(lease = %self.place, leader = other, "stands by");
            }
            self.said.holder.clone_from(&holder);
        }
        self.health.lease(self.lease_health(number, holder));
    }

    fn lease_health(&self, term: u64, holder: Option<String>) -> LeaseHealth {
        let trouble = self.said.trouble.clone();
        match holder {
            None => LeaseHealth::Unknown(trouble),
            Some(_) if term != 0 => LeaseHealth::Leads,
            Some(holder) if holder == self.identity => LeaseHealth::Unknown(trouble),
            Some(holder) if !holder.is_empty() => LeaseHealth::Follows(holder),
            // A Lease that is free and cannot be taken is no good news.
            Some(_) => trouble.map_or(LeaseHealth::Free, |trouble| LeaseHealth::Unknown(Some(trouble))),
        }
    }
}
