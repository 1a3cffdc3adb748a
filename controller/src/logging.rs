//! The log: lines for people or JSON for machines, and its level, which can be changed while the program runs.
//!
//! By a request and not by a signal, because our image has no shell from which to send one, and a signal carries no level. The
//! request has to come from the same machine, which in a cluster is the same pod: `kubectl port-forward` does that, for those
//! who may.

use std::{
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Extension, Router, extract::State, http::StatusCode, routing::get};
use tracing::{Dispatch, warn};
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

use crate::http::Peer;

/// What a level can be, from little to much.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of the log that it belongs to.
#[derive(Clone)]
pub struct Switch {
    set: Arc<Set>,
    level: Arc<Mutex<&'static str>>,
}

/// Puts another filter in the place of the one there is.
type Set = dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync;

/// Begins to log on the standard error. A level that there is not is `info`.
#[must_use]
pub fn start(level: &str, format: Format) -> Switch {
    let (log, switch) = to(level, format, std::io::stderr, std::io::stderr().is_terminal());
    // It fails only where something logs already, which then goes on.
    let _ = tracing::dispatcher::set_global_default(log);
    switch
}

/// A log that is written to `writer`.
pub fn to<W>(level: &str, format: Format, writer: W, coloured: bool) -> (Dispatch, Switch)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = known(level).unwrap_or("info");
    let log = fmt().with_target(false).with_writer(writer);
    let (log, set): (_, Arc<Set>) = match format {
        Format::Text => {
            let log = log.with_ansi(coloured).with_env_filter(filter(level)).with_filter_reloading();
            let handle = log.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Dispatch::new(log.finish()), Arc::new(set))
        }
        Format::Json => {
            let log = log.json().flatten_event(true).with_env_filter(filter(level)).with_filter_reloading();
            let handle = log.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Dispatch::new(log.finish()), Arc::new(set))
        }
    };
    (log, Switch { set, level: Arc::new(Mutex::new(level)) })
}

impl Switch {
    /// The level now.
    #[must_use]
    pub fn level(&self) -> &'static str {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this level.
    ///
    /// # Errors
    /// What can be, if this cannot.
    pub fn set(&self, level: &str) -> Result<(), String> {
        let Some(level) = known(level) else {
            return Err(format!("there is no log level '{level}': it is one of {}", LEVELS.join(", ")));
        };
        (self.set)(filter(level))?;
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
        Ok(())
    }
}

/// Serves `/log-level`: GET tells it, PUT sets it to what the body says.
pub fn router(switch: Switch) -> Router {
    Router::new().route("/log-level", get(tell).put(change)).with_state(switch)
}

async fn tell(State(switch): State<Switch>) -> String {
    format!("{}\n", switch.level())
}

async fn change(
    State(switch): State<Switch>,
    Extension(Peer(peer)): Extension<Peer>,
    level: String,
) -> Result<String, (StatusCode, String)> {
    if !is_here(peer.ip()) {
        let how = "kubectl port-forward to this pod, and then ask localhost";
        let message = format!("the log level can be changed from inside this pod only: {how}\n");
        return Err((StatusCode::FORBIDDEN, message));
    }
    switch.set(level.trim()).map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))?;
    warn!(to = switch.level(), "the log level was changed");
    Ok(format!("{}\n", switch.level()))
}

/// The very address of the machine itself. Not all of 127.0.0.0/8: proxies of service meshes use others of them for what comes
/// from outside.
fn is_here(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address == IpAddr::V4(Ipv4Addr::LOCALHOST) || address == IpAddr::V6(Ipv6Addr::LOCALHOST)
}

fn known(level: &str) -> Option<&'static str> {
    let level = if level == "warning" { "warn" } else { level };
    LEVELS.into_iter().find(|known| *known == level)
}

/// kube tells every failed request by itself; the controller says what matters of them.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!("off,verdigris_controller={level}"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::{body::Body, http::Request};
    use tower::ServiceExt;
    use tracing::{debug, info};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    async fn put(switch: &Switch, level: &str, from: &str) -> (StatusCode, String) {
        let request = Request::put("/log-level").extension(Peer(from.parse().unwrap()));
        let request = request.body(Body::from(level.to_owned())).unwrap();
        let answer = router(switch.clone()).oneshot(request).await.unwrap();
        let code = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_level_is_changed_while_the_program_runs_by_whoever_is_on_its_machine() {
        for format in [Format::Text, Format::Json] {
            let kept = Kept::default();
            let writer = kept.clone();
            let (log, switch) = to("info", format, move || writer.clone(), false);
            let logged = tracing::dispatcher::set_default(&log);
            debug!("one");
            let (code, why) = put(&switch, "debug", "10.0.0.7:4000").await;
            assert_eq!(code, StatusCode::FORBIDDEN, "{why}");
            assert_eq!(put(&switch, "debug", "127.0.0.6:4000").await.0, StatusCode::FORBIDDEN);
            let (code, why) = put(&switch, "loud", "127.0.0.1:4000").await;
            assert_eq!(code, StatusCode::BAD_REQUEST);
            assert_eq!(why, "there is no log level 'loud': it is one of error, warn, info, debug, trace\n");
            assert_eq!(put(&switch, "debug\n", "[::ffff:127.0.0.1]:4000").await.0, StatusCode::OK);
            debug!("two");
            assert_eq!(put(&switch, "warning", "[::1]:4000").await, (StatusCode::OK, "warn\n".to_owned()));
            info!("three");
            drop(logged);
            let text = kept.text();
            let seen: Vec<bool> = ["one", "two", "three"].map(|word| text.contains(word)).into();
            assert_eq!(seen, [false, true, false], "{text}");
        }
    }
}
