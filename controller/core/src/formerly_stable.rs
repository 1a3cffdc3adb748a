//! The note on a ReplicaSet that it was promoted once and has kept its pods since: `2026-11-21T07:04:10Z revision 3`, when it was
//! replaced and which revision it is.
//!
//! Whoever brings a version back makes it the newest revision. We move the note along in the same write. Another controller
//! does not, and may have taken the pods away before: then the note speaks of a revision that this ReplicaSet is not any more.

const REVISION: &str = " revision ";

/// The note for a ReplicaSet of this revision.
pub(crate) fn note(since: &str, revision: u64) -> String {
    format!("{since}{REVISION}{revision}")
}

/// Whether the note speaks of a ReplicaSet of this revision. One that names none is the word of a person, and is taken.
pub(crate) fn holds(note: &str, revision: u64) -> bool {
    note.split_once(REVISION).is_none_or(|(_, noted)| noted == revision.to_string())
}

/// When it was replaced.
pub(crate) fn since(note: &str) -> &str {
    note.split_once(REVISION).map_or(note, |(since, _)| since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_holds_for_its_revision_and_a_persons_word_for_any() {
        let noted = note("2026-11-21T07:04:10Z", 3);
        assert_eq!(noted, "2026-11-21T07:04:10Z revision 3");
        assert_eq!(
            (holds(&noted, 3), holds(&noted, 4), since(&noted)),
            (true, false, "2026-11-21T07:04:10Z")
        );
        assert_eq!((holds("yes", 4), since("yes")), (true, "yes"));
    }
}
