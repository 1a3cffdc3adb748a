//! The frames of SPDY/3.1 as bytes.

use crate::StreamError;

/// The most that a control frame may hold.
const CONTROL_BYTES_MAX: usize = 64 << 10;
const VERSION: u16 = 3;
const FIN: u8 = 1;
const UNIDIRECTIONAL: u8 = 2;
const STREAM_MASK: u32 = 0x7fff_ffff;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const SETTINGS: u16 = 4;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;
const WINDOW_UPDATE: u16 = 9;

/// A frame that has come; of data, as much as was there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    SynStream { stream: u32, fin: bool, unidirectional: bool, block: Vec<u8> },
    OtherHeaders { block: Vec<u8> },
    Reset { stream: u32 },
    Ping { id: u32 },
    GoAway,
    Ignored,
    Data { stream: u32, bytes: Vec<u8>, fin: bool },
}

/// Reads frames from pieces of any size.
#[derive(Debug)]
pub(super) enum Decoder {
    Head { bytes: [u8; 8], have: usize },
    Control { kind: u16, flags: u8, left: usize, payload: Vec<u8> },
    Data { stream: u32, fin: bool, left: usize },
}

impl Default for Decoder {
    fn default() -> Self {
        Self::Head { bytes: [0; 8], have: 0 }
    }
}

impl Decoder {
    /// The next frame; nothing when all that is here has been read.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, StreamError> {
        loop {
            match self {
                Self::Head { bytes, have } => {
                    let now = take(input, bytes.len() - *have);
                    bytes[*have..*have + now.len()].copy_from_slice(now);
                    *have += now.len();
                    if *have < bytes.len() {
                        return Ok(None);
                    }
                    *self = after_head(*bytes)?;
                }
                Self::Control { kind, flags, left, payload } => {
                    let now = take(input, *left);
                    payload.extend_from_slice(now);
                    *left -= now.len();
                    if *left > 0 {
                        return Ok(None);
                    }
                    let frame = control(*kind, *flags, payload)?;
                    *self = Self::default();
                    return Ok(Some(frame));
                }
                Self::Data { stream, fin, left } => {
                    if *left > 0 && input.is_empty() {
                        return Ok(None);
                    }
                    let bytes = take(input, *left).to_vec();
                    *left -= bytes.len();
                    let (stream, whole) = (*stream, *left == 0);
                    let fin = *fin && whole;
                    if whole {
                        *self = Self::default();
                    }
                    return Ok(Some(Frame::Data { stream, bytes, fin }));
                }
            }
        }
    }
}

fn take<'a>(input: &mut &'a [u8], wanted: usize) -> &'a [u8] {
    let (now, rest) = input.split_at(wanted.min(input.len()));
    *input = rest;
    now
}

fn after_head([a, b, c, d, flags, x, y, z]: [u8; 8]) -> Result<Decoder, StreamError> {
    let left = usize::from(x) << 16 | usize::from(y) << 8 | usize::from(z);
    let first = u32::from_be_bytes([a, b, c, d]);
    if first & !STREAM_MASK == 0 {
        return Ok(Decoder::Data { stream: first, fin: flags & FIN != 0, left });
    }
    if u16::from_be_bytes([a & 0x7f, b]) != VERSION {
        return Err(StreamError::Spdy("a frame of another version"));
    }
    if left > CONTROL_BYTES_MAX {
        return Err(StreamError::Spdy("a control frame is too long"));
    }
    Ok(Decoder::Control { kind: u16::from_be_bytes([c, d]), flags, left, payload: Vec::new() })
}

fn control(kind: u16, flags: u8, payload: &[u8]) -> Result<Frame, StreamError> {
    let short = StreamError::Spdy("a control frame is too short");
    let number = || payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(short);
    let block = |from: usize| payload.get(from..).map(<[u8]>::to_vec).ok_or(short);
    Ok(match kind {
        SYN_STREAM => Frame::SynStream {
            stream: number()? & STREAM_MASK,
            fin: flags & FIN != 0,
            unidirectional: flags & UNIDIRECTIONAL != 0,
            block: block(10)?,
        },
        SYN_REPLY | HEADERS => Frame::OtherHeaders { block: block(4)? },
        RST_STREAM => Frame::Reset { stream: number()? & STREAM_MASK },
        PING => Frame::Ping { id: number()? },
        GOAWAY => Frame::GoAway,
        SETTINGS | WINDOW_UPDATE => Frame::Ignored,
        _ => return Err(StreamError::Spdy("a frame of an unknown kind")),
    })
}

pub(super) fn ping(id: u32) -> Vec<u8> {
    control_frame(PING, &[&id.to_be_bytes()])
}

pub(super) fn reset(stream: u32, reason: u32) -> Vec<u8> {
    control_frame(RST_STREAM, &[&stream.to_be_bytes(), &reason.to_be_bytes()])
}

pub(super) fn syn_reply(stream: u32, block: &[u8]) -> Vec<u8> {
    control_frame(SYN_REPLY, &[&stream.to_be_bytes(), block])
}

pub(super) fn go_away(newest: u32) -> Vec<u8> {
    control_frame(GOAWAY, &[&newest.to_be_bytes(), &0_u32.to_be_bytes()])
}

pub(super) fn data(stream: u32, bytes: &[u8], fin: bool) -> Vec<u8> {
    let mut frame = stream.to_be_bytes().to_vec();
    frame.extend(flags_and_length(if fin { FIN } else { 0 }, bytes.len()));
    frame.extend_from_slice(bytes);
    frame
}

#[cfg(test)]
pub(super) fn syn_stream(stream: u32, block: &[u8]) -> Vec<u8> {
    control_frame(SYN_STREAM, &[&stream.to_be_bytes(), &[0; 6], block])
}

fn control_frame(kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut frame = (0x8000 | VERSION).to_be_bytes().to_vec();
    frame.extend(kind.to_be_bytes());
    frame.extend(flags_and_length(0, length));
    parts.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

/// Flags in 8 bits, the length in 24. What is sent from here is far shorter than that.
fn flags_and_length(flags: u8, length: usize) -> [u8; 4] {
    let [_, x, y, z] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [flags, x, y, z]
}
