//! The program as people and scripts meet it.

mod cluster;
mod transcripts;
mod world;
