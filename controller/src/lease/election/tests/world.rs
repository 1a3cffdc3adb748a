//! One Lease, some candidates, a network between them, and what goes wrong. Time is a number of milliseconds.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use proptest::test_runner::TestCaseError;
use tokio::time::Instant;

use super::super::{Answer, Election, Request, Seen, Step, Timing};

/// Messages take up to so long where nothing is wrong.
const DELAY_MAX: u64 = 20;
/// Late ones take up to so long.
const LATE_MAX: u64 = 25_000;

/// What goes wrong at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing from and to this candidate arrives for so long.
    CutOff { who: usize, long: u64 },
    /// It ends, and another begins in its place.
    Crash(usize),
    /// It leaves in order, and another begins in its place.
    Leave(usize),
    /// It leaves in order, and nobody begins in its place.
    Retire(usize),
    /// It ends for ever.
    Stop(usize),
    /// It does nothing for so long, as on a machine that is overloaded.
    Pause { who: usize, long: u64 },
    /// Somebody writes an annotation on the Lease.
    Touch,
    /// Somebody deletes the Lease, unless there are candidates that have not seen it.
    Delete,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub seed: u64,
    /// How many messages are lost.
    pub loss: f64,
    /// How many are late.
    pub late: f64,
    /// Whether the Lease can be watched.
    pub watched: bool,
}

pub struct World {
    now: u64,
    start: Instant,
    timing: Timing,
    network: Network,
    dice: fastrand::Rng,
    lease: Option<Seen>,
    versions: u64,
    candidates: Vec<Candidate>,
    /// Those that left and wait for an answer.
    leaving: Vec<Candidate>,
    /// Ordered by when they arrive, then by when they were sent.
    mail: BTreeMap<(u64, u64), Message>,
    sent: u64,
    story: VecDeque<String>,
}

struct Candidate {
    name: String,
    election: Election,
    rate: f64,
    cut_off_until: u64,
    paused_until: u64,
    stopped: bool,
    /// Number of the request under way, and when its answer is given up.
    asked: Option<(u64, Instant)>,
    wake: u64,
}

enum Message {
    Request { from: String, number: u64, request: Request },
    Answer { to: String, number: u64, answer: Answer },
    Shown { to: String, seen: Option<Seen>, version: u64 },
}

