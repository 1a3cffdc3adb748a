//! Channels as streams of a SPDY connection.

use std::collections::BTreeMap;

use super::{Channel, Input, Wanted};
use crate::{
    StreamError, Wire,
    spdy::{Event, Session},
};

/// The header that says which channel a stream is.
const STREAM_TYPE: &str = "streamtype";

#[derive(Debug)]
pub(super) struct OverSpdy {
    wanted: Wanted,
    pub(super) session: Session,
    streams: BTreeMap<Channel, u32>,
    ready: bool,
}

impl OverSpdy {
    pub(super) fn new(wanted: Wanted, wire: Wire) -> Self {
        Self { wanted, session: Session::new(wire), streams: BTreeMap::new(), ready: false }
    }

    pub(super) fn receive(&mut self, input: &[u8]) -> Result<Vec<Input>, StreamError> {
        let mut inputs = Vec::new();
        for event in self.session.receive(input)? {
            match event {
                Event::Opened { stream, headers } => {
                    let kind = headers.get(STREAM_TYPE).map(String::as_str).unwrap_or_default();
                    self.opened(stream, kind, &mut inputs);
                }
                Event::Data { stream, bytes } => {
                    inputs.extend(self.channel(stream).map(|channel| Input::Data(channel, bytes)));
                }
                Event::Finished { stream } | Event::Reset { stream } => {
                    inputs.extend(self.channel(stream).map(Input::Finished));
                }
                Event::GoneAway | Event::Closed => inputs.push(Input::Closed),
            }
        }
        Ok(inputs)
    }

    fn opened(&mut self, stream: u32, kind: &str, inputs: &mut Vec<Input>) {
        let channel = Channel::ALL.into_iter().find(|channel| channel.name() == kind);
        match channel.filter(|channel| !self.streams.contains_key(channel)) {
            Some(channel) => {
                self.streams.insert(channel, stream);
                self.session.reply(stream);
            }
            None => self.session.reset(stream),
        }
        let there = |channel: &Channel| !self.wanted.has(*channel) || self.streams.contains_key(channel);
        if !self.ready && Channel::ALL.iter().all(there) {
            self.ready = true;
            inputs.push(Input::Ready);
        }
    }

    fn channel(&self, stream: u32) -> Option<Channel> {
        self.streams.iter().find(|(_, found)| **found == stream).map(|(channel, _)| *channel)
    }

    pub(super) fn send(&mut self, channel: Channel, bytes: &[u8]) {
        if let Some(stream) = self.streams.get(&channel) {
            self.session.send(*stream, bytes);
        }
    }

    pub(super) fn finish(&mut self, status: &[u8]) {
        self.send(Channel::Error, status);
        for stream in self.streams.values() {
            self.session.finish(*stream);
        }
        self.session.close();
    }
}
