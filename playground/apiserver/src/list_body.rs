//! A long list, written down piece by piece while it is sent: it never stands in memory as a whole.

use std::{sync::Arc, vec};

use bytes::Bytes;

use crate::{resource::Resource, stored::Stored};

/// The size of a piece. Lists below it are answered in one.
pub(crate) const PIECE_BYTES: usize = 32 << 10;

/// What is still to be sent of a list.
#[derive(Debug)]
pub struct ListBody {
    /// What stands before the next object, or at the end.
    next: Vec<u8>,
    objects: vec::IntoIter<Arc<Stored>>,
    resource: Arc<Resource>,
    ended: bool,
}

impl ListBody {
    /// A list of these objects behind a `head` that ends with the bracket before the first.
    pub(crate) fn new(resource: Arc<Resource>, head: Vec<u8>, objects: Vec<Arc<Stored>>) -> Self {
        Self { next: head, objects: objects.into_iter(), resource, ended: false }
    }

    /// About how many bytes there are in all.
    pub(crate) fn size_bytes(&self) -> usize {
        self.objects.as_slice().iter().map(|object| object.size_bytes() + 96).sum::<usize>() + self.next.len()
    }

    /// All of it.
    pub fn whole(mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size_bytes() + 2);
        self.write_to(&mut out, usize::MAX);
        out
    }

    /// Appends objects until there are so many bytes; after the last one, the end of the list.
    fn write_to(&mut self, out: &mut Vec<u8>, enough_bytes: usize) {
        out.append(&mut self.next);
        while let Some(object) = self.objects.next() {
            if self.resource.custom {
                object.write_to(&self.resource, out);
            } else {
                // Items of built-in lists do not say what they are: the list does.
                object.write_bare_to(&self.resource, out);
            }
            if self.objects.len() > 0 {
                out.push(b',');
            }
            if out.len() >= enough_bytes {
                return;
            }
        }
        out.extend_from_slice(b"]}");
        self.ended = true;
    }
}

impl Iterator for ListBody {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
        self.write_to(&mut piece, PIECE_BYTES);
        Some(Bytes::from(piece))
    }
}
