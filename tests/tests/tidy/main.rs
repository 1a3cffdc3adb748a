//! Rules of the repository, as tests.

mod arrows;
mod files;
mod images;
mod licences;
mod metadata;
