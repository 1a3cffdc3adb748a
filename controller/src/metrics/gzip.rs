//! A scrape as gzip, for whoever accepts that: names and labels repeat in each line, so that little is left.
//!
//! Piece by piece, so that the controller goes on between two of them, and the whole is nowhere in memory.

use std::io::Write as _;

use axum::http::{HeaderMap, header::ACCEPT_ENCODING};
use flate2::{Compression, write::GzEncoder};

/// What is under way.
pub struct Gzip(GzEncoder<Vec<u8>>);

impl Default for Gzip {
    fn default() -> Self {
        // The fastest: a scrape is to take little of the controller's time, and more trouble saves little more.
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }
}

impl Gzip {
    /// Takes in a piece; gives what is ready, which may be nothing.
    pub fn push(&mut self, piece: &str) -> Vec<u8> {
        // Writing to memory does not fail.
        let _ = self.0.write_all(piece.as_bytes());
        std::mem::take(self.0.get_mut())
    }

    /// What is left.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        self.0.finish().unwrap_or_default()
    }
}

/// Whether whoever asks accepts gzip: says so by name, or says that all is well, and does not exclude it.
#[must_use]
pub fn is_accepted(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    let (mut named, mut any) = (None, None);
    for list in lists {
        for (name, is_fine) in list.to_ascii_lowercase().split(',').filter_map(coding) {
            match name {
                "gzip" | "x-gzip" => named = named.max(Some(is_fine)),
                "*" => any = Some(is_fine),
                _ => {}
            }
        }
    }
    named.or(any).unwrap_or(false)
}

/// One of a list: its name, and whether it is accepted. A weight that is none accepts nothing.
fn coding(text: &str) -> Option<(&str, bool)> {
    let Some((name, rest)) = text.split_once(';') else { return Some((text.trim(), true)) };
    let weight = rest.trim().strip_prefix('q')?.trim_start().strip_prefix('=')?;
    Some((name.trim(), weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(lists: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(ACCEPT_ENCODING, list.parse().unwrap());
        }
        is_accepted(&headers)
    }

    #[test]
    fn gzip_is_for_those_who_accept_it() {
        for good in ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "br, GZIP ; Q=0.1", "*", "identity;q=0, x-gzip"]
        {
            assert!(accepts(&[good]), "{good}");
        }
        for bad in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0, *",
            "*;q=0.0",
            "gzip;level=9",
            "gzip;q=high",
            "gzippy",
        ] {
            assert!(!accepts(&[bad]), "{bad}");
        }
        assert!(accepts(&["br", "gzip"]) && !accepts(&[]));
    }
}
