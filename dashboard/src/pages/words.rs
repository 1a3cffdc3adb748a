//! Words and classes that pages share.

use jiff::{Timestamp, tz::TimeZone};
use verdigris_core::view::{Icon, Phase, PodView};

/// The style of a phase.
pub(crate) fn phase_class(phase: &Phase) -> &'static str {
    match phase {
        Phase::Healthy => "healthy",
        Phase::Degraded => "degraded",
        Phase::Progressing => "progressing",
        Phase::Paused => "paused",
        Phase::Other(name) => match name.as_str() {
            "Error" | "InvalidSpec" => "degraded",
            _ => "other",
        },
    }
}

/// The style of what an icon stands for.
pub(crate) fn icon_class(icon: Icon) -> &'static str {
    match icon {
        Icon::Ok => "healthy",
        Icon::Bad | Icon::Warning => "degraded",
        Icon::Progressing | Icon::Waiting => "progressing",
        Icon::Paused => "paused",
        Icon::Unknown | Icon::Neutral | Icon::Blank => "other",
    }
}

/// How a pod looks: one that runs but is not ready takes no traffic, so it is on its way, not well.
pub(crate) fn pod_look(pod: &PodView) -> (&'static str, Icon) {
    match (pod.ready, icon_class(pod.icon)) {
        (true, _) => ("healthy", Icon::Ok),
        (false, "healthy") => ("progressing", Icon::Progressing),
        (false, class) => (class, pod.icon),
    }
}

/// The sign of an icon as a path in a box of 16 by 16. Drawn rather than written, since many machines lack a font that
/// has `॥`.
pub(crate) fn sign(icon: Icon) -> &'static str {
    match icon {
        Icon::Ok => "M3.4 8.6l3.1 3.1 6.2-7",
        Icon::Bad => "M4.3 4.3l7.4 7.4M11.7 4.3l-7.4 7.4",
        Icon::Warning => "M8 2.4L14.2 13.4H1.8zM8 6.6v3M8 11.4v.1",
        Icon::Progressing => "M8 3a5 5 0 1 1-.01 0",
        Icon::Waiting => "M8 2.6a5.4 5.4 0 1 1-.01 0M8 5v3.2l2.2 1.4",
        Icon::Paused => "M5.7 3.8v8.4M10.3 3.8v8.4",
        Icon::Unknown => "M5.9 6a2.1 2.1 0 1 1 3 1.9c-.7.4-.9.7-.9 1.5M8 12v.1",
        Icon::Neutral => "M8 7.9v.2",
        Icon::Blank => "",
    }
}

/// `ghcr.io/gbaeke/super:1.0.2` is `super:1.0.2` where there is little room; a digest keeps its first digits.
pub(crate) fn short_image(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@{}", digest.chars().take(8).collect::<String>()),
        None => last.to_owned(),
    }
}

/// Cuts in the middle, because names differ at their ends: `dev-superapi-geba-5cd66` in 12 is `dev-s…-5cd66`.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= chars_max {
        return text.to_owned();
    }
    let kept = chars_max.saturating_sub(1);
    let (head, tail) = (kept - kept.div_ceil(2), kept.div_ceil(2));
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

/// `Paused` and `paused`: sentences that begin a line begin with a capital.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

/// The time of day; the page's titles carry the date.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// `1 pod`, `2 pods`.
pub(crate) fn pods(number: usize) -> String {
    if number == 1 { "1 pod".to_owned() } else { format!("{number} pods") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_short_and_still_told_apart() {
        assert_eq!(short_image("ghcr.io/gbaeke/super:1.0.2"), "super:1.0.2");
        assert_eq!(short_image("web"), "web");
        assert_eq!(short_image("r:5000/a/web@sha256:0123456789abcdef"), "web@01234567");
    }

    #[test]
    fn cutting_keeps_both_ends() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("abcdefghij", 5), "ab…ij");
        assert_eq!(cut("äöüäöüäöü", 4), "ä…öü");
        assert_eq!(cut("abc", 1), "…");
    }
}
