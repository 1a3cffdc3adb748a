//! The wire format of protocol buffers: numbered parts, one after the other.

use super::ProtobufError;

/// What stands behind a field's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A varint, or a number of fixed width.
    Number(u64),
    /// Text, bytes, or a message.
    Bytes(&'a [u8]),
}

/// Gives the parts of a message. After an error there are no more.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    fn part(&mut self) -> Result<(u64, Part<'a>), ProtobufError> {
        let tag = self.varint()?;
        let part = match tag & 7 {
            0 => Part::Number(self.varint()?),
            1 => Part::Number(fixed(self.take(8)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| ProtobufError::Short)?;
                Part::Bytes(self.take(length)?)
            }
            5 => Part::Number(fixed(self.take(4)?)),
            other => return Err(ProtobufError::WireType(u8::try_from(other).unwrap_or(7))),
        };
        Ok((tag >> 3, part))
    }

    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(ProtobufError::Short)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Malformed("integer overflow"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtobufError::Short)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<(u64, Part<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_err() {
            self.rest = &[];
        }
        Some(part)
    }
}

/// Text, which must be UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<String, ProtobufError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ProtobufError::Malformed("invalid UTF-8"))?;
    Ok(text.to_owned())
}

fn fixed(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
