//! WebSockets (RFC 6455) from the server's side: the answer to a handshake, and frames of binary messages.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

use crate::StreamError;

/// What RFC 6455 has every server add to the client's key.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The most that a ping or a close may carry.
const CONTROL_BYTES_MAX: usize = 125;
/// The status of a close that is no failure.
const NORMAL_CLOSURE: [u8; 2] = 1000_u16.to_be_bytes();

/// The value of `Sec-WebSocket-Accept` for the client's `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{KEY_SUFFIX}")))
}

/// Something that a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A piece of a binary message.
    Data {
        /// What it holds; perhaps nothing.
        bytes: Vec<u8>,
        /// Whether it is the message's first piece.
        begins: bool,
        /// Whether it is the last one.
        ends: bool,
    },
    /// Asks for a pong with the same bytes.
    Ping(Vec<u8>),
    /// The client says that it is done.
    Closed,
}

/// Reads what a client sends, in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// Whether a message has begun and not ended.
    inside: bool,
}

#[derive(Debug)]
enum State {
    /// The head of a frame, as far as it is here.
    Head(Vec<u8>),
    Payload(Payload),
}

#[derive(Debug)]
struct Payload {
    kind: Kind,
    mask: [u8; 4],
    /// How many bytes have come.
    at: usize,
    left: u64,
}

