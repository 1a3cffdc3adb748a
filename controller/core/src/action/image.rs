//! `set image`: another image for a container of the pod template.

use serde_json::Value;

/// Why no image was set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No container has that name. The peer's text, and which there are.
    #[error("unable to find container named \"{container}\" (there are {})", .known.join(", "))]
    NoSuchContainer {
        /// What was asked for.
        container: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// Sets the image of each container called `container` (`*`: of all) in `spec.template` of a Rollout or Deployment:
/// containers, init containers and ephemeral containers, as the peer does.
///
/// # Errors
/// If no container has that name.
pub fn set_image(object: &mut Value, container: &str, image: &str) -> Result<(), ImageError> {
    let mut known = Vec::new();
    let mut found = false;
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers =
            object.pointer_mut(&format!("/spec/template/spec/{list}")).and_then(Value::as_array_mut);
        for entry in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            if container == "*" || container == name {
                entry.insert("image".into(), image.into());
                found = true;
            }
            known.push(name);
        }
    }
    if found { Ok(()) } else { Err(ImageError::NoSuchContainer { container: container.into(), known }) }
}
