//! What `cargo metadata` says of the workspace and its dependencies.

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use serde_json::Value;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace's folder")
}

pub fn read() -> Value {
    serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked"]))
        .expect("cargo writes JSON")
}

/// Everything that `package` is built from when it is built alone; what only its tests, its build scripts or macros use
/// is not counted.
pub fn linked_into(package: &str) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "-p", package]);
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}
