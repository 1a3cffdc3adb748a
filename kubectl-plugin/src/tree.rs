//! `get rollout`: a Rollout as a heading and a tree, in the peer's layout.

use verdigris_core::view::{
    AnalysisRunView, ImageView, PodView, ReplicaSetView, Role, RolloutView, ServiceView, Tag,
    analysis_run::JobView,
};

use crate::{
    columns::{self, Cell, LastCell},
    paint::{Colour, Paint, of_icon, of_tag},
};

const ROLLOUT: &str = "⟳";
const REVISION: &str = "#";
const REPLICA_SET: &str = "⧉";
const POD: &str = "□";
const ANALYSIS_RUN: &str = "α";
const JOB: &str = "⊞";

/// The lines of heading and tree.
pub fn lines(view: &RolloutView, paint: Paint) -> Vec<String> {
    let mut lines = heading(view, paint);
    lines.push(String::new());
    lines.extend(columns::lines(&rows(view, paint), &mut Vec::new(), LastCell::AsItIs));
    lines
}

/// What `-o wide` adds: where each Service sends traffic, and what the Rollout waits for.
pub fn more(view: &RolloutView, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let services: Vec<Vec<Cell>> = view.services.iter().map(|service| service_row(service, paint)).collect();
    if !services.is_empty() {
        lines.extend([String::new(), "Services:".into()]);
        let table = columns::lines(&services, &mut Vec::new(), LastCell::AsItIs);
        lines.extend(table.into_iter().map(|line| format!("  {line}")));
    }
    if !view.waiting_for.is_empty() {
        lines.extend([String::new(), "Waiting for:".into()]);
        lines.extend(view.waiting_for.iter().map(|reason| format!("  {reason}")));
    }
    lines
}

fn service_row(service: &ServiceView, paint: Paint) -> Vec<Cell> {
    let (role, colour) = match service.role {
        Role::Active | Role::Stable => (service.role.as_str(), Colour::Green),
        Role::Preview => (service.role.as_str(), Colour::BrightBlue),
        Role::Canary => (service.role.as_str(), Colour::Yellow),
    };
    let target = match (service.found, service.revision, &service.hash) {
        (false, ..) => "not found".into(),
        (true, Some(revision), Some(hash)) => format!("→ revision:{revision} {hash}"),
        (true, None, Some(hash)) => format!("→ {hash}, which is no ReplicaSet of this Rollout"),
        (true, _, None) => "→ every version: its selector has no hash".into(),
    };
    let ready = service.pods.iter().filter(|pod| pod.ready).count();
    vec![
        Cell::painted(role, paint.paint(colour, role)),
        service.name.clone().into(),
        target.into(),
        format!("ready:{ready}/{}", service.pods.len()).into(),
    ]
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
        let runs = &revision.analysis_runs;
        for (set, is_last) in with_last(&revision.replica_sets) {
            let (branch, below) = branches(&below, is_last && runs.is_empty());
            rows.push(replica_set(set, &branch, paint));
            for (pod, is_last) in with_last(&set.pods) {
                rows.push(pod_row(pod, &branches(&below, is_last).0, paint));
            }
        }
        for (run, is_last) in with_last(runs) {
            let (branch, below) = branches(&below, is_last);
            rows.push(run_row(run, &branch, paint));
            for (job, is_last) in with_last(&run.jobs) {
                rows.push(job_row(job, &branches(&below, is_last).0, paint));
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

fn run_row(run: &AnalysisRunView, branch: &str, paint: Paint) -> Vec<Cell> {
    // As by the peer, the name of one that is under way has its colour too.
    let is_under_way = matches!(run.phase.as_str(), "Pending" | "Running");
    let colour = if is_under_way { Colour::BrightBlue } else { Colour::Default };
    let counts = run.counts.all().into_iter().filter(|(count, ..)| *count > 0);
    let counts = counts
        .map(|(count, icon, _)| format!("{} {count}", paint.paint(of_icon(icon), icon.symbol())))
        .collect::<Vec<_>>();
    vec![
        Cell::painted(
            &format!("{branch}{ANALYSIS_RUN} {}", run.name),
            format!("{branch}{ANALYSIS_RUN} {}", paint.paint(colour, &run.name)),
        ),
        "AnalysisRun".into(),
        status(paint, of_icon(run.icon), run.icon.symbol(), &run.phase),
        run.age.clone().into(),
        Cell::painted(&run.counts.info(), counts.join(",")),
    ]
}

fn job_row(job: &JobView, branch: &str, paint: Paint) -> Vec<Cell> {
    vec![
        format!("{branch}{JOB} {}", job.name).into(),
        "Job".into(),
        status(paint, of_icon(job.icon), job.icon.symbol(), &job.phase),
        job.age.clone().into(),
        Cell::default(),
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
