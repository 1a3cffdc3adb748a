//! The I/O shell around verdigris-core: caches, queue, live reads, writes.
