//! Of what our role allows nothing is idle: each right was used by a scenario on a real Kubernetes, or has its reason here.
//! `tests/run` runs this after those.

use std::collections::BTreeMap;

use verdigris_tests::rights::{allowed, used};

/// Rights that no scenario on a real Kubernetes uses each time, and why we ask for them all the same.
const SELDOM: [(&str, &str); 10] = [
    (
        "update argoproj.io rollouts/finalizers",
        "never asked for by a request: admission (OwnerReferencesPermissionEnforcement) looks for it when a ReplicaSet's owner \
         reference blocks the deletion of its Rollout",
    ),
    ("get apps replicasets", "ends a wait for a cache that does not come to show a write: by chance"),
    ("get  services", "ends a wait for a cache that does not come to show a write: by chance"),
    ("get argoproj.io analysisruns", "ends a wait for a cache that does not come to show a write: by chance"),
    ("delete apps replicasets", "history limits, which the simulated scenarios reach"),
    ("delete argoproj.io analysisruns", "history limits, which the simulated scenarios reach"),
    (
        "patch argoproj.io analysisruns",
        "ends a run whose update was aborted, which the simulated scenarios do",
    ),
    ("list  podtemplates", "a workloadRef that names a PodTemplate, which the controller's own tests have"),
    ("watch  podtemplates", "as its list"),
    ("get  podtemplates", "as its list"),
];

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
