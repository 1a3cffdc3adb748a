//! Failures in words.

use super::{answer::Answered, request::Asked};

/// What was unequal in a sequence.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What it is about, for telling failures apart: the same words for the same cause, mostly.
    pub about: String,
    /// All of it.
    pub words: String,
}

/// Tells a sequence that was played up to and with the request numbered `last`.
pub fn sequence(asked: &[Asked], last: usize) -> String {
    asked
        .iter()
        .take(last + 1)
        .enumerate()
        .map(|(index, asked)| format!("{}. {asked}\n", index + 1))
        .collect()
}

/// Tells two answers that should have been equal.
pub fn unequal(asked: &[Asked], last: usize, names: [&str; 2], answers: [&Answered; 2]) -> Failure {
    const LINES_MAX: usize = 12;
    let differences = super::answer::differences(answers[0], answers[1], LINES_MAX);
    let of = |answered: &Answered| match answered.body["message"].as_str() {
        Some(message) => format!("{} {message}", answered.code),
        None => answered.code.to_string(),
    };
    let shape = |difference: &String| {
        let (place, what) = difference.split_once(": ").unwrap_or((difference, ""));
        let what: String =
            if place.contains("message") { what.chars().take(80).collect() } else { String::new() };
        format!("{}{what}", place.replace(|c: char| c.is_ascii_digit(), "#"))
    };
    let about = differences.first().map(shape).unwrap_or_default();
    let asked_last = &asked[last];
    let kind = asked_last.path.split('/').rfind(|part| part.ends_with('s')).unwrap_or_default();
    let codes = if answers[0].code == answers[1].code {
        String::new()
    } else {
        format!("{}/{}", answers[0].code, answers[1].code)
    };
    Failure {
        about: format!("{} {} {kind} {codes} {about}", asked_last.method, asked_last.media),
        words: format!(
            "{}   {}: {}\n   {}: {}\n   differences ({} / {}):\n     {}\n",
            sequence(asked, last),
            names[0],
            of(answers[0]),
            names[1],
            of(answers[1]),
            names[0],
            names[1],
            differences.join("\n     "),
        ),
    }
}
