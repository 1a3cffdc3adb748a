//! The channels of a running command: its input and output, the size of its terminal, and how it ended.

use crate::{StreamError, Wire};

mod over_spdy;
mod over_web_socket;

use over_spdy::OverSpdy;
use over_web_socket::OverWebSocket;

/// A channel. Its number is the first byte of a WebSocket's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// What the command reads.
    Stdin = 0,
    /// What it writes.
    Stdout = 1,
    /// What it complains about.
    Stderr = 2,
    /// How it ended: a `Status` object.
    Error = 3,
    /// The sizes of the terminal, as they change.
    Resize = 4,
}

impl Channel {
    const ALL: [Self; 5] = [Self::Stdin, Self::Stdout, Self::Stderr, Self::Error, Self::Resize];

    /// What the header of a SPDY stream calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Error => "error",
            Self::Resize => "resize",
        }
    }
}

/// Which channels a client asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// It will send input.
    pub stdin: bool,
    /// It reads the output.
    pub stdout: bool,
    /// It reads complaints, too.
    pub stderr: bool,
    /// The command shall have a terminal; complaints are then part of the output.
    pub tty: bool,
}

impl Wanted {
    /// Whether the channel is used.
    fn has(self, channel: Channel) -> bool {
        match channel {
            Channel::Stdin => self.stdin,
            Channel::Stdout => self.stdout,
            Channel::Stderr => self.stderr && !self.tty,
            Channel::Error => true,
            Channel::Resize => self.tty,
        }
    }
}

/// Something that a client has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// All channels are there: the command may begin.
    Ready,
    /// Sent something.
    Data(Channel, Vec<u8>),
    /// Will send no more on this channel.
    Finished(Channel),
    /// Went away.
    Closed,
}

/// The channels, on whatever carries them.
#[derive(Debug)]
pub struct Console(Kind);

#[derive(Debug)]
enum Kind {
    WebSocket(OverWebSocket),
    Spdy(OverSpdy),
}

impl Console {
    /// A WebSocket of the protocol `v5.channel.k8s.io`, or with `closing` unset `v4.channel.k8s.io`, which has no way to
    /// say that a channel is finished.
    #[must_use]
    pub fn web_socket(wanted: Wanted, closing: bool) -> Self {
        Self(Kind::WebSocket(OverWebSocket::new(wanted, closing)))
    }

    /// A SPDY connection of the protocol `v4.channel.k8s.io`.
    #[must_use]
    pub fn spdy(wanted: Wanted, wire: Wire) -> Self {
        Self(Kind::Spdy(OverSpdy::new(wanted, wire)))
    }

    /// Reads on; with nothing read, tells what is there from the beginning.
    ///
    /// # Errors
    /// If what came cannot be read.
    pub fn receive(&mut self, input: &[u8]) -> Result<Vec<Input>, StreamError> {
        match &mut self.0 {
            Kind::WebSocket(console) => console.receive(input),
            Kind::Spdy(console) => console.receive(input),
        }
    }

    /// Sends something, if the client asked for the channel.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        match &mut self.0 {
            Kind::WebSocket(console) => console.send(channel, bytes),
            Kind::Spdy(console) => console.send(channel, bytes),
        }
    }

    /// Says how the command ended, and that this is all.
    pub fn finish(&mut self, status: &[u8]) {
        match &mut self.0 {
            Kind::WebSocket(console) => console.finish(status),
            Kind::Spdy(console) => console.finish(status),
        }
    }

    /// What has to be sent to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Kind::WebSocket(console) => std::mem::take(&mut console.out),
            Kind::Spdy(console) => console.session.take_output(),
        }
    }
}

#[cfg(test)]
mod tests;