#[derive(Debug)]
enum Kind {
    /// Whether this frame begins a message whose first byte has not come, and whether it ends one.
    Data { begins: bool, ends: bool },
    /// What has come of it so far.
    Control { opcode: u8, bytes: Vec<u8> },
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Decoder {
    /// Reads on.
    ///
    /// # Errors
    /// If the client breaks the protocol, or sends text.
    pub fn receive(&mut self, mut input: &[u8]) -> Result<Vec<Event>, StreamError> {
        let mut events = Vec::new();
        loop {
            match &mut self.state {
                State::Head(head) => {
                    let Some(payload) = read_head(head, &mut input, &mut self.inside)? else {
                        return Ok(events);
                    };
                    self.state = State::Payload(payload);
                }
                State::Payload(payload) => {
                    if payload.left > 0 && input.is_empty() {
                        return Ok(events);
                    }
                    events.extend(payload.take(&mut input));
                    if payload.left == 0 {
                        self.state = State::default();
                    }
                }
            }
        }
    }
}

/// Reads a frame's head; nothing as long as it is not all here.
fn read_head(
    head: &mut Vec<u8>,
    input: &mut &[u8],
    inside: &mut bool,
) -> Result<Option<Payload>, StreamError> {
    loop {
        let long = match head.get(1).map(|byte| byte & 0x7f) {
            Some(126) => 2,
            Some(127) => 8,
            _ => 0,
        };
        if head.len() == 2 + long + 4 {
            return payload(head, long, inside).map(Some);
        }
        let Some((byte, rest)) = input.split_first() else { return Ok(None) };
        head.push(*byte);
        *input = rest;
        if head.len() == 2 && byte & 0x80 == 0 {
            return Err(StreamError::WebSocket("a frame is not masked"));
        }
    }
}

fn payload(head: &[u8], long: usize, inside: &mut bool) -> Result<Payload, StreamError> {
    let (last, reserved, opcode) = (head[0] & 0x80 != 0, head[0] & 0x70, head[0] & 0x0f);
    let left = match long {
        0 => u64::from(head[1] & 0x7f),
        _ => head[2..2 + long].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    let mut mask = [0; 4];
    mask.copy_from_slice(&head[2 + long..]);
    if reserved != 0 || left >> 63 != 0 {
        return Err(StreamError::WebSocket("a frame uses reserved bits"));
    }
    let kind = match (opcode, *inside) {
        (CONTINUATION, true) => Kind::Data { begins: false, ends: last },
        (BINARY, false) => Kind::Data { begins: true, ends: last },
        (CLOSE | PING | PONG, _) if last && left <= CONTROL_BYTES_MAX as u64 => {
            Kind::Control { opcode, bytes: Vec::new() }
        }
        (CLOSE | PING | PONG, _) => return Err(StreamError::WebSocket("a control frame is too long")),
        (CONTINUATION | BINARY, _) => return Err(StreamError::WebSocket("a message is out of order")),
        _ => return Err(StreamError::WebSocket("a message is not binary")),
    };
    if let Kind::Data { ends, .. } = kind {
        *inside = !ends;
    }
    Ok(Payload { kind, mask, at: 0, left })
}

impl Payload {
    /// Takes what is here; an event for each piece of a message, and for a control frame that is whole.
    fn take(&mut self, input: &mut &[u8]) -> Option<Event> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        let (now, rest) = input.split_at(count);
        *input = rest;
        let mask = self.mask;
        let unmasked = now.iter().enumerate().map(|(index, byte)| byte ^ mask[(self.at + index) % 4]);
        let bytes: Vec<u8> = unmasked.collect();
        self.at = (self.at + count) % 4;
        self.left -= count as u64;
        let whole = self.left == 0;
        match &mut self.kind {
            Kind::Data { begins, ends } => {
                let begins = std::mem::take(begins);
                Some(Event::Data { bytes, begins, ends: *ends && whole })
            }
            Kind::Control { opcode, bytes: so_far } => {
                so_far.extend(bytes);
                match *opcode {
                    PING if whole => Some(Event::Ping(std::mem::take(so_far))),
                    CLOSE if whole => Some(Event::Closed),
                    _ => None,
                }
            }
        }
    }
}

/// Writes a binary message in one frame.
pub fn write_message(parts: &[&[u8]], out: &mut Vec<u8>) {
    write_frame(BINARY, parts, out);
}

/// Answers a ping.
pub fn write_pong(bytes: &[u8], out: &mut Vec<u8>) {
    write_frame(PONG, &[bytes], out);
}

/// Says that nothing more will come, and that nothing has failed.
pub fn write_close(out: &mut Vec<u8>) {
    write_frame(CLOSE, &[&NORMAL_CLOSURE], out);
}

fn write_frame(opcode: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < 126 => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_is_answered_as_the_rfc_shows() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_clients_must_not_send_is_refused() {
        for (bytes, why) in [
            (&[0x82, 0x01, 0x00][..], "a frame is not masked"),
            (&[0xc2, 0x80, 0, 0, 0, 0], "a frame uses reserved bits"),
            (&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "a frame uses reserved bits"),
            (&[0x81, 0x80, 0, 0, 0, 0], "a message is not binary"),
            (&[0x80, 0x80, 0, 0, 0, 0], "a message is out of order"),
            (&[0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], "a message is out of order"),
            (&[0x09, 0x80, 0, 0, 0, 0], "a control frame is too long"),
            (&[0x89, 0xfe, 0, 200, 0, 0, 0, 0], "a control frame is too long"),
        ] {
            let refused = Decoder::default().receive(bytes).unwrap_err();
            assert_eq!(refused, StreamError::WebSocket(why), "{bytes:x?}");
        }
    }

    #[test]
    fn messages_may_come_in_fragments_with_pings_between() {
        let mut decoder = Decoder::default();
        let bytes = [
            0x02,
            0x82,
            1,
            2,
            3,
            4,
            b'a' ^ 1,
            b'b' ^ 2, // the first fragment
            0x89,
            0x81,
            0,
            0,
            0,
            0,
            b'?', // a ping
            0x80,
            0x81,
            0,
            0,
            0,
            0,
            b'c', // the last fragment
            0x88,
            0x80,
            0,
            0,
            0,
            0, // a close
        ];
        let piece = |text: &str, begins, ends| Event::Data { bytes: text.into(), begins, ends };
        assert_eq!(
            decoder.receive(&bytes).unwrap(),
            [piece("ab", true, false), Event::Ping(b"?".into()), piece("c", false, true), Event::Closed]
        );
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        for (length, head) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut out = Vec::new();
            write_message(&[&vec![7; length]], &mut out);
            assert_eq!(out.len(), head + length);
        }
    }
}
