//! Images: what is said to be in them is, and both ways to make them say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use super::metadata::{linked_into, root};

const CRATES: [&str; 2] = ["verdigris-controller", "verdigris-kubectl-plugin"];

#[test]
fn the_list_of_parts_names_what_is_linked_in_and_nothing_else() {
    for package in CRATES {
        let list = parts_of(package);
        assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
        assert_eq!(list["metadata"]["component"]["name"], package);
        let components = list["components"].as_array().unwrap();
        let cargo = |part: &&Value| part["purl"].as_str().is_some_and(|url| url.starts_with("pkg:cargo/"));
        let named: BTreeSet<String> =
            components.iter().filter(cargo).map(|part| part["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(named, linked_into(package), "{package}");
        let checksums = checksums();
        for part in components.iter().filter(cargo) {
            let (name, version) = (part["name"].as_str().unwrap(), part["version"].as_str().unwrap());
            let locked = checksums.get(&(name.to_owned(), version.to_owned()));
            assert_eq!(part["hashes"][0]["content"].as_str(), locked.map(String::as_str), "{name}");
            let licence = part["licenses"][0]["expression"].as_str().unwrap();
            assert!(
                !licence.is_empty() && !licence.contains('/'),
                "{name}: {licence:?} is no SPDX expression"
            );
            assert_eq!(part["purl"], format!("pkg:cargo/{name}@{version}"));
        }
        let rest: Vec<&Value> =
            components.iter().filter(|part| !cargo(part)).map(|part| &part["name"]).collect();
        assert!(rest.contains(&&"std".into()), "{rest:?}");
    }
}

#[test]
fn the_dockerfile_makes_what_the_script_assembles() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (dockerfile, script) = (read("images/Dockerfile"), read("images/assemble"));
    let (_, user) = script.split_once("\nuser=").unwrap();
    let user = user.lines().next().unwrap();
    let stages: Vec<&str> = dockerfile.split("\nFROM scratch AS ").skip(1).collect();
    assert_eq!(stages.len(), 2, "{dockerfile}");
    for (stage, program) in stages.iter().zip(["kubectl-rollouts", "verdigris-controller"]) {
        for line in [
            "\nARG COMMIT\n".to_owned(),
            "org.opencontainers.image.revision=\"${COMMIT}\"".to_owned(),
            format!("USER {user}"),
            format!("ENTRYPOINT [\"/{program}\"]"),
            format!("org.opencontainers.image.title=\"{program}\""),
            format!("org.opencontainers.image.version=\"{}\"", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(stage.contains(&line), "images/Dockerfile does not say {line:?} of {program}");
        }
    }
    let (_, builds) = dockerfile.split_once("\nFROM ${RUST} AS build").unwrap();
    let (builds, _) = builds.split_once("\nFROM scratch").unwrap();
    assert!(
        builds.contains("\nARG COMMIT\n") && builds.contains("VERDIGRIS_COMMIT=\"${COMMIT}\""),
        "{builds}"
    );
    assert!(script.contains(".revision\":\"%s\""), "{script}");
    let base = dockerfile.lines().find_map(|line| line.strip_prefix("ARG RUST=")).unwrap();
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    assert!(base.contains(&format!("rust:{wanted}")), "{base} is not the compiler {wanted} of Cargo.toml");
}

fn parts_of(package: &str) -> Value {
    let output = Command::new("bash")
        .arg("images/sbom")
        .arg(package)
        .current_dir(root())
        .output()
        .expect("bash starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("images/sbom writes JSON")
}

/// Cargo.lock's, by name and version.
fn checksums() -> BTreeMap<(String, String), String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        line.map(|value| value.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
        })
        .collect()
}
