//! Headers as blocks of one zlib stream that lasts as long as the connection.

use std::collections::BTreeMap;

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT},
};

use super::{Headers, dictionary};
use crate::StreamError;

/// The most that one block may hold once it is unpacked.
const BLOCK_BYTES_MAX: usize = 16 << 10;
/// How far back compressed data may refer.
const WINDOW_BYTES: usize = 32 << 10;
/// The first byte of a zlib stream whose window has that size, and the second of one that begins with a dictionary.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x20];
const HAS_DICTIONARY: u8 = 0x20;

/// Unpacks blocks of headers.
#[derive(Default)]
pub(super) struct HeaderReader {
    /// There from the first block on.
    unpacking: Option<Box<Unpacking>>,
}

struct Unpacking {
    inflate: DecompressorOxide,
    /// What was unpacked last, as a ring.
    window: Vec<u8>,
    at: usize,
}

impl std::fmt::Debug for HeaderReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderReader").finish_non_exhaustive()
    }
}

impl HeaderReader {
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Headers, StreamError> {
        let unpacked = match &mut self.unpacking {
            Some(unpacking) => unpacking.unpack(block)?,
            None => {
                let (unpacking, rest) = Unpacking::begin(block)?;
                self.unpacking.insert(Box::new(unpacking)).unpack(rest)?
            }
        };
        parse(&unpacked).ok_or(StreamError::Spdy("headers that cannot be read"))
    }
}

impl Unpacking {
    /// Reads the head of the zlib stream.
    fn begin(block: &[u8]) -> Result<(Self, &[u8]), StreamError> {
        let broken = StreamError::Spdy("headers that are not packed by zlib");
        let [method, flags, rest @ ..] = block else { return Err(broken) };
        if method & 0x0f != 8 || u16::from_be_bytes([*method, *flags]) % 31 != 0 {
            return Err(broken);
        }
        let mut window = vec![0; WINDOW_BYTES];
        let (mut at, mut rest) = (0, rest);
        if flags & HAS_DICTIONARY != 0 {
            let (checksum, after) = rest.split_first_chunk().ok_or(broken)?;
            if u32::from_be_bytes(*checksum) != dictionary::CHECKSUM {
                return Err(StreamError::Spdy("headers that are packed with another dictionary"));
            }
            let text = dictionary::text();
            window[..text.len()].copy_from_slice(&text);
            (at, rest) = (text.len(), after);
        }
        Ok((Self { inflate: DecompressorOxide::new(), window, at }, rest))
    }

    fn unpack(&mut self, mut block: &[u8]) -> Result<Vec<u8>, StreamError> {
        let mut unpacked = Vec::new();
        loop {
            let (status, read, written) =
                decompress(&mut self.inflate, block, &mut self.window, self.at, TINFL_FLAG_HAS_MORE_INPUT);
            unpacked.extend_from_slice(&self.window[self.at..self.at + written]);
            self.at = (self.at + written) % WINDOW_BYTES;
            block = &block[read..];
            if unpacked.len() > BLOCK_BYTES_MAX {
                return Err(StreamError::Spdy("headers that are too long"));
            }
            match status {
                TINFLStatus::NeedsMoreInput if block.is_empty() => return Ok(unpacked),
                TINFLStatus::HasMoreOutput if written > 0 => {}
                _ => return Err(StreamError::Spdy("headers that cannot be unpacked")),
            }
        }
    }
}

fn parse(mut block: &[u8]) -> Option<Headers> {
    let number = |block: &mut &[u8]| -> Option<usize> {
        let (bytes, rest) = block.split_first_chunk()?;
        *block = rest;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    };
    let count = number(&mut block)?;
    let text = |block: &mut &[u8]| -> Option<String> {
        let length = number(block)?;
        let (bytes, rest) = block.split_at_checked(length)?;
        *block = rest;
        String::from_utf8(bytes.to_vec()).ok()
    };
    let mut headers = BTreeMap::new();
    for _ in 0..count {
        let name = text(&mut block)?.to_ascii_lowercase();
        headers.insert(name, text(&mut block)?);
    }
    block.is_empty().then_some(headers)
}

/// Packs blocks of headers, without making them any smaller: few are sent, and those are empty.
#[derive(Debug, Default)]
pub(super) struct HeaderWriter {
    pub(super) begun: bool,
}

impl HeaderWriter {
    pub(super) fn write(&mut self, headers: &Headers) -> Vec<u8> {
        let mut block = Vec::new();
        let text = |text: &str, block: &mut Vec<u8>| {
            block.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            block.extend(text.as_bytes());
        };
        block.extend(u32::try_from(headers.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (name, value) in headers {
            text(name, &mut block);
            text(value, &mut block);
        }
        let mut packed = Vec::new();
        if !self.begun {
            self.begun = true;
            packed.extend(ZLIB_HEAD);
            packed.extend(dictionary::CHECKSUM.to_be_bytes());
        }
        for piece in block.chunks(usize::from(u16::MAX)) {
            stored(piece, &mut packed);
        }
        // An empty piece has readers hand out what they hold.
        stored(&[], &mut packed);
        packed
    }
}

/// A piece of deflated data that is as it was, and not the last one.
fn stored(piece: &[u8], packed: &mut Vec<u8>) {
    let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
    packed.push(0);
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend_from_slice(piece);
}
