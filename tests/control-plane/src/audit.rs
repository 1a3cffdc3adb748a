//! The audit log: what was asked of the API, by whom, and what came of it.

use serde::Deserialize;

/// What kube-apiserver records: of every request one line, once it is answered.
pub(crate) const POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// `ResponseStarted` for a watch that goes on, else `ResponseComplete` or `Panic`.
    pub stage: String,
    /// Who asked.
    pub user: User,
    /// What it was about; nothing for paths like `/healthz`.
    #[serde(default)]
    pub object_ref: Option<ObjectRef>,
    /// What was answered.
    #[serde(default)]
    pub response_status: Option<Status>,
    /// Where it came from, the nearest last.
    #[serde(default, rename = "sourceIPs")]
    pub sources: Vec<String>,
    /// What the client calls itself.
    #[serde(default)]
    pub user_agent: String,
    /// When it arrived, by the server's clock: RFC 3339 with microseconds, so that texts compare as times do.
    #[serde(default, rename = "requestReceivedTimestamp")]
    pub received: String,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// For example `system:serviceaccount:verdigris:verdigris`.
    #[serde(default)]
    pub username: String,
}

/// What a request was about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// For example `replicasets`.
    pub resource: String,
    /// For example `status`.
    pub subresource: String,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
    /// Empty for the core group.
    pub api_group: String,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
}

impl Entry {
    /// The HTTP status code; 0 if none is recorded.
    pub fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// The resource with its subresource, like `rollouts/status`; the path where it is about none.
    pub fn resource(&self) -> String {
        match &self.object_ref {
            Some(object) if object.subresource.is_empty() => object.resource.clone(),
            Some(object) => format!("{}/{}", object.resource, object.subresource),
            None => self.uri.clone(),
        }
    }

    /// Whether the request could change anything: not a read, and no dry run.
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch" | "head" | "options")
            && !self.uri.contains("dryRun=")
    }
}

/// Reads the log. Its last line may be half written: the program is writing it.
pub(crate) fn parse(text: &str) -> crate::Result<Vec<Entry>> {
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = complete.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| crate::Error::Audit { line: index + 1, source })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_asked_for_what() {
        let line = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/web/status?fieldManager=x","verb":"patch","user":{"username":"system:serviceaccount:v:c","groups":["system:authenticated"]},"sourceIPs":["127.0.0.1"],"userAgent":"kube-rs","objectRef":{"resource":"rollouts","namespace":"n","name":"web","apiGroup":"argoproj.io","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"metadata":{},"code":403},"requestReceivedTimestamp":"2026-11-22T10:02:03.000004Z"}"#;
        let entries = parse(&format!("{line}\n{{\"half")).unwrap();
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        assert_eq!((entry.resource().as_str(), entry.code(), entry.writes()), ("rollouts/status", 403, true));
        assert_eq!(entry.received, "2026-11-22T10:02:03.000004Z");
        assert_eq!(
            (entry.user.username.as_str(), entry.sources.as_slice()),
            ("system:serviceaccount:v:c", &["127.0.0.1".to_owned()][..])
        );
    }
}
