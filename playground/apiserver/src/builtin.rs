//! The built-in kinds: a table of resources with their schemas, defaults and rules.

pub mod quantity;
