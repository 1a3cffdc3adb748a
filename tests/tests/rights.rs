//! Of what our role allows nothing is idle: each right was used by a scenario on a real Kubernetes, or has its reason here.
//! `tests/run` runs this after those.

use std::collections::BTreeMap;

use verdigris_tests::rights::{allowed, used};

/// Rights that no scenario can use, and why we ask for them all the same.
const UNUSED: [(&str, &str); 1] = [(
    "update argoproj.io rollouts/finalizers",
    "never asked for by a request: admission (OwnerReferencesPermissionEnforcement) looks for it when a ReplicaSet's owner \
     reference blocks the deletion of its Rollout",
)];

#[test]
fn every_right_of_the_role_is_used_or_has_its_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/kustomize/controller");
    let rights = ["cluster-role.yaml", "lease-role.yaml"].into_iter().flat_map(|file| {
        let role = std::fs::read_to_string(format!("{folder}/{file}")).expect(file);
        allowed(&serde_saphyr::from_str(&role).expect(file))
    });
    let (used, scenarios) = used().unwrap();
    assert!(scenarios > 10, "only {scenarios} control planes left what they saw");
    let reasons = BTreeMap::from(UNUSED);
    let mut wrong = Vec::new();
    for right in rights {
        let right = right.to_string();
        match (used.contains(&right), reasons.contains_key(right.as_str())) {
            (false, false) => wrong.push(format!("no scenario uses the right to {right}")),
            (true, true) => wrong.push(format!("the right to {right} is used after all")),
            (true, false) | (false, true) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} rights used by {scenarios} clusters", used.len());
}
