//! Of what our role allows nothing is idle: each right was used by a scenario on a real Kubernetes, or has its reason here.
//! `tests/run` runs this after those.

use std::collections::BTreeMap;

use verdigris_tests::rights::{allowed, used};

/// Rights that no scenario on a real Kubernetes uses each time, and why we ask for them all the same.
const SELDOM: [(&str, &str); 1] =
    [("get apps replicasets", "ends a wait for a cache that does not come to show a write: by chance")];

#[test]
fn every_right_of_the_role_is_used_or_has_its_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/kustomize/controller");
    let rights = ["cluster-role.yaml", "lease-role.yaml"].into_iter().flat_map(|file| {
        let role = std::fs::read_to_string(format!("{folder}/{file}")).expect(file);
        allowed(&serde_saphyr::from_str(&role).expect(file))
    });
    let (used, scenarios) = used().unwrap();
    assert!(scenarios > 10, "only {scenarios} control planes left what they saw");
    let reasons = BTreeMap::from(SELDOM);
    let mut wrong = Vec::new();
    for right in rights {
        let right = right.to_string();
        if !used.contains(&right) && !reasons.contains_key(right.as_str()) {
            wrong.push(format!("no scenario uses the right to {right}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} rights used by {scenarios} clusters", used.len());
}
