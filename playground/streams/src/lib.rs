//! What `kubectl exec`, `attach` and `port-forward` speak with a kubelet, as state machines without I/O: bytes in, events
//! out, and bytes to be sent.
//!
//! ```text
//!  exec, attach     ── Console ─┬─ WebSocket, one message a piece, the channel in its first byte
//!                               └─ spdy::Session ─┐
//!  port-forward     ── spdy::Session ─────────────┴─ Wire ─┬─ plain (kubectl up to 1.30)
//!                                                          └─ WebSocket whose messages are a SPDY connection
//! ```
//!
//! The peer is a program of the Go library for SPDY, so this is SPDY/3.1 as it speaks it: headers are compressed,
//! flow control is TCP's (windows are neither kept nor asked for), and nothing is pushed.
//!
//! Whatever arrives, nothing here panics, and no more is kept than a frame's head, one control frame and the state of
//! the open streams.

pub mod console;
pub mod spdy;
pub mod websocket;
mod wire;

pub use console::{Channel, Console, Input, Wanted};
pub use wire::Wire;

/// What the peer must not send. The connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A WebSocket frame that no client may send.
    #[error("the WebSocket is used against its rules: {0}")]
    WebSocket(&'static str),
    /// A SPDY frame that cannot be read.
    #[error("the SPDY connection is used against its rules: {0}")]
    Spdy(&'static str),
}
