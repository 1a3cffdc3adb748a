//! When the preview Service shows a new version.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris_crds::keys;

use super::{deployed, shop};
use crate::simulate::Cluster;

fn when_ready(cluster: &mut Cluster) {
    let annotation = (keys::PREVIEW_SWITCH.to_owned(), Some("whenReady".to_owned()));
    cluster.annotate(BTreeMap::from([annotation]));
}

/// A healthy shop whose preview waits for pods.
fn patient(strategy: &Value) -> Cluster {
    let mut cluster = deployed(strategy);
    when_ready(&mut cluster);
    cluster
}

fn previewed(cluster: &Cluster) -> &str {
    cluster.services["app-preview"].hash().unwrap_or_default()
}

#[test]
fn a14_preview_is_pointed_at_a_ready_stack_only() {
    let mut cluster = patient(&json!({}));
    cluster.set_image("example/app:2");
    cluster.wait(1);
    assert_eq!(previewed(&cluster), cluster.hash(1));
    assert_eq!(cluster.status().blue_green.and_then(|it| it.preview_selector), Some(cluster.hash(1)));
    cluster.wait(1);
    assert_eq!(previewed(&cluster), cluster.hash(2));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.told("service 'app-preview'"), 2, "the first deploy, and this update");
}

#[test]
fn a14_the_first_version_is_shown_when_it_is_ready() {
    let mut cluster = shop(&json!({}));
    when_ready(&mut cluster);
    cluster.wait(1);
    assert_eq!(previewed(&cluster), "");
    cluster.wait(1);
    assert_eq!(previewed(&cluster), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn a14_a_version_that_is_overtaken_is_shown_until_the_next_is_ready() {
    let mut cluster = patient(&json!({}));
    cluster.set_image("example/app:2");
    cluster.wait(3);
    cluster.settings.never_ready = "app:3".into();
    cluster.set_image("example/app:3");
    cluster.wait(100);
    assert_eq!(previewed(&cluster), cluster.hash(2));
    assert_eq!(cluster.sizes(), [(1, 2), (2, 2), (3, 2)].into());
    cluster.settings.never_ready = String::new();
    cluster.wait(0);
    assert_eq!(previewed(&cluster), cluster.hash(3));
    cluster.wait(6);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 0), (3, 2)].into());
}

#[test]
fn a14_after_an_abort_it_shows_what_is_stable_until_a_retry_is_ready() {
    let mut cluster = patient(&json!({"abortScaleDownDelaySeconds": 5}));
    cluster.set_image("example/app:2");
    cluster.wait(3);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(0);
    assert_eq!(previewed(&cluster), cluster.hash(1));
    cluster.wait(10);
    cluster.steer(|status| status.abort = Some(false));
    cluster.wait(1);
    assert_eq!(previewed(&cluster), cluster.hash(1));
    cluster.wait(1);
    assert_eq!(previewed(&cluster), cluster.hash(2));
}

#[test]
fn a14_once_shown_it_stays_whatever_its_pods_do() {
    let mut cluster = patient(&json!({}));
    cluster.set_image("example/app:2");
    cluster.wait(3);
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 2);
    cluster.wait(10);
    assert_eq!(previewed(&cluster), cluster.hash(2));
}

#[test]
fn a14_a_preview_size_is_enough_to_be_shown() {
    let mut cluster = patient(&json!({"previewReplicaCount": 1}));
    cluster.set_image("example/app:2");
    cluster.wait(2);
    assert_eq!(previewed(&cluster), cluster.hash(2));
}

#[test]
fn without_the_annotation_it_is_shown_at_once_even_after_an_abort() {
    let mut cluster = deployed(&json!({"abortScaleDownDelaySeconds": 1}));
    cluster.set_image("example/app:2");
    cluster.wait(0);
    assert_eq!(previewed(&cluster), cluster.hash(2));
    cluster.wait(3);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(10);
    assert_eq!(cluster.set(2).replicas_wanted, 0);
    assert_eq!(previewed(&cluster), cluster.hash(2), "as by the peer");
}

#[test]
fn a_word_that_is_not_known_is_named_and_changes_nothing() {
    let mut cluster = deployed(&json!({}));
    cluster.annotate(BTreeMap::from([(keys::PREVIEW_SWITCH.to_owned(), Some("ready".to_owned()))]));
    cluster.set_image("example/app:2");
    cluster.wait(0);
    assert_eq!(previewed(&cluster), cluster.hash(2));
    let (_, _, message) = cluster.condition(keys::NOT_HONOURED).expect("a condition");
    let named = "metadata.annotations[verdigris.dev/preview-switch]: \"ready\" (write whenReady)";
    assert!(message.contains(named), "{message}");
}
