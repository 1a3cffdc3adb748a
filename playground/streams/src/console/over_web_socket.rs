//! Channels in the messages of a WebSocket.

use super::{Channel, Input, Wanted};
use crate::{
    StreamError,
    websocket::{self, Decoder, Event},
};

/// In place of a channel: the channel in the next byte is finished.
const CLOSE: u8 = 255;

#[derive(Debug)]
pub(super) struct OverWebSocket {
    wanted: Wanted,
    closing: bool,
    decoder: Decoder,
    /// What the message that is being read is about.
    message: About,
    ready: bool,
    pub(super) out: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum About {
    /// Its first byte has not come.
    Unknown,
    Channel(Channel),
    Closing,
    /// Of no interest.
    Nothing,
}

impl OverWebSocket {
    pub(super) fn new(wanted: Wanted, closing: bool) -> Self {
        let mut console = Self {
            wanted,
            closing,
            decoder: Decoder::default(),
            message: About::Unknown,
            ready: false,
            out: Vec::new(),
        };
        // An empty message on the first channel tells the client that it has been understood.
        let first = [Channel::Stdout, Channel::Stderr].into_iter().find(|channel| wanted.has(*channel));
        console.send(first.unwrap_or(Channel::Error), &[]);
        console
    }

    pub(super) fn receive(&mut self, input: &[u8]) -> Result<Vec<Input>, StreamError> {
        let mut inputs = Vec::new();
        if !self.ready {
            self.ready = true;
            inputs.push(Input::Ready);
        }
        for event in self.decoder.receive(input)? {
            match event {
                Event::Data { bytes, begins, .. } => self.piece(&bytes, begins, &mut inputs),
                Event::Ping(bytes) => websocket::write_pong(&bytes, &mut self.out),
                Event::Closed => inputs.push(Input::Closed),
            }
        }
        Ok(inputs)
    }

    fn piece(&mut self, mut bytes: &[u8], begins: bool, inputs: &mut Vec<Input>) {
        if begins {
            self.message = About::Unknown;
        }
        if let (About::Unknown, Some((first, rest))) = (self.message, bytes.split_first()) {
            self.message = match channel(*first) {
                Some(channel @ (Channel::Stdin | Channel::Resize)) => About::Channel(channel),
                None if *first == CLOSE && self.closing => About::Closing,
                _ => About::Nothing,
            };
            bytes = rest;
        }
        match (self.message, bytes.split_first()) {
            (About::Channel(channel), Some(_)) => inputs.push(Input::Data(channel, bytes.to_vec())),
            (About::Closing, Some((first, _))) => {
                inputs.extend(channel(*first).map(Input::Finished));
                self.message = About::Nothing;
            }
            _ => {}
        }
    }

    pub(super) fn send(&mut self, channel: Channel, bytes: &[u8]) {
        if self.wanted.has(channel) {
            websocket::write_message(&[&[channel as u8], bytes], &mut self.out);
        }
    }

    pub(super) fn finish(&mut self, status: &[u8]) {
        self.send(Channel::Error, status);
        websocket::write_close(&mut self.out);
    }
}

fn channel(number: u8) -> Option<Channel> {
    Channel::ALL.get(usize::from(number)).copied()
}
