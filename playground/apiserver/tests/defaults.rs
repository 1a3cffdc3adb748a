//! What a real server makes of objects that leave most things out: ours must keep the same.
//!
//! `defaults.json` was recorded from Kubernetes 1.36.3; what differs from object to object (uids, times, versions) was
//! taken out.

use serde_json::Value;

use crate::common::World;

mod common;

const RECORDED: &str = include_str!("defaults.json");

#[test]
fn defaults_are_those_of_a_real_server() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let world = World::new();
    let objects = recorded["objects"].as_array().unwrap();
    assert!(objects.len() >= 20, "the recording is cut short: {}", objects.len());
    for object in objects {
        let path = object["path"].as_str().unwrap();
        let mut kept = world.ok("POST", path, object["given"].clone());
        let metadata = kept["metadata"].as_object_mut().unwrap();
        for field in ["uid", "creationTimestamp", "resourceVersion", "managedFields"] {
            metadata.remove(field);
        }
        assert_eq!(kept, object["kept"], "{path}");
    }
}
