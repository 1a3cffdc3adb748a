//! Rules of the repository, as tests.

mod arrows;
mod files;
mod licences;
mod metadata;
