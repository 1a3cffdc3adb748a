//! How a patch turns an object into another, in each of the forms that a patch can have.

pub mod json;
pub mod merge;
pub mod strategic;
