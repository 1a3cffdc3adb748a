//! A SPDY/3.1 connection from the server's side.

use std::collections::BTreeMap;

use crate::{StreamError, Wire};

mod dictionary;
mod frames;
mod headers;

use frames::{Decoder, Frame};
use headers::{HeaderReader, HeaderWriter};

/// How many streams a client may have open at a time; more are refused.
pub const STREAMS_MAX: usize = 1024;
/// Longer data is sent in several frames, so that no stream holds up the others for long.
const DATA_BYTES_MAX: usize = 32 << 10;

/// The status of a RST_STREAM.
#[derive(Clone, Copy)]
enum Reason {
    ProtocolError = 1,
    RefusedStream = 3,
    Cancel = 5,
}

/// The names and values of a stream's headers. Names are in lower case.
pub type Headers = BTreeMap<String, String>;

/// Something that the client has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Opened a stream, which is to be replied to.
    Opened {
        /// The stream's number.
        stream: u32,
        /// What it is for.
        headers: Headers,
    },
    /// Sent data.
    Data {
        /// The stream's number.
        stream: u32,
        /// A piece of it.
        bytes: Vec<u8>,
    },
    /// Has sent its last data on a stream.
    Finished {
        /// The stream's number.
        stream: u32,
    },
    /// Broke a stream off.
    Reset {
        /// The stream's number.
        stream: u32,
    },
    /// Will open no more streams.
    GoneAway,
    /// Closed what carries the connection.
    Closed,
}

/// Which sides of a stream may still send.
#[derive(Debug, Clone, Copy)]
struct Open {
    theirs: bool,
    ours: bool,
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    decoder: Decoder,
    header_reader: HeaderReader,
    header_writer: HeaderWriter,
    streams: BTreeMap<u32, Open>,
    newest: u32,
    out: Vec<u8>,
}

impl Session {
    /// A connection that has just been opened.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            decoder: Decoder::default(),
            header_reader: HeaderReader::default(),
            header_writer: HeaderWriter::default(),
            streams: BTreeMap::new(),
            newest: 0,
            out: Vec::new(),
        }
    }

    /// Reads on.
    ///
    /// # Errors
    /// If what came cannot be read.
    pub fn receive(&mut self, input: &[u8]) -> Result<Vec<Event>, StreamError> {
        let (carried, closed) = self.wire.receive(input, &mut self.out)?;
        let mut events = Vec::new();
        let mut rest = carried.as_slice();
        while let Some(frame) = self.decoder.next(&mut rest)? {
            self.handle(frame, &mut events)?;
        }
        if closed {
            events.push(Event::Closed);
        }
        Ok(events)
    }

    fn handle(&mut self, frame: Frame, events: &mut Vec<Event>) -> Result<(), StreamError> {
        match frame {
            Frame::SynStream { stream, fin, unidirectional, block } => {
                let headers = self.header_reader.read(&block)?;
                self.open(stream, Open { theirs: !fin, ours: !unidirectional }, headers, events);
            }
            // Their headers mean nothing here, but have to be read to understand those that follow.
            Frame::OtherHeaders { block } => drop(self.header_reader.read(&block)?),
            Frame::Data { stream, bytes, fin } => {
                // Data of a stream that was broken off may still be on its way.
                let Some(open) = self.streams.get_mut(&stream).filter(|open| open.theirs) else {
                    return Ok(());
                };
                if !bytes.is_empty() {
                    events.push(Event::Data { stream, bytes });
                }
                if fin {
                    open.theirs = false;
                    events.push(Event::Finished { stream });
                    self.forget_if_closed(stream);
                }
            }
            Frame::Reset { stream } => {
                if self.streams.remove(&stream).is_some() {
                    events.push(Event::Reset { stream });
                }
            }
            // An even number is a pong to a ping of ours, and we send none.
            Frame::Ping { id } if id % 2 == 1 => self.write(&frames::ping(id)),
            Frame::Ping { .. } | Frame::Ignored => {}
            Frame::GoAway => events.push(Event::GoneAway),
        }
        Ok(())
    }

    fn open(&mut self, stream: u32, open: Open, headers: Headers, events: &mut Vec<Event>) {
        if stream.is_multiple_of(2) || stream <= self.newest {
            self.write(&frames::reset(stream, Reason::ProtocolError as u32));
            return;
        }
        self.newest = stream;
        if self.streams.len() >= STREAMS_MAX {
            self.write(&frames::reset(stream, Reason::RefusedStream as u32));
            return;
        }
        self.streams.insert(stream, open);
        events.push(Event::Opened { stream, headers });
        if !open.theirs {
            events.push(Event::Finished { stream });
        }
        self.forget_if_closed(stream);
    }

    /// Accepts a stream.
    pub fn reply(&mut self, stream: u32) {
        if self.streams.contains_key(&stream) {
            let block = self.header_writer.write(&Headers::new());
            self.write(&frames::syn_reply(stream, &block));
        }
    }

    /// Sends data, if the stream is still open.
    pub fn send(&mut self, stream: u32, bytes: &[u8]) {
        if self.streams.get(&stream).is_some_and(|open| open.ours) {
            for piece in bytes.chunks(DATA_BYTES_MAX) {
                self.write(&frames::data(stream, piece, false));
            }
        }
    }

    /// Says that no more data will come from here.
    pub fn finish(&mut self, stream: u32) {
        if let Some(open) = self.streams.get_mut(&stream).filter(|open| open.ours) {
            open.ours = false;
            self.write(&frames::data(stream, &[], true));
            self.forget_if_closed(stream);
        }
    }

    /// Breaks a stream off.
    pub fn reset(&mut self, stream: u32) {
        if self.streams.remove(&stream).is_some() {
            self.write(&frames::reset(stream, Reason::Cancel as u32));
        }
    }

    /// Says that the connection is over. Nothing may be sent after this.
    pub fn close(&mut self) {
        self.write(&frames::go_away(self.newest));
        self.wire.close(&mut self.out);
    }

    /// What has to be sent to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// How many streams are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    fn forget_if_closed(&mut self, stream: u32) {
        if self.streams.get(&stream).is_some_and(|open| !open.theirs && !open.ours) {
            self.streams.remove(&stream);
        }
    }

    fn write(&mut self, frame: &[u8]) {
        self.wire.send(frame, &mut self.out);
    }
}

#[cfg(test)]
mod tests;
