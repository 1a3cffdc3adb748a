//! A command's input and output, with or without a terminal in between.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use verdigris_playground_streams::Channel;

/// The longest line that can be typed.
const LINE_BYTES_MAX: usize = 64 << 10;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Where a command reads and writes.
pub(in crate::kubelet) struct Pipes {
    input: mpsc::Receiver<Vec<u8>>,
    output: mpsc::Sender<(Channel, Vec<u8>)>,
    terminal: bool,
    /// What has come and was not read.
    unread: VecDeque<u8>,
}

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// Ctrl-C.
    Interrupted,
    End,
}

impl Pipes {
    pub(in crate::kubelet) fn new(
        input: mpsc::Receiver<Vec<u8>>,
        output: mpsc::Sender<(Channel, Vec<u8>)>,
        terminal: bool,
    ) -> Self {
        Self { input, output, terminal, unread: VecDeque::new() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(in crate::kubelet) async fn write(&self, text: &str) {
        self.put(Channel::Stdout, text.as_bytes()).await;
    }

    pub(super) async fn write_bytes(&self, bytes: &[u8]) {
        self.put(Channel::Stdout, bytes).await;
    }

    /// Writes, and that was all.
    pub(super) async fn write_done(&self, text: &str) -> u8 {
        self.write(text).await;
        0
    }

    pub(super) async fn complain(&self, text: &str) {
        let channel = if self.terminal { Channel::Stdout } else { Channel::Stderr };
        self.put(channel, text.as_bytes()).await;
    }

    /// If nobody listens any more, the command will soon end.
    async fn put(&self, channel: Channel, bytes: &[u8]) {
        let bytes = if self.terminal { with_returns(bytes) } else { bytes.to_vec() };
        if !bytes.is_empty() {
            let _ = self.output.send((channel, bytes)).await;
        }
    }

    /// All that has come; nothing at the end.
    pub(super) async fn read(&mut self) -> Option<Vec<u8>> {
        if self.terminal {
            return match self.read_line().await {
                Line::Text(text) => Some(format!("{text}\n").into_bytes()),
                Line::Interrupted | Line::End => None,
            };
        }
        if !self.unread.is_empty() {
            return Some(self.unread.drain(..).collect());
        }
        self.input.recv().await
    }

    /// The next line, without its end. On a terminal, what is typed is shown and can be corrected.
    pub(super) async fn read_line(&mut self) -> Line {
        let mut line = Vec::new();
        while let Some(byte) = self.byte().await {
            match byte {
                b'\n' => {
                    self.echo("\n").await;
                    return text(&line);
                }
                b'\r' if self.terminal => {
                    self.echo("\n").await;
                    return text(&line);
                }
                INTERRUPT if self.terminal => {
                    self.echo("^C\n").await;
                    return Line::Interrupted;
                }
                END if self.terminal => {
                    if line.is_empty() {
                        return Line::End;
                    }
                }
                BACKSPACE | DELETE if self.terminal => self.erase(&mut line).await,
                ERASE_LINE if self.terminal => {
                    while !line.is_empty() {
                        self.erase(&mut line).await;
                    }
                }
                ESCAPE if self.terminal => self.skip_key().await,
                0..0x20 if self.terminal => {}
                _ if line.len() >= LINE_BYTES_MAX => {}
                _ => {
                    line.push(byte);
                    if self.terminal {
                        self.write_bytes(&[byte]).await;
                    }
                }
            }
        }
        if line.is_empty() { Line::End } else { text(&line) }
    }

    /// Waits for Ctrl-C on a terminal; without one, for ever.
    pub(super) async fn interrupted(&mut self) {
        while self.terminal {
            match self.byte().await {
                Some(INTERRUPT) => return self.echo("^C\n").await,
                Some(_) => {}
                None => break,
            }
        }
        std::future::pending().await
    }

    async fn byte(&mut self) -> Option<u8> {
        while self.unread.is_empty() {
            self.unread.extend(self.input.recv().await?);
        }
        self.unread.pop_front()
    }

    async fn echo(&self, text: &str) {
        if self.terminal {
            self.write(text).await;
        }
    }

    /// Takes back the last character.
    async fn erase(&self, line: &mut Vec<u8>) {
        let begins = |byte: &u8| byte & 0xc0 != 0x80;
        if let Some(at) = line.iter().rposition(begins) {
            line.truncate(at);
            self.write("\u{8} \u{8}").await;
        }
    }

    /// Arrow keys and the like, which mean nothing here: `ESC [ … letter`, or `ESC` and one more.
    async fn skip_key(&mut self) {
        if let Some(b'[' | b'O') = self.byte().await {
            while let Some(byte) = self.byte().await {
                if (0x40..0x7f).contains(&byte) {
                    return;
                }
            }
        }
    }
}

fn text(line: &[u8]) -> Line {
    Line::Text(String::from_utf8_lossy(line).into_owned())
}

/// A terminal has to be told to go back to the beginning of the line.
fn with_returns(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}
