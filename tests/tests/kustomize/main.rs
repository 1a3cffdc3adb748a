//! Our two files for kustomize, at work in small kustomizations (`tests/fixtures/kustomize/`), built by `kubectl kustomize`.

mod case;
mod schema;

use case::read_cases;

#[test]
fn what_a_rollout_names_is_renamed_in_it() {
    play(include_str!("../../fixtures/kustomize/names.txt"));
}

#[test]
fn pods_find_what_they_use() {
    play(include_str!("../../fixtures/kustomize/pods.txt"));
}

#[test]
fn labels_and_annotations_reach_pods_and_selectors() {
    play(include_str!("../../fixtures/kustomize/labels.txt"));
}

#[test]
fn patches_merge_lists() {
    play(include_str!("../../fixtures/kustomize/patches.txt"));
}

#[test]
fn kustomizations_over_kustomizations() {
    play(include_str!("../../fixtures/kustomize/layers.txt"));
}

/// Builds every case of a file, some with the peer's transformer as well, and tells of all that came out otherwise.
fn play(text: &str) {
    let cases = read_cases(text);
    assert!(cases.len() > 5, "the cases were not understood");
    let mut wrong = Vec::new();
    for case in &cases {
        for transformer in case.transformers() {
            wrong.extend(case.build_and_compare(transformer).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
