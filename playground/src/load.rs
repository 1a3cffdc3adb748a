//! Constant load on one Service: half of the requests on new connections, half on connections that are kept alive.
//!
//! It is what a release must survive. Nothing is tried again: a request that gets no good answer has failed, and counts.

mod report;
mod request;
mod tally;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

pub use report::{Failure, Kind, LoadReport};
use tally::Tally;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Duration, Instant, MissedTickBehavior, interval},
};

/// Connections that are kept alive. Each carries its share of half the load.
const KEPT_CONNECTIONS: u32 = 6;
/// Requests in flight on new connections; beyond that the server is not answering, and more would only hide it.
const FRESH_IN_FLIGHT_MAX: usize = 512;

/// What to send, and where.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where the Service is reached.
    pub address: SocketAddr,
    /// Requests a second, over all connections.
    pub requests_per_second: u32,
    /// A request that has not been answered by then has failed.
    pub patience: Duration,
}

impl LoadOptions {
    /// The load of the tour: 240 requests a second, each answered within five seconds.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, requests_per_second: 240, patience: Duration::from_secs(5) }
    }
}

/// Load that is being sent until it is stopped.
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Starts sending.
    pub fn start(options: &LoadOptions) -> Self {
        let tally = Arc::new(Mutex::new(Tally::new(Instant::now())));
        let (stop, stopped) = watch::channel(false);
        let half = f64::from(options.requests_per_second.max(2)) / 2.0;
        let mut workers = JoinSet::new();
        let fresh = Worker { options: options.clone(), tally: tally.clone(), stopped: stopped.clone() };
        workers.spawn(fresh.new_connections(Duration::from_secs_f64(1.0 / half)));
        let pace = Duration::from_secs_f64(f64::from(KEPT_CONNECTIONS) / half);
        for number in 0..KEPT_CONNECTIONS {
            let kept = Worker { options: options.clone(), tally: tally.clone(), stopped: stopped.clone() };
            // Spread over the pace, so that the connections do not all send at the same moment.
            workers.spawn(kept.kept_connection(pace, pace * number / KEPT_CONNECTIONS));
        }
        Self { tally, stop, workers }
    }

    /// What came of it so far.
    pub fn so_far(&self) -> LoadReport {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).report(Instant::now())
    }

    /// Sends no more, waits for the answers that are still out, and says what came of it.
    pub async fn stop(mut self) -> LoadReport {
        let _ = self.stop.send(true);
        while self.workers.join_next().await.is_some() {}
        self.so_far()
    }
}

struct Worker {
    options: LoadOptions,
    tally: Arc<Mutex<Tally>>,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    /// Opens a connection for each request, whether or not the one before has been answered.
    async fn new_connections(mut self, pace: Duration) {
        let mut ticks = ticks(pace);
        let mut in_flight = JoinSet::new();
        loop {
            tokio::select! { biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                Some(_) = in_flight.join_next() => {}
                _ = ticks.tick(), if in_flight.len() < FRESH_IN_FLIGHT_MAX => {
                    in_flight.spawn(fresh(self.options.clone(), self.tally.clone()));
                }
            }
        }
        while in_flight.join_next().await.is_some() {}
    }

    /// Sends over one connection for as long as the server keeps it open, then over another.
    async fn kept_connection(mut self, pace: Duration, offset: Duration) {
        tokio::time::sleep(offset).await;
        let mut ticks = ticks(pace);
        let mut connection = None;
        loop {
            tokio::select! { biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                _ = ticks.tick() => {}
            }
            let began = Instant::now();
            let answer = request::over(&mut connection, &self.options).await;
            note(&self.tally, Kind::KeptAlive, began, answer);
        }
    }
}

async fn fresh(options: LoadOptions, tally: Arc<Mutex<Tally>>) {
    let began = Instant::now();
    let answer = request::alone(&options).await;
    note(&tally, Kind::NewConnection, began, answer);
}

fn note(tally: &Mutex<Tally>, kind: Kind, began: Instant, answer: Result<String, String>) {
    tally.lock().unwrap_or_else(PoisonError::into_inner).note(kind, began, Instant::now(), answer);
}

/// Ticks that make up for lost ones, so that a busy machine still sends as many requests as were asked for.
fn ticks(pace: Duration) -> tokio::time::Interval {
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

#[cfg(test)]
mod tests;
