//! What a SPDY connection runs over.

use crate::{
    StreamError,
    websocket::{self, Decoder, Event},
};

/// What carries the bytes of a SPDY connection.
#[derive(Debug)]
pub enum Wire {
    /// The connection itself.
    Plain,
    /// Binary messages of a WebSocket; where one ends and the next begins means nothing.
    WebSocket(Decoder),
}

impl Wire {
    /// A WebSocket that has just been opened.
    #[must_use]
    pub fn web_socket() -> Self {
        Self::WebSocket(Decoder::default())
    }

    /// The bytes of the SPDY connection in `input`, and whether the peer has closed the wire. What has to be answered
    /// is put into `out`.
    pub(crate) fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(Vec<u8>, bool), StreamError> {
        let Self::WebSocket(decoder) = self else { return Ok((input.to_vec(), false)) };
        let (mut carried, mut closed) = (Vec::new(), false);
        for event in decoder.receive(input)? {
            match event {
                Event::Data { bytes, .. } => carried.extend(bytes),
                Event::Ping(bytes) => websocket::write_pong(&bytes, out),
                Event::Closed => closed = true,
            }
        }
        Ok((carried, closed))
    }

    pub(crate) fn send(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(bytes),
            Self::WebSocket(_) => websocket::write_message(&[bytes], out),
        }
    }

    pub(crate) fn close(&self, out: &mut Vec<u8>) {
        if let Self::WebSocket(_) = self {
            websocket::write_close(out);
        }
    }
}
