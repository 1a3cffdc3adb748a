//! An approval: somebody said yes to one version, by its hash, at one revision.
//!
//! It is the value of the annotation [`verdigris_crds::keys::APPROVAL`] on the Rollout, written by our clients beside
//! the stock promote (`status.pauseConditions: null`). Because it names the version, a promote that was meant for one
//! template can never promote the next: one for a superseded hash or revision is refused, in words.
//!
//! Clients write the annotation first. It is enough by itself; clearing the pause as well, for controllers that do not
//! know it, must be a JSON patch that begins with `test /status/currentPodHash`, or it could clear the next pause.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use verdigris_crds::Condition;

/// Who said yes, to what, and when.
///
/// ```
/// let text = r#"{"hash":"5cd66ff7ff","revision":2,"user":"anna","at":"2026-11-21T07:04:20Z","by":"kubectl-rollouts"}"#;
/// let approval = verdigris_core::approval::Approval::parse(text)?;
/// assert_eq!(approval.revision, Some(2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The pod template hash that is meant: `status.currentPodHash` as the user saw it.
    pub hash: String,
    /// The revision that is meant (annotation `rollout.argoproj.io/revision` of the ReplicaSet). An approval without
    /// one is refused: it could be spent twice, when a version comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The user as the client knows them (kubeconfig user, SelfSubjectReview). Nobody has verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The client that wrote it, for example `kubectl-rollouts` or `dashboard`.
    #[serde(default)]
    pub by: String,
}

impl Approval {
    /// Reads the value of the annotation.
    ///
    /// # Errors
    /// If it is not the JSON of an approval; the text of the error says where.
    pub fn parse(annotation: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(annotation)
    }

    /// The value of the annotation.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The approval in words; the condition [`verdigris_crds::keys::APPROVAL_CONDITION`] begins with them.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { hash, by, .. } = self;
        let revision =
            self.revision.map_or_else(|| "no revision".to_owned(), |number| format!("revision {number}"));
        let user = self.user.as_deref().unwrap_or("somebody");
        let at = self.at.map_or_else(String::new, |at| format!(" at {at}"));
        let by = if by.is_empty() { "an unnamed client" } else { by };
        format!("Approval of {hash} ({revision}) by {user}, unverified, through {by}{at}")
    }

    /// Whether the condition says that this very approval has been used up or taken back.
    #[must_use]
    pub fn is_over(&self, condition: Option<&Condition>) -> bool {
        condition.is_some_and(|condition| {
            matches!(condition.reason.as_str(), "Spent" | "Withdrawn")
                && condition.message.starts_with(&self.describe())
        })
    }

    /// Whether it names exactly this version at exactly this revision.
    #[must_use]
    pub fn is_for(&self, hash: &str, revision: u64) -> bool {
        self.hash == hash && self.revision == Some(revision)
    }
}

/// How the condition's message ends while an approved version grows from its preview size to its full size.
pub(crate) const GROWS: &str = ": it grows to its full size first";

/// The approval in words that the condition keeps for this version at this revision, if that was neither spent nor
/// withdrawn. What the stock client wrote is gone by then.
pub(crate) fn recorded(condition: &Condition, hash: &str, revision: u64) -> Option<String> {
    let text = condition.message.strip_suffix(GROWS)?;
    let is_meant = text.starts_with(&format!("Approval of {hash} (revision {revision}) "));
    (condition.reason == "Approved" && is_meant).then(|| text.to_owned())
}

/// What the annotation says about one version at one revision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// There is none, or it is about the past.
    Nothing,
    /// It approves this version, and has not been used up.
    Approves(Approval),
    /// It approves something else, or nothing that can be read; the text says so.
    Refused(String),
}

/// Reads the annotation. `since` is when the update in progress began: an approval that is older and names another
/// version is history; one that is younger was meant for something that is no longer there.
pub(crate) fn standing(
    annotation: Option<&str>,
    condition: Option<&Condition>,
    (hash, revision): (&str, u64),
    since: Option<Timestamp>,
) -> Standing {
    let Some(annotation) = annotation else { return Standing::Nothing };
    let approval = match Approval::parse(annotation) {
        Ok(approval) => approval,
        Err(error) => {
            return Standing::Refused(format!(
                "Approval refused: the annotation verdigris.dev/approval cannot be read ({error}); write \
                 {{\"hash\":\"{hash}\",\"revision\":{revision}}}"
            ));
        }
    };
    if approval.is_over(condition) {
        return Standing::Nothing;
    }
    if approval.is_for(hash, revision) {
        return Standing::Approves(approval);
    }
    if approval.at.is_none_or(|at| since.is_none_or(|since| at < since)) {
        return Standing::Nothing;
    }
    let described = approval.describe();
    Standing::Refused(format!("{described} refused: the update in progress is {hash} (revision {revision})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_wrote() {
        let approval = Approval {
            hash: "h2".into(),
            revision: Some(2),
            user: Some("anna".into()),
            at: Timestamp::from_second(0).ok(),
            by: "kubectl-rollouts".into(),
        };
        assert_eq!(Approval::parse(&approval.to_annotation()).ok(), Some(approval));
    }

    #[test]
    fn it_is_for_one_hash_and_one_revision() {
        let approval = Approval::parse(r#"{"hash":"h2","revision":2}"#).expect("an approval");
        assert!(approval.is_for("h2", 2));
        assert!(!approval.is_for("h2", 4), "the same version came back as revision 4");
        assert!(!approval.is_for("h3", 2));
        let unnumbered = Approval::parse(r#"{"hash":"h2"}"#).expect("an approval");
        assert!(!unnumbered.is_for("h2", 2));
    }
}
