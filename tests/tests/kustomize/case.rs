//! One rule of what kustomize makes of a Rollout, and how such rules are written down:
//!
//! ```text
//! == A Service that is named by a Rollout takes the prefix
//! also with the peer's transformer
//! @@ kustomization.yaml
//! namePrefix: dev-
//! @@ resources.yaml
//!  apiVersion: v1
//!  kind: Service
//! -metadata: {name: active}
//! +metadata: {name: dev-active}
//! ```
//!
//! What a `resources.yaml` shows is a difference: with the lines marked `-` it is what is given to kustomize, with those
//! marked `+` it is what must come out, all of it and nothing else. Objects have no more fields than the rule needs.
//! A kustomization names `resources.yaml`, the transformer and the OpenAPI schema, unless it says something of these itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Which file a kustomization names under `configurations:`.
#[derive(Clone, Copy, Debug)]
pub enum Transformer {
    Ours,
    Peers,
}

/// Files that lie beside every kustomization: ours, and the peer's transformer as data.
const BESIDE: [(&str, &str); 3] = [
    ("rollout-transformer.yaml", include_str!("../../../charts/kustomize/rollout-transformer.yaml")),
    ("rollout-openapi.yaml", include_str!("../../../charts/kustomize/rollout-openapi.yaml")),
    ("peers-transformer.json", include_str!("../../fixtures/peer/api/kustomize-transformer-v5.json")),
];

const ALSO_PEERS: &str = "also with the peer's transformer";

pub struct Case<'a> {
    rule: &'a str,
    also_peers: bool,
    /// By path in the case's folder.
    files: Vec<(&'a str, &'a str)>,
}

/// The cases of a file. What stands before the first says what they are about.
pub fn read_cases(text: &str) -> Vec<Case<'_>> {
    text.split("\n== ").skip(1).map(read_case).collect()
}

fn read_case(text: &str) -> Case<'_> {
    let mut parts = text.split("\n@@ ");
    let mut head = parts.next().unwrap_or_default().lines();
    let rule = head.next().unwrap_or_default();
    let also_peers = head.any(|line| line == ALSO_PEERS);
    let files = parts.map(|part| part.split_once('\n').unwrap_or((part, ""))).collect();
    Case { rule, also_peers, files }
}

impl Case<'_> {
    pub fn transformers(&self) -> impl Iterator<Item = Transformer> + use<> {
        [Transformer::Ours].into_iter().chain(self.also_peers.then_some(Transformer::Peers))
    }

    /// Builds the kustomization; an error says what came out otherwise than the rule says.
    pub fn build_and_compare(&self, transformer: Transformer) -> Result<(), String> {
        let folder = self.lay_out(transformer);
        let built = Command::new("kubectl").arg("kustomize").arg(&folder).output();
        let built = built.expect("kubectl is on the PATH (`bash tests/run e2e` sees to it)");
        fs::remove_dir_all(&folder).expect("the case's folder can be removed");
        let about = format!("{} (transformer: {transformer:?})", self.rule);
        if !built.status.success() {
            return Err(format!("{about}: kubectl says {}", String::from_utf8_lossy(&built.stderr)));
        }
        let found = documents(&String::from_utf8_lossy(&built.stdout));
        let resources = self.files.iter().filter(|(path, _)| is_difference(path));
        let expected = resources.flat_map(|(_, text)| documents(&side(text, '+'))).collect::<Vec<_>>();
        let (missing, other) = (only_in(&expected, &found), only_in(&found, &expected));
        if expected.len() == found.len() && missing.is_empty() {
            return Ok(());
        }
        Err(format!("{about}: expected{missing}\nbut found{other}"))
    }

    /// Writes the case's files into a folder of its own.
    fn lay_out(&self, transformer: Transformer) -> PathBuf {
        let words: String = self.rule.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kustomize-{words}-{transformer:?}"));
        for (path, text) in &self.files {
            let path = folder.join(path);
            let beside = path.parent().unwrap_or(&folder);
            fs::create_dir_all(beside).expect("a folder under target");
            let text = if is_difference(&path.to_string_lossy()) {
                side(text, '-')
            } else {
                for (name, content) in BESIDE {
                    fs::write(beside.join(name), content).expect("a file under target");
                }
                complete(text, transformer)
            };
            fs::write(&path, text).expect("a file under target");
        }
        folder
    }
}

/// The objects that only the first of two lists has, one a line.
fn only_in(these: &[Value], those: &[Value]) -> String {
    these.iter().filter(|one| !those.contains(one)).map(|one| format!("\n  {one}")).collect()
}

fn is_difference(path: &str) -> bool {
    path.ends_with("resources.yaml")
}

/// One side of a difference: what both sides have, and the lines of this mark.
fn side(difference: &str, mark: char) -> String {
    let lines = difference.lines().filter_map(|line| line.strip_prefix([' ', mark]));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The kustomization with what it does not say itself.
fn complete(kustomization: &str, transformer: Transformer) -> String {
    let configurations = match transformer {
        Transformer::Ours => "[rollout-transformer.yaml]",
        Transformer::Peers => "[peers-transformer.json]",
    };
    let usual = [
        ("resources:", "[resources.yaml]"),
        ("configurations:", configurations),
        ("openapi:", "{path: rollout-openapi.yaml}"),
    ];
    let unsaid = usual.iter().filter(|(key, _)| !kustomization.lines().any(|line| line.starts_with(key)));
    unsaid.fold(format!("{kustomization}\n"), |text, (key, value)| format!("{text}{key} {value}\n"))
}

fn documents(yaml: &str) -> Vec<Value> {
    let read = serde_saphyr::from_multiple::<Value>(yaml);
    let read = read.unwrap_or_else(|error| panic!("no YAML: {error}\n{yaml}"));
    read.into_iter().filter(|document| !document.is_null()).collect()
}