impl World {
    pub fn new(rates: &[f64], timing: Timing, network: Network) -> Self {
        let mut world = Self {
            now: 0,
            start: Instant::now(),
            timing,
            network,
            dice: fastrand::Rng::with_seed(network.seed),
            lease: None,
            versions: 100,
            candidates: Vec::new(),
            leaving: Vec::new(),
            mail: BTreeMap::new(),
            sent: 0,
            story: VecDeque::new(),
        };
        for rate in rates {
            let candidate = world.candidate(*rate);
            world.candidates.push(candidate);
        }
        world
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    /// From now on the network is as it should be, and all are on it.
    pub fn calm_down(&mut self) {
        self.network = Network { loss: 0.0, late: 0.0, ..self.network };
        for candidate in &mut self.candidates {
            (candidate.cut_off_until, candidate.paused_until) = (0, 0);
        }
    }

    /// Which candidate leads.
    pub fn leads(&self) -> Option<usize> {
        let leads = |candidate: &Candidate| candidate.leads(self.local(candidate));
        self.candidates.iter().position(leads)
    }

    /// The last that happened.
    pub fn story(&self) -> String {
        self.story.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// Lets everything happen until `end`.
    pub fn run(&mut self, end: u64, faults: &[(u64, Fault)]) -> Result<(), TestCaseError> {
        let mut faults: Vec<_> = faults.to_vec();
        faults.sort_by_key(|(at, _)| *at);
        let mut faults: VecDeque<_> = faults.into();
        while self.now < end {
            while faults.front().is_some_and(|(at, _)| *at <= self.now) {
                if let Some((_, fault)) = faults.pop_front() {
                    self.suffer(fault);
                }
            }
            self.step_all();
            self.check()?;
            let next = self.next_event().min(faults.front().map_or(end, |(at, _)| *at)).min(end);
            self.now = next.max(self.now + 1);
            self.deliver();
            self.check()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let all = self.candidates.iter().chain(&self.leaving);
        let leading: Vec<&str> =
            all.filter(|it| it.leads(self.local(it))).map(|it| it.name.as_str()).collect();
        if leading.len() > 1 {
            let text = format!("{leading:?} lead at {}\n{}", self.now, self.story());
            return Err(TestCaseError::fail(text));
        }
        Ok(())
    }

    fn candidate(&mut self, rate: f64) -> Candidate {
        self.sent += 1;
        let name = format!("candidate-{}", self.sent);
        let mut election = Election::new(name.clone(), self.timing);
        election.is_ready();
        Candidate {
            name,
            election,
            rate,
            cut_off_until: 0,
            paused_until: 0,
            stopped: false,
            asked: None,
            wake: 0,
        }
    }

    /// The time by a candidate's own clock.
    fn local(&self, candidate: &Candidate) -> Instant {
        self.start + Duration::from_millis(self.now).mul_f64(candidate.rate)
    }

    fn tell(&mut self, line: &str) {
        if self.story.len() > 60 {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:>7} {line}", self.now));
    }

    fn suffer(&mut self, fault: Fault) {
        self.tell(&format!("{fault:?}"));
        let now = self.now;
        let count = self.candidates.len();
        match fault {
            Fault::CutOff { who, long } => self.candidates[who % count].cut_off_until = now + long,
            Fault::Pause { who, long } => self.candidates[who % count].paused_until = now + long,
            Fault::Stop(who) => self.candidates[who % count].stopped = true,
            Fault::Crash(who) => _ = self.replace(who % count),
            Fault::Leave(who) | Fault::Retire(who) => {
                let mut old = self.replace(who % count);
                self.candidates[who % count].stopped = matches!(fault, Fault::Retire(_));
                old.election.leave();
                old.wake = now;
                self.leaving.push(old);
            }
            Fault::Touch => {
                if let Some(holder) = self.lease.as_ref().map(|lease| lease.holder.clone()) {
                    self.store(Some(holder));
                }
            }
            Fault::Delete => {
                let unseen = |it: &Candidate| !matches!(it.election.sight, super::super::Sight::There(_));
                if self.lease.is_some() && !self.candidates.iter().any(unseen) {
                    self.store(None);
                }
            }
        }
    }

    fn replace(&mut self, who: usize) -> Candidate {
        let rate = self.candidates[who].rate;
        let new = self.candidate(rate);
        std::mem::replace(&mut self.candidates[who], new)
    }

    fn step_all(&mut self) {
        let mut asked = Vec::new();
        let (now, start) = (self.now, self.start);
        let timing = self.timing;
        for candidate in self.candidates.iter_mut().chain(&mut self.leaving) {
            if candidate.stopped || candidate.paused_until > now || candidate.wake > now {
                continue;
            }
            let local = start + Duration::from_millis(now).mul_f64(candidate.rate);
            if let Some((_, give_up)) = candidate.asked
                && give_up <= local
            {
                candidate.asked = None;
                candidate.election.answered(Answer::Failed, local);
            }
            let until = match candidate.election.next(local) {
                Step::Ask(request) => {
                    self.sent += 1;
                    candidate.asked = Some((self.sent, local + timing.answer_wait()));
                    asked.push((candidate.name.clone(), self.sent, request));
                    local + timing.answer_wait()
                }
                Step::Wait(until) => candidate.asked.map_or(until, |(_, give_up)| give_up.min(until)),
                Step::Left => {
                    candidate.stopped = true;
                    continue;
                }
            };
            let wait = until.saturating_duration_since(local).div_f64(candidate.rate);
            candidate.wake = now + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX / 2) + 1;
        }
        self.leaving.retain(|candidate| !candidate.stopped);
        for (from, number, request) in asked {
            self.send(&from.clone(), Message::Request { from, number, request });
        }
    }

    /// Sends what `party` sends or is sent.
    fn send(&mut self, party: &str, message: Message) {
        let now = self.now;
        let cut_off = self.find(party).is_none_or(|it| it.cut_off_until > now);
        if cut_off || self.dice.f64() < self.network.loss {
            return;
        }
        let is_late = self.dice.f64() < self.network.late;
        let most = [DELAY_MAX, LATE_MAX / 6, LATE_MAX][if is_late { self.dice.usize(1..3) } else { 0 }];
        let at = self.now + self.dice.u64(1..=most);
        self.sent += 1;
        self.mail.insert((at, self.sent), message);
    }

    fn find(&mut self, name: &str) -> Option<&mut Candidate> {
        self.candidates.iter_mut().chain(&mut self.leaving).find(|it| it.name == name && !it.stopped)
    }

    fn next_event(&self) -> u64 {
        let mail = self.mail.keys().next().map(|(at, _)| *at);
        let wakes = self.candidates.iter().chain(&self.leaving).filter(|it| !it.stopped);
        let wakes = wakes.map(|it| it.wake.max(it.paused_until));
        mail.into_iter().chain(wakes).min().unwrap_or(u64::MAX)
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.mail.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            match entry.remove() {
                Message::Request { from, number, request } => {
                    let answer = self.serve(&from, &request);
                    self.tell(&format!("{from} asks for {request:?}: {answer:?}"));
                    self.send(&from.clone(), Message::Answer { to: from, number, answer });
                }
                Message::Answer { to, number, answer } => {
                    self.arrives(&to, |candidate, local| {
                        if candidate.asked.is_some_and(|(asked, _)| asked == number) {
                            candidate.asked = None;
                            candidate.election.answered(answer, local);
                        }
                    });
                }
                Message::Shown { to, seen, version } => {
                    self.arrives(&to, |candidate, local| match seen {
                        Some(seen) => candidate.election.saw(seen, local),
                        None => candidate.election.saw_deleted(&version.to_string(), local),
                    });
                }
            }
        }
    }

    /// What arrives at somebody who is paused or cut off is lost.
    fn arrives(&mut self, to: &str, take_in: impl FnOnce(&mut Candidate, Instant)) {
        let (now, start) = (self.now, self.start);
        if let Some(candidate) = self.find(to)
            && candidate.paused_until <= now
            && candidate.cut_off_until <= now
        {
            let local = start + Duration::from_millis(now).mul_f64(candidate.rate);
            take_in(candidate, local);
            candidate.wake = now;
        }
    }

    fn serve(&mut self, from: &str, request: &Request) -> Answer {
        let is_now = |version: &String| self.lease.as_ref().map(|lease| lease.version == *version);
        let holder = match request {
            Request::Read => return self.lease.clone().map_or(Answer::Absent, Answer::Lease),
            Request::Create if self.lease.is_some() => return Answer::Outdated,
            Request::Create => from.to_owned(),
            Request::Take { version } | Request::Renew { version } | Request::Free { version } => {
                match is_now(version) {
                    None => return Answer::Absent,
                    Some(false) => return Answer::Outdated,
                    Some(true) if matches!(request, Request::Free { .. }) => String::new(),
                    Some(true) => from.to_owned(),
                }
            }
        };
        self.store(Some(holder));
        self.lease.clone().map_or(Answer::Absent, Answer::Lease)
    }

    fn store(&mut self, holder: Option<String>) {
        self.versions += 1;
        let version = self.versions;
        self.lease = holder.map(|holder| {
            let duration =
                if holder.is_empty() { Duration::from_secs(1) } else { self.timing.lease_duration };
            Seen { version: version.to_string(), holder, duration: Some(duration) }
        });
        if !self.network.watched {
            return;
        }
        let names: BTreeSet<String> = self.candidates.iter().map(|it| it.name.clone()).collect();
        for to in names {
            self.send(&to.clone(), Message::Shown { to, seen: self.lease.clone(), version });
        }
    }
}

impl Candidate {
    fn leads(&self, local: Instant) -> bool {
        !self.stopped && self.election.term(local).is_some()
    }
}
