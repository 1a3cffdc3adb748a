//! What rights our controller used on the real Kubernetes of all scenarios of a run, added up over their processes.
//!
//! `tests/run` names a folder; each control plane leaves there what its audit log says; the test program `rights` compares the
//! sum with the role that we ship.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;
use verdigris_control_plane::audit;

/// The variable that names the folder.
pub const FOLDER: &str = "VERDIGRIS_RIGHTS_USED";

/// One thing that a role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The API group; empty for the core.
    pub group: String,
    /// The resource, with its subresource: `rollouts/status`.
    pub resource: String,
    /// For example `patch`.
    pub verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.group, self.resource)
    }
}

/// All that a role's rules allow.
pub fn allowed(role: &Value) -> BTreeSet<Right> {
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let list = rule[field].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    rights.insert(Right { group: group.clone(), resource: resource.clone(), verb });
                }
            }
        }
    }
    rights
}

/// Leaves what was asked and allowed in the folder, where there is one.
///
/// # Errors
/// If it cannot be written.
pub fn leave(asked: &[audit::Entry]) -> std::io::Result<()> {
    let used: BTreeSet<Right> =
        asked.iter().filter(|entry| !matches!(entry.code(), 401 | 403)).filter_map(right).collect();
    leave_all(&used)
}

/// Leaves a right that no request asks for, and without which an admission refused what was asked: that is in no audit log.
///
/// # Errors
/// If it cannot be written.
pub fn leave_needed(right: Right) -> std::io::Result<()> {
    leave_all(&BTreeSet::from([right]))
}

fn leave_all(used: &BTreeSet<Right>) -> std::io::Result<()> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return Ok(()) };
    let lines: String = used.iter().map(|right| format!("{right}\n")).collect();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{}-{number}", std::process::id())), lines)
}

/// What all scenarios used, one line each, and how many left something.
///
/// # Errors
/// If there is no folder, or it cannot be read.
pub fn used() -> anyhow::Result<(BTreeSet<String>, usize)> {
    use anyhow::Context as _;
    let folder = std::env::var_os(FOLDER)
        .with_context(|| format!("{FOLDER} is not set: run this as a part of `bash tests/run real`"))?;
    let (mut used, mut count) = (BTreeSet::new(), 0);
    for file in std::fs::read_dir(&folder).context("reading what the scenarios left")? {
        let text = std::fs::read_to_string(file?.path()).context("reading what a scenario left")?;
        used.extend(text.lines().map(str::to_owned));
        count += 1;
    }
    Ok((used, count))
}

fn right(entry: &audit::Entry) -> Option<Right> {
    let object = entry.object_ref.as_ref()?;
    Some(Right { group: object.api_group.clone(), resource: entry.resource(), verb: entry.verb.clone() })
}
