//! What the list shows: words that must occur, words that must not, and a phase.

use serde::Deserialize;

/// The filter as it stands in the URL, so that it can be kept and sent to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// Words; all must occur in the row's text, one after `!` must not.
    pub(crate) q: String,
    /// A phase; empty for all.
    pub(crate) phase: String,
}

impl Filter {
    /// Whether a row is shown. `text` is in lower case. The script does the same while one types.
    pub(crate) fn shows(&self, phase: &str, text: &str) -> bool {
        let wanted = |word: &str| match word.strip_prefix('!') {
            Some("") => true,
            Some(unwanted) => !text.contains(unwanted),
            None => text.contains(word),
        };
        (self.phase.is_empty() || self.phase.eq_ignore_ascii_case(phase))
            && self.q.to_lowercase().split_whitespace().all(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_occur_and_none_that_must_not() {
        let text = "shop web paused web:2";
        for (query, phase, shown) in [
            ("", "", true),
            ("WEB shop", "", true),
            ("web cart", "", false),
            ("!cart", "paused", true),
            ("!web", "", false),
            ("!", "", true),
            ("", "Healthy", false),
        ] {
            let filter = Filter { q: query.to_owned(), phase: phase.to_owned() };
            assert_eq!(filter.shows("Paused", text), shown, "{filter:?}");
        }
    }
}
