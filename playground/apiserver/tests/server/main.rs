//! The API server as its clients see it. One program: a test program named after a crate of the registry, as `http` would be, takes
//! that crate along when `cargo clean --workspace` removes it.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test may panic, and hands values over"
)]

mod apply;
mod bad_input;
mod common;
mod custom_resources;
mod documents;
mod http;
mod kubelets;
mod refusals;
mod subresources;
mod verbs;
mod watches;
