//! What stock command-line programs print: the same on both servers.
//!
//! [`transcript::Transcript`] is a readable file of commands; [`session::Session`] runs them in a folder of their own
//! against one server; [`normal::Normaliser`] takes out what differs from run to run; [`compare`] plays one transcript on
//! both servers at once and says where they part.

pub mod compare;
pub mod difference;
pub mod normal;
pub mod session;
pub mod transcript;
