//! `get rollout`: a Rollout as a heading and a tree, in the peer's layout.

use verdigris_core::view::{ImageView, PodView, ReplicaSetView, RolloutView, Tag};

use crate::{
    columns::{self, Cell, LastCell},
    paint::{Colour, Paint, of_icon, of_tag},
};

const ROLLOUT: &str = "⟳";
const REVISION: &str = "#";
const REPLICA_SET: &str = "⧉";
const POD: &str = "□";

/// The lines of heading and tree.
pub fn lines(view: &RolloutView, paint: Paint) -> Vec<String> {
    let mut lines = heading(view, paint);
    lines.push(String::new());
    lines.extend(columns::lines(&rows(view, paint), &mut Vec::new(), LastCell::AsItIs));
    lines
}

fn heading(view: &RolloutView, paint: Paint) -> Vec<String> {
    let status = format!("{} {}", paint.paint(of_icon(view.icon), view.icon.symbol()), view.phase);
    let mut lines =
        vec![entry("Name:", &view.name), entry("Namespace:", &view.namespace), entry("Status:", &status)];
    if !view.message.is_empty() {
        lines.push(entry("Message:", &view.message));
    }
    lines.push(entry("Strategy:", view.strategy.as_str()));
    if let Some(canary) = &view.canary {
        lines.extend(canary.step.as_ref().map(|step| entry("  Step:", step)));
        lines.push(entry("  SetWeight:", &canary.set_weight.to_string()));
        lines.push(entry("  ActualWeight:", &canary.actual_weight.to_string()));
    }
    let images = view.images.iter().enumerate();
    lines.extend(
        images.map(|(index, view)| entry(if index == 0 { "Images:" } else { "" }, &image(view, paint))),
    );
    lines.push("Replicas:".into());
    let replicas = &view.replicas;
    for (key, count) in [
        ("  Desired:", replicas.desired),
        ("  Current:", replicas.current),
        ("  Updated:", replicas.updated),
        ("  Ready:", replicas.ready),
        ("  Available:", replicas.available),
    ] {
        lines.push(entry(key, &count.to_string()));
    }
    lines
}

fn entry(key: &str, value: &str) -> String {
    format!("{key:<17}{value}")
}

fn image(view: &ImageView, paint: Paint) -> String {
    if view.tags.is_empty() {
        return view.image.clone();
    }
    let tags: Vec<String> = view.tags.iter().map(|tag| paint.paint(of_tag(*tag), tag.as_str())).collect();
    format!("{} ({})", view.image, tags.join(", "))
}

fn rows(view: &RolloutView, paint: Paint) -> Vec<Vec<Cell>> {
    let mut rows = vec![
        ["NAME", "KIND", "STATUS", "AGE", "INFO"].map(Cell::from).to_vec(),
        vec![
            format!("{ROLLOUT} {}", view.name).into(),
            "Rollout".into(),
            status(paint, of_icon(view.icon), view.icon.symbol(), view.phase.as_str()),
            view.age.clone().into(),
            Cell::default(),
        ],
    ];
    for (revision, is_last) in with_last(&view.revisions) {
        let (branch, below) = branches("", is_last);
        let name = format!("{branch}{REVISION} revision:{}", revision.number);
        rows.push(vec![name.into(), Cell::default(), Cell::default(), Cell::default(), Cell::default()]);
        for (set, is_last) in with_last(&revision.replica_sets) {
            let (branch, below) = branches(&below, is_last);
            rows.push(replica_set(set, &branch, paint));
            for (pod, is_last) in with_last(&set.pods) {
                rows.push(pod_row(pod, &branches(&below, is_last).0, paint));
            }
        }
    }
    rows
}

fn replica_set(set: &ReplicaSetView, branch: &str, paint: Paint) -> Vec<Cell> {
    let colour = set.tags.last().map_or(Colour::Default, |tag| of_tag(*tag));
    let plain = format!("{branch}{REPLICA_SET} {}", set.name);
    vec![
        Cell::painted(&plain, format!("{branch}{REPLICA_SET} {}", paint.paint(colour, &set.name))),
        "ReplicaSet".into(),
        status(paint, of_icon(set.icon), set.icon.symbol(), set.status.as_str()),
        set.age.clone().into(),
        Cell::painted(&set.info(), info(set, paint)),
    ]
}

/// As [`ReplicaSetView::info`], with each role in its colour.
fn info(set: &ReplicaSetView, paint: Paint) -> String {
    let painted = |word: &str| {
        let tags = [Tag::Stable, Tag::Canary, Tag::Active, Tag::Preview, Tag::Ping, Tag::Pong];
        let tag = tags.into_iter().find(|tag| tag.as_str() == word);
        tag.map_or_else(|| word.to_owned(), |tag| paint.paint(of_tag(tag), word))
    };
    set.info().split(',').map(painted).collect::<Vec<_>>().join(",")
}

fn pod_row(pod: &PodView, branch: &str, paint: Paint) -> Vec<Cell> {
    vec![
        format!("{branch}{POD} {}", pod.name).into(),
        "Pod".into(),
        status(paint, of_icon(pod.icon), pod.icon.symbol(), &pod.status),
        pod.age.clone().into(),
        pod.info().into(),
    ]
}

fn status(paint: Paint, colour: Colour, icon: &str, word: &str) -> Cell {
    Cell::painted(&format!("{icon} {word}"), format!("{} {word}", paint.paint(colour, icon)))
}

/// The branch to an entry, and what stands in front of the entries below it.
fn branches(prefix: &str, is_last: bool) -> (String, String) {
    if is_last {
        (format!("{prefix}└──"), format!("{prefix}   "))
    } else {
        (format!("{prefix}├──"), format!("{prefix}│  "))
    }
}

fn with_last<T>(entries: &[T]) -> impl Iterator<Item = (&T, bool)> {
    entries.iter().enumerate().map(|(index, entry)| (entry, index + 1 == entries.len()))
}

#[cfg(test)]
mod tests;
