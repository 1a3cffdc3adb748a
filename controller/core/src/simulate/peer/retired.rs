//! What the peer leaves of versions that it has retired, promoted ones and others.

use super::*;

/// The keys that say anything of a version, at this step of a recording.
fn marks(scenario: &str, step: usize, image: &str) -> Vec<String> {
    let cluster = recorded(&steps(scenario)[step].1);
    let seen = cluster.replica_sets.values().find(|seen| image_of(&cluster, seen) == image);
    seen.expect("a ReplicaSet").annotations.keys().cloned().collect()
}

fn image_of<'c>(cluster: &'c Cluster, seen: &ReplicaSetSeen) -> &'c str {
    let image = cluster.templates[&seen.name].pointer("/spec/containers/0/image");
    image.and_then(Value::as_str).unwrap_or_default()
}

/// So nothing can be derived from it, and both meet their gate; see `docs/compatibility.md`.
#[test]
fn a_version_that_was_promoted_and_one_that_was_given_up_look_the_same() {
    for (step, state) in [(2, "warm"), (3, "cold")] {
        let promoted = marks("manual", step, "example/app:1");
        let given_up = marks("update-in-update", step, "example/app:2");
        assert_eq!(promoted, given_up, "{state}");
    }
}

#[test]
fn what_the_peer_retired_meets_its_gate_unless_somebody_says_that_it_was_promoted() {
    for (image, says_so, phase) in [
        // Never promoted: the peer would let it through.
        ("example/app:2", false, "Paused"),
        ("example/app:1", false, "Paused"),
        ("example/app:1", true, "Healthy"),
    ] {
        let taken_over = steps("update-in-update").pop().expect("a last step").1;
        let mut cluster = recorded(&taken_over);
        if says_so {
            let name = cluster.replica_sets.values().find(|seen| image_of(&cluster, seen) == image);
            let name = name.expect("a ReplicaSet").name.clone();
            let seen = cluster.replica_sets.get_mut(&name).expect("a ReplicaSet");
            seen.annotations.insert(keys::ONCE_STABLE.to_owned(), cluster.now.to_string());
        }
        cluster.apply(&json!({"rollbackWindow": {"revisions": 3}}));
        cluster.wait(60);
        assert_eq!(cluster.phase(), ("Healthy", ""));
        cluster.set_image(image);
        cluster.wait(10);
        assert_eq!(cluster.phase().0, phase, "{image}");
    }
}
