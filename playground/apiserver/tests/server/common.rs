//! A world for tests: a server whose clock stands still unless it is moved.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use verdigris_playground_apiserver::{server::ApiServer, status::ApiError};

/// A server and its clock.
#[derive(Clone)]
pub struct World {
    /// The server.
    pub server: ApiServer,
    seconds: Arc<AtomicI64>,
}

/// 2026-01-02T03:04:05Z.
const START_SECS: i64 = 1_767_323_045;

impl World {
    /// A server with the built-in kinds.
    pub fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(START_SECS));
        let clock = Arc::clone(&seconds);
        let now = move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap();
        Self { server: ApiServer::new(Arc::new(now), 1), seconds }
    }

    /// Lets time pass.
    pub fn pass(&self, secs: i64) {
        self.seconds.fetch_add(secs, Ordering::Relaxed);
    }

    /// One request; panics unless it succeeds.
    #[track_caller]
    pub fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        self.ask(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// One request that must fail; gives code, reason and message.
    #[track_caller]
    pub fn refused(&self, method: &str, path: &str, body: Value) -> (u16, &'static str, String) {
        match self.ask(method, path, body) {
            Ok(answer) => panic!("{method} {path} succeeded: {answer}"),
            Err(error) => (error.code, error.reason, error.message),
        }
    }

    /// One request.
    pub fn ask(&self, method: &str, path: &str, mut body: Value) -> Result<Value, ApiError> {
        // Custom objects must say what they are; those of tests need not.
        if matches!(method, "POST" | "PUT")
            && path.starts_with("/apis/example.com/v1/")
            && body["kind"].is_null()
        {
            body["apiVersion"] = json!("example.com/v1");
            body["kind"] = json!("Widget");
        }
        self.server.ask(method.parse::<Method>().unwrap(), path, &body)
    }

    /// Creates a ConfigMap in the namespace `default`.
    #[track_caller]
    pub fn config_map(&self, name: &str, data: Value) -> Value {
        self.ok("POST", CONFIG_MAPS, json!({"metadata": {"name": name}, "data": data}))
    }
}

/// The ConfigMaps of the namespace `default`.
pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
