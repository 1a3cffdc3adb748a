//! Which crate may know which: ARCHITECTURE.md says it in words.

use super::metadata::linked_into;

/// Crate, and the crates of ours that it may be built from.
const ARROWS: [(&str, &[&str]); 12] = [
    ("verdigris-crds", &[]),
    ("verdigris-core", &["verdigris-crds"]),
    ("verdigris-connection", &[]),
    ("verdigris-controller", &["verdigris-connection", "verdigris-core", "verdigris-crds"]),
    ("verdigris-dashboard", &["verdigris-core", "verdigris-crds"]),
    (
        "verdigris-kubectl-plugin",
        &["verdigris-connection", "verdigris-core", "verdigris-crds", "verdigris-dashboard"],
    ),
    ("verdigris-playground-apiserver", &[]),
    ("verdigris-playground-streams", &[]),
    ("verdigris-playground-cluster", &["verdigris-playground-streams"]),
    ("verdigris-control-plane", &[]),
    (
        "verdigris-playground",
        &[
            "verdigris-connection",
            "verdigris-controller",
            "verdigris-core",
            "verdigris-crds",
            "verdigris-dashboard",
            "verdigris-kubectl-plugin",
            "verdigris-playground-apiserver",
            "verdigris-playground-cluster",
            "verdigris-playground-streams",
        ],
    ),
    (
        "verdigris-conformance",
        &[
            "verdigris-connection",
            "verdigris-control-plane",
            "verdigris-controller",
            "verdigris-core",
            "verdigris-crds",
            "verdigris-dashboard",
            "verdigris-kubectl-plugin",
            "verdigris-playground",
            "verdigris-playground-apiserver",
            "verdigris-playground-cluster",
            "verdigris-playground-streams",
        ],
    ),
];

/// Whatever can wait, talk, tell the time or throw dice.
const IMPURE: [&str; 9] =
    ["tokio", "hyper", "tower", "kube-client", "kube-runtime", "rustls", "fastrand", "futures", "tracing"];

#[test]
fn no_crate_knows_more_of_ours_than_its_arrows_say() {
    for (package, allowed) in ARROWS {
        for dependency in linked_into(package) {
            let fine = !dependency.starts_with("verdigris") || allowed.contains(&dependency.as_str());
            assert!(fine, "{package} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_core_and_the_types_are_pure() {
    for package in ["verdigris-crds", "verdigris-core", "verdigris-playground-streams"] {
        let linked = linked_into(package);
        let impure: Vec<_> = IMPURE.iter().filter(|name| linked.contains(**name)).collect();
        assert!(impure.is_empty(), "{package} is built from {impure:?}");
    }
}
