//! How a simulated container behaves, told by its image's name.

/// What running the image looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It runs and answers.
    Runs,
    /// It exits at once, again and again.
    Crashes,
    /// It runs, answers with errors, and never becomes ready.
    NeverReady,
    /// There is no such image.
    CannotBePulled,
}

/// Reads the behaviour off an image reference: an image named `missing` cannot be pulled, a tag that is `bad` or ends
/// in `bad` crashes, a tag that ends in `-error` never becomes ready. The registry and path before the name, and a
/// digest after the tag, do not matter.
pub(super) fn behaviour(image: &str) -> Behaviour {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let (name, tag) = last.split_once(':').unwrap_or((last, "latest"));
    match tag {
        _ if name == "missing" => Behaviour::CannotBePulled,
        _ if tag.ends_with("bad") => Behaviour::Crashes,
        _ if tag.ends_with("-error") => Behaviour::NeverReady,
        _ => Behaviour::Runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_name_tells_the_behaviour() {
        let cases = [
            ("ghcr.io/gbaeke/super:1.0.2", Behaviour::Runs),
            ("super", Behaviour::Runs),
            ("super:bad", Behaviour::Crashes),
            ("localhost:5000/team/super:2.0-bad", Behaviour::Crashes),
            ("super:bad@sha256:0123", Behaviour::Crashes),
            ("bad:1.0", Behaviour::Runs),
            ("super:1.0-error", Behaviour::NeverReady),
            ("missing", Behaviour::CannotBePulled),
            ("ghcr.io/team/missing:1.0", Behaviour::CannotBePulled),
            ("ghcr.io/missing/super:1.0", Behaviour::Runs),
        ];
        for (image, expected) in cases {
            assert_eq!(behaviour(image), expected, "{image}");
        }
    }
}
