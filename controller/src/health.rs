//! What probes and people are told: whether the program is alive, and whether it could do its work at once.
//!
//! * `/healthz`, `/livez`: the loop turns. Nothing that a restart would not mend makes these fail: no API server that is away,
//!   no Lease that another holds.
//! * `/readyz`: the caches are filled, and it is known who leads. A replica that stands by is ready.
//!
//! The forms are Kubernetes' own: `ok`, or each check in a line; all of them with `?verbose`, one with `/readyz/NAME`. Unlike
//! Kubernetes we give the reason: what is waited for is what people come here to learn. It names no object of a user.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{sync::watch, time::Instant};

/// What is told. Those who know set it; those who serve read it.
#[derive(Debug)]
pub struct Health {
    /// A loop that has not turned for so long will not.
    turn_max: Duration,
    filled: watch::Sender<bool>,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    turned: Option<Instant>,
    waits: Vec<String>,
    lease: LeaseHealth,
}

/// What is known of the election.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LeaseHealth {
    /// There is none.
    #[default]
    NotElected,
    /// There is none, and another controller works as well: this one.
    Beside(String),
    /// Nothing, or not enough; why, if there is a reason.
    Unknown(Option<String>),
    /// Nobody leads.
    Free,
    /// Another replica leads: this one.
    Follows(String),
    /// We lead.
    Leads,
}

/// One check.
#[derive(Debug)]
struct Check {
    name: &'static str,
    /// What there is to say about it.
    outcome: Result<String, String>,
}

impl Health {
    /// Of a loop that turns at least so often.
    #[must_use]
    pub fn new(turn_max: Duration) -> Self {
        Self { turn_max, filled: watch::Sender::new(false), state: Mutex::default() }
    }

    /// The loop has turned.
    pub fn turned(&self, now: Instant) {
        self.known().turned = Some(now);
    }

