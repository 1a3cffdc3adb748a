//! An approval: somebody said yes to one version, by its hash, at one revision.
//!
//! It is the value of the annotation [`verdigris_crds::keys::APPROVAL`] on the Rollout, written by our clients beside
//! the stock promote (`status.pauseConditions: null`). Because it names the version, a promote that was meant for one
//! template can never promote the next: one for a superseded hash or revision is refused, in words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

    /// Whether it names exactly this version at exactly this revision.
    #[must_use]
    pub fn is_for(&self, hash: &str, revision: u64) -> bool {
        self.hash == hash && self.revision == Some(revision)
    }
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
