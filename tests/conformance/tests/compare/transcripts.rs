//! Stock kubectl and helm say the same on the embedded server and on a real one: every transcript in `transcripts/` with
//! the kubectl built beside the real server, and some of them with the one on the PATH.
//!
//! `VERDIGRIS_TRANSCRIPTS=get,apply` plays only these; `VERDIGRIS_KUBECTL=built` (or `path`) uses only that one, for all.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use verdigris_conformance::{
    server::{Controllers, Server},
    text::{
        compare::{Comparison, Report},
        normal::Normaliser,
        session::{Programs, link_programs},
        transcript::{Demand, Transcript},
    },
};
use verdigris_control_plane::binaries;

/// What the kubectl on the PATH plays too: how versions print and ask is where they differ most. All of it would take
/// minutes more.
const WITH_EACH_KUBECTL: [&str; 4] = ["describe", "explain", "get", "rollouts"];

/// How many transcripts are played at a time.
const AT_A_TIME: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_and_helm_say_the_same_on_both_servers() -> anyhow::Result<()> {
    let transcripts = transcripts()?;
    known_differences_are_in_the_table(&transcripts)?;
    let (embedded, real) =
        tokio::try_join!(Server::embedded(Controllers::Workloads), Server::real(Controllers::Workloads))?;
    let normaliser = Normaliser::new()?;
    let scratch = Scratch(env::temp_dir().join(format!("verdigris-kubectl-{}", std::process::id())));
    let mut total = Report::default();
    for (number, programs) in programs(&scratch.0)?.iter().enumerate() {
        let comparison = Comparison { embedded: &embedded, real: &real, programs, normaliser: &normaliser };
        let is_played = |it: &&Transcript| number == 0 || WITH_EACH_KUBECTL.contains(&it.name.as_str());
        let (alone, together): (Vec<_>, Vec<_>) =
            transcripts.iter().filter(is_played).partition(|it| it.alone);
        let mut reports = Vec::new();
        for transcript in alone {
            reports.push(comparison.play(transcript).await?);
        }
        let comparison = &comparison;
        let played = stream::iter(together).map(|transcript| comparison.play(transcript));
        reports.extend(played.buffer_unordered(AT_A_TIME).try_collect::<Vec<_>>().await?);
        for report in reports {
            total.same += report.same;
            total.known += report.known;
            total.failures.extend(report.failures);
        }
    }
    println!(
        "kubectl and helm: {} commands said the same, {} knowingly differ, {} differ",
        total.same,
        total.known,
        total.failures.len()
    );
    ensure!(total.failures.is_empty(), "-: embedded, +: real\n\n{}", total.failures.join("\n"));
    Ok(())
}

fn transcripts() -> anyhow::Result<Vec<Transcript>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let only = env::var("VERDIGRIS_TRANSCRIPTS").ok();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|word| word == name));
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if wanted(&name) {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            found.push(Transcript::parse(&name, &text)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!found.is_empty(), "no transcript is named {only:?} in {}", folder.display());
    Ok(found)
}

/// What we accept, people can read up.
fn known_differences_are_in_the_table(transcripts: &[Transcript]) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/playground.md");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let rows: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(row, _)| row)
        .collect();
    for transcript in transcripts {
        for step in &transcript.steps {
            if let Demand::Known(row) = &step.demand {
                let place = format!("{}, line {}", transcript.name, step.line);
                ensure!(rows.contains(row.as_str()), "{place}: docs/playground.md has no row `{row}`");
            }
        }
    }
    Ok(())
}

/// The kubectl that was built beside the real server, and the one that people have; each with helm.
fn programs(scratch: &Path) -> anyhow::Result<Vec<Programs>> {
    let only = env::var("VERDIGRIS_KUBECTL").ok();
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("kubectl"))
        .find(|program| program.is_file())
        .context("there is no kubectl on the PATH: https://kubernetes.io/docs/tasks/tools/")?;
    let helm = binaries::find("helm")?;
    let mut found = Vec::new();
    for (label, kubectl) in [("built", binaries::find("kubectl")?), ("path", on_path)] {
        if only.as_ref().is_none_or(|only| only == label) {
            let folder = scratch.join(label);
            link_programs(&folder, &[("kubectl", &kubectl), ("helm", &helm)])?;
            found.push(Programs { folder, label: label.to_owned() });
        }
    }
    Ok(found)
}

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
