//! Files: not too long, nothing half done, nothing about the machine they were written on, and the documents exist.

use std::process::Command;

use super::metadata::root;

/// One idea a file. Past this, there are two in it.
const LINES_MAX: usize = 450;

/// In halves, so that this file does not contain them.
const BANNED: [(&str, &str); 8] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("unimple", "mented!"),
    ("/wo", "rk/"),
    ("../sha", "red"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
];

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "docs/compatibility.md",
    "docs/getting-started.md",
    "docs/playground.md",
    "charts/install.yaml",
];

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<String> = texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "split at an idea: {long:#?}");
}

#[test]
fn no_file_says_what_it_must_not() {
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let word =
                BANNED.iter().map(|(head, tail)| format!("{head}{tail}")).find(|word| line.contains(word));
            found.extend(word.map(|word| format!("{path}:{}: {word}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_document_exists_and_its_links_lead_somewhere() {
    for document in DOCUMENTS {
        assert!(root().join(document).is_file(), "{document} is missing");
    }
    for (path, text) in texts().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = root().join(&path).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://");
            assert!(elsewhere || folder.join(file).exists(), "{path} links to {link}, which is not there");
        }
    }
}

/// Every text file of the repository but recordings and the lockfile, by path.
fn texts() -> Vec<(String, String)> {
    let git =
        Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output();
    let listed = git.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let paths = match listed {
        Some(paths) => String::from_utf8_lossy(&paths).lines().map(str::to_owned).collect(),
        None => walk(),
    };
    let wanted = |path: &String| !path.contains("fixtures/") && path != "Cargo.lock" && path != "LICENSE";
    let read = |path: String| std::fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    paths.into_iter().filter(wanted).filter_map(read).collect()
}

/// For an unpacked archive, which is no git repository.
fn walk() -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if entry.path().is_dir() && name != "target" && name != ".git" {
                waiting.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(root()) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}
