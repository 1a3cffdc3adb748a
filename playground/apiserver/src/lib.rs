//! A Kubernetes API server in memory, for the playground and for tests. It is no cluster for production: nothing
//! is kept when the process ends, and whoever has the token may do everything.
//!
//! ```text
//!  kube::Client ─┐                      ┌─ objects, as the bytes that are sent
//!                ├─ service ── Store::step ─ events of each resource, which every watch reads
//!  HTTP/TLS ─────┘   (tower)   (no I/O) └─ registry: built-in kinds and CustomResourceDefinitions
//! ```
//!
//! [`store::Store::step`] is the whole server: a request and the time in, an answer out, synchronous, without
//! I/O. Time, uids and name suffixes come from outside ([`server::Clock`], a seed), so a run can be replayed.
//! Everything that a real cluster does in controllers (replicas, endpoints, garbage, emptying of namespaces)
//! is not done here: those are clients.
//!
//! # Use
//! ```
//! use std::sync::Arc;
//! use verdigris_playground_apiserver::server::ApiServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ApiServer::new(Arc::new(|| jiff::Timestamp::UNIX_EPOCH), 7);
//! // A kube::Client without a socket; works under tokio's paused clock, inside a runtime. The name owns what it writes.
//! let client = server.client_named("my-controller/1.0");
//! // Kinds of one's own, served when this returns.
//! server.apply_crd("# CustomResourceDefinitions, as YAML documents\n")?;
//! // After each accepted write, before anything else happens: for invariants.
//! server.observe(Box::new(|write| assert!(write.version > 0)));
//! // What was written since: for counting.
//! assert!(server.writes_since(0).iter().all(|write| write.changed));
//! # let _ = client; Ok(())
//! # }
//! ```
//! [`server::ApiServer::serve`] listens on a socket, plain or with TLS (kubectl sends its token over TLS only).
//!
//! # What single kinds have of their own
//! Kinds are data: a schema and a [`resource::Strategy`]. What goes beyond that in the store:
//!
//! | kind | rule | where |
//! | --- | --- | --- |
//! | Namespace | must exist and not be going for objects to be created in it; marked, and gone once nothing finalizes it; three may not be deleted | `store/namespaces.rs` |
//! | Pod | graceful deletion, `binding`, `eviction` (which asks PodDisruptionBudgets); takes after its PriorityClass and RuntimeClass | `store/delete.rs`, `store/pods.rs`, `store/classes.rs` |
//! | Service | addresses and node ports | `store/services.rs` |
//! | CustomResourceDefinition | what it defines is served; its objects go with it | `store/custom.rs` |
//! | Event | one object under two groups, each with its own names for the fields ([`resource::View`]) | `builtin/event.rs` |
//! | reviews of oneself | everything is allowed | `store/reviews.rs` |
//! | nine kinds | a deletion answers with the object instead of a `Status` | `store/delete.rs` |
//!
//! # Not here
//! Answers about objects are JSON or YAML, never protocol buffers or CBOR. There is no admission by webhook, no quota, no
//! RBAC (roles are plain data; impersonation answers 501), no aggregation, no conversion between versions beyond `apiVersion`, no `/watch/`
//! paths, and no `proxy` to pods, Services and nodes: they answer 404. Logs, commands and ports of pods are asked of the
//! pod's kubelet, wherever its Node says that it listens; without a socket they answer 501.

pub mod answer;
pub mod builtin;
pub mod collection;
mod continue_token;
pub mod crd;
pub mod discovery;
mod documents;
pub mod field_error;
pub mod fields;
mod go_text;
pub mod http_server;
mod json_syntax;
mod json_text;
mod kubelet;
pub mod list_body;
pub mod metadata;
pub mod names;
pub mod negotiation;
pub mod openapi;
pub mod options;
pub mod patch;
pub mod path;
pub mod protobuf;
pub mod request;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod server;
pub mod service;
pub mod shape;
pub mod status;
pub mod store;
pub mod stored;
pub mod table;
pub mod unverified;
pub mod watch;
pub mod write_log;
