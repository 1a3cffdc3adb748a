//! The picture of the peer's recordings: who gets traffic, in words and in shapes.
