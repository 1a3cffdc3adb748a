//! Every dependency comes from the registry, under a licence that deny.toml allows.

use std::collections::BTreeSet;

use super::metadata::{read, root};

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let allowed = strings_of(&deny, "allow");
    let registries = strings_of(&deny, "allow-registry");
    assert!(allowed.len() > 5 && registries.len() == 1, "deny.toml was not understood");
    let metadata = read();
    for package in metadata["packages"].as_array().unwrap() {
        let name = &package["name"];
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(Expression::new(licence).holds(&allowed), "{name}: deny.toml does not allow {licence:?}");
        if let Some(source) = package["source"].as_str() {
            let registry = source.strip_prefix("registry+").unwrap_or(source);
            assert!(registries.contains(registry), "{name} comes from {source}");
        }
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed: BTreeSet<String> = ["MIT", "Apache-2.0"].map(str::to_owned).into();
    for (expression, holds) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", false),
    ] {
        assert_eq!(Expression::new(expression).holds(&allowed), holds, "{expression}");
    }
}

/// The strings of `key = [ ... ]`.
fn strings_of(toml: &str, key: &str) -> BTreeSet<String> {
    let (_, rest) = toml.split_once(&format!("\n{key} = [")).unwrap_or_default();
    let (list, _) = rest.split_once(']').unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// An SPDX licence expression, or the old form with `/` for OR.
struct Expression {
    words: Vec<String>,
}

impl Expression {
    fn new(text: &str) -> Self {
        let spaced =
            text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
        Self { words: spaced.split_whitespace().map(|word| word.replace("+WITH+", " WITH ")).collect() }
    }

    fn holds(&self, allowed: &BTreeSet<String>) -> bool {
        either(&mut self.words.iter().peekable(), allowed)
    }
}

type Words<'a> = std::iter::Peekable<std::slice::Iter<'a, String>>;

fn either(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut holds = both(words, allowed);
    while words.next_if(|word| *word == "OR").is_some() {
        holds |= both(words, allowed);
    }
    holds
}

fn both(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut holds = one(words, allowed);
    while words.next_if(|word| *word == "AND").is_some() {
        holds &= one(words, allowed);
    }
    holds
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next().map(String::as_str) {
        Some("(") => {
            let holds = either(words, allowed);
            words.next();
            holds
        }
        Some(name) => allowed.contains(name),
        None => false,
    }
}
