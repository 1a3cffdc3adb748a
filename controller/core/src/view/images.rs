//! Which images run, and in which roles.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ReplicaSetView, Tag};

/// An image that runs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageView {
    /// The image, as the pod template names it.
    pub image: String,
    /// The roles of the ReplicaSets that run it.
    pub tags: Vec<Tag>,
}

/// Images of ReplicaSets that have pods, sorted. As the peer does, the roles of one ReplicaSet keep their order;
/// roles that come together from several are sorted by name.
pub(super) fn running(replica_sets: &[ReplicaSetView]) -> Vec<ImageView> {
    let mut images: BTreeMap<&str, Vec<Tag>> = BTreeMap::new();
    for set in replica_sets.iter().filter(|set| set.replicas > 0) {
        for image in &set.images {
            match images.get_mut(image.as_str()) {
                None => {
                    images.insert(image, set.tags.clone());
                }
                Some(tags) if set.tags.iter().any(|tag| !tags.contains(tag)) => {
                    tags.extend(&set.tags);
                    tags.sort_by_key(|tag| tag.as_str());
                    tags.dedup();
                }
                Some(_) => {}
            }
        }
    }
    images.into_iter().map(|(image, tags)| ImageView { image: image.to_owned(), tags }).collect()
}
