//! The dashboard through its router, over the embedded API server: no sockets, no waiting.

mod actions;
mod analyses;
mod guard;
mod live;
mod pages;
mod serve;
mod world;