    /// Whether the caches were filled once.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        *self.filled.borrow()
    }

    /// What is waited for until the caches are filled. Nothing: they are.
    pub fn waits_for(&self, what: Vec<String>) {
        let filled = what.is_empty();
        self.known().waits = what;
        self.filled.send_if_modified(|known| filled && !std::mem::replace(known, true));
    }

    /// Returns once the caches are filled.
    pub async fn filled(&self) {
        // The sender is ours: it does not go away.
        let _ = self.filled.subscribe().wait_for(|filled| *filled).await;
    }

    /// What is known of the election.
    pub fn lease(&self, lease: LeaseHealth) {
        self.known().lease = lease;
    }

    fn alive(&self) -> Vec<Check> {
        let outcome = match self.known().turned.map(|turned| turned.elapsed()) {
            Some(since) if since > self.turn_max => Err(format!("has not turned for {} s", since.as_secs())),
            Some(_) => Ok(String::new()),
            None => Ok("has not begun".to_owned()),
        };
        vec![Check { name: "loop", outcome }]
    }

    fn ready(&self) -> Vec<Check> {
        let known = self.known();
        let caches = match known.waits.as_slice() {
            _ if self.is_filled() => Ok(String::new()),
            [] => Err("nothing is watched yet".to_owned()),
            waits => Err(format!("waits for {}", waits.join("; "))),
        };
        let lease = match &known.lease {
            LeaseHealth::NotElected => Ok("there is no election".to_owned()),
            // Who does its work is ready, alone or not.
            LeaseHealth::Beside(other) => Ok(format!("there is no election, and {other} works as well")),
            LeaseHealth::Unknown(Some(why)) => Err(why.clone()),
            LeaseHealth::Unknown(None) => Err("waits for an answer of the API server".to_owned()),
            LeaseHealth::Free => Ok("nobody leads".to_owned()),
            LeaseHealth::Follows(leader) => Ok(format!("stands by, {leader} leads")),
            LeaseHealth::Leads => Ok("leads".to_owned()),
        };
        vec![Check { name: "caches", outcome: caches }, Check { name: "lease", outcome: lease }]
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Whoever panicked here left a state that is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers probes.
pub fn router(health: Arc<Health>) -> Router {
    let healthz =
        |State(health): State<Arc<Health>>| async move { answer("healthz", health.alive(), None, None) };
    let livez = |State(health): State<Arc<Health>>, RawQuery(query): RawQuery| async move {
        answer("livez", health.alive(), query, None)
    };
    let livez_one = |State(health): State<Arc<Health>>, Path(name): Path<String>| async move {
        answer("livez", health.alive(), None, Some(name))
    };
    let readyz = |State(health): State<Arc<Health>>, RawQuery(query): RawQuery| async move {
        answer("readyz", health.ready(), query, None)
    };
    let readyz_one = |State(health): State<Arc<Health>>, Path(name): Path<String>| async move {
        answer("readyz", health.ready(), None, Some(name))
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/livez", get(livez))
        .route("/livez/{name}", get(livez_one))
        .route("/readyz", get(readyz))
        .route("/readyz/{name}", get(readyz_one))
        .with_state(health)
}

fn answer(page: &str, mut checks: Vec<Check>, query: Option<String>, only: Option<String>) -> Response {
    if let Some(only) = only {
        checks.retain(|check| check.name == only);
        if checks.is_empty() {
            return (StatusCode::NOT_FOUND, format!("{page} has no check {only}\n")).into_response();
        }
    }
    let passed = checks.iter().all(|check| check.outcome.is_ok());
    let is_verbose =
        |query: String| query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="));
    if passed && !query.is_some_and(is_verbose) {
        return "ok".into_response();
    }
    let mut text = String::new();
    for check in &checks {
        let _ = writeln!(text, "{check}");
    }
    let _ = writeln!(text, "{page} check {}", if passed { "passed" } else { "failed" });
    let code = if passed { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, text).into_response()
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, outcome } = self;
        match outcome {
            Ok(note) if note.is_empty() => write!(f, "[+]{name} ok"),
            Ok(note) => write!(f, "[+]{name} ok: {note}"),
            Err(why) => write!(f, "[-]{name} failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::FutureExt;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(health: &Arc<Health>, path: &str) -> (u16, String) {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let answer = router(Arc::clone(health)).oneshot(request).await.unwrap();
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn ready_is_who_knows_what_there_is_and_who_leads() {
        let health = Arc::new(Health::new(Duration::from_secs(300)));
        health.lease(LeaseHealth::Unknown(None));
        health.waits_for(vec!["Rollouts: the CRD is not installed".into(), "Services".into()]);
        let text = "[-]caches failed: waits for Rollouts: the CRD is not installed; Services\n\
                    [-]lease failed: waits for an answer of the API server\nreadyz check failed\n";
        assert_eq!(ask(&health, "/readyz").await, (503, text.into()));
        assert!(health.filled().now_or_never().is_none());
        health.waits_for(Vec::new());
        health.filled().await;
        assert_eq!(ask(&health, "/readyz/caches").await, (200, "ok".into()));
        assert_eq!(ask(&health, "/readyz").await.0, 503);
        health.lease(LeaseHealth::Follows("pod-a".into()));
        assert_eq!(ask(&health, "/readyz").await, (200, "ok".into()));
        let text = "[+]caches ok\n[+]lease ok: stands by, pod-a leads\nreadyz check passed\n";
        assert_eq!(ask(&health, "/readyz?verbose").await, (200, text.into()));
        assert_eq!(ask(&health, "/readyz/nodes").await.0, 404);
        health.waits_for(vec!["Services".into()]);
        assert!(health.is_filled(), "once filled, caches only grow old");
    }

    #[tokio::test(start_paused = true)]
    async fn alive_is_whose_loop_turns() {
        let health = Arc::new(Health::new(Duration::from_secs(300)));
        assert_eq!(ask(&health, "/livez?verbose").await.1, "[+]loop ok: has not begun\nlivez check passed\n");
        health.turned(Instant::now());
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(ask(&health, "/healthz").await, (200, "ok".into()));
        tokio::time::sleep(Duration::from_secs(9)).await;
        let text = "[-]loop failed: has not turned for 309 s\nlivez check failed\n";
        assert_eq!(ask(&health, "/livez").await, (503, text.into()));
    }
}
