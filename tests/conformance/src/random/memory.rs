//! What a player has seen of one server in one sequence: enough to fill in requests and to compare answers.

use std::collections::BTreeMap;

use serde_json::Value;

/// Versions, uids and objects in the order in which they were seen first.
#[derive(Debug, Default)]
pub struct Memory {
    versions: Vec<String>,
    uids: Vec<String>,
    objects: BTreeMap<String, Vec<Value>>,
    continue_token: String,
}

impl Memory {
    /// The number of a version, counted as it was seen.
    pub fn version(&mut self, version: &str) -> usize {
        numbered(&mut self.versions, version)
    }

    /// The number of a uid.
    pub fn uid(&mut self, uid: &str) -> usize {
        numbered(&mut self.uids, uid)
    }

    /// Remembers an object that an answer has shown.
    pub fn saw(&mut self, path: &str, object: &Value) {
        let seen = self.objects.entry(path.to_owned()).or_default();
        if object["metadata"]["resourceVersion"].is_string() && seen.last() != Some(object) {
            seen.push(object.clone());
        }
    }

    /// Remembers where a list goes on.
    pub fn saw_continue(&mut self, token: &str) {
        token.clone_into(&mut self.continue_token);
    }

    /// The object that was seen last under a path.
    pub fn last(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)?.last()
    }

    /// Puts what is known in the place of placeholders.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let filled = from.find('}').and_then(|end| Some((self.known(from.get(1..end)?)?, end)));
            match filled {
                Some((text, end)) => {
                    out.push_str(&text);
                    rest = &from[end + 1..];
                }
                None => {
                    out.push('{');
                    rest = &from[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn known(&self, placeholder: &str) -> Option<String> {
        let (word, path) = placeholder.split_once(' ').unwrap_or((placeholder, ""));
        let field = |index_from_end: usize, name: &str, otherwise: &str| {
            let seen = self.objects.get(path).map(Vec::as_slice).unwrap_or_default();
            let object = seen.len().checked_sub(index_from_end).and_then(|index| seen.get(index));
            object.and_then(|object| object["metadata"][name].as_str()).unwrap_or(otherwise).to_owned()
        };
        match word {
            "version" => Some(field(1, "resourceVersion", "12")),
            "old" => Some(field(2, "resourceVersion", "12")),
            "uid" => Some(field(1, "uid", "6d5f0a0c-0000-4000-8000-000000000000")),
            "continue" => Some(self.continue_token.clone()),
            _ => None,
        }
    }

    /// Text with numbered names in place of the uids and versions that are known.
    pub fn told(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (index, uid) in self.uids.iter().enumerate() {
            text = text.replace(uid, &format!("uid-{index}"));
        }
        // Shorter ones are not told apart from other numbers, nor are those that requests and messages say themselves.
        let told = |version: &str| version.len() > 2 && !["123", "299", "2020"].contains(&version);
        for (index, version) in self.versions.iter().enumerate().filter(|(_, version)| told(version)) {
            text = replace_word(&text, version, &format!("version-{index}"));
        }
        text
    }
}

fn numbered(seen: &mut Vec<String>, found: &str) -> usize {
    seen.iter().position(|one| one == found).unwrap_or_else(|| {
        seen.push(found.to_owned());
        seen.len() - 1
    })
}

/// Replaces `word` where no letter, digit or hyphen stands on either side: what stands between hyphens is part of a uid.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = &from[word.len()..];
        let joins = |c: char| c.is_alphanumeric() || c == '-';
        let whole = !before.ends_with(joins) && !after.starts_with(joins);
        out.push_str(before);
        out.push_str(if whole { by } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}
