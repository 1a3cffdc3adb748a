//! What is measured besides time, and the table.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use verdigris_control_plane::ControlPlane;

use crate::waves::{Singles, Times};

/// Requests by verb and resource.
pub struct Asked(BTreeMap<String, usize>);

impl Asked {
    /// Without those that were there before.
    pub fn since(mut self, before: &Self) -> Self {
        for (what, count) in &mut self.0 {
            *count = count.saturating_sub(before.0.get(what).copied().unwrap_or_default());
        }
        self.0.retain(|_, count| *count > 0);
        self
    }

    /// How many there are.
    pub fn all(&self) -> usize {
        self.0.values().sum()
    }

    fn count(&self, is_meant: impl Fn(&str, &str) -> bool) -> usize {
        let split = self.0.iter().filter_map(|(what, count)| Some((what.split_once(' ')?, count)));
        split.filter(|((verb, resource), _)| is_meant(verb, resource)).map(|(_, count)| count).sum()
    }
}

/// What this ServiceAccount asked so far.
pub fn asked_by(plane: &ControlPlane, namespace: &str, account: &str) -> Result<Asked> {
    let user = format!("system:serviceaccount:{namespace}:{account}");
    let mut asked = BTreeMap::new();
    for entry in plane.audit()?.into_iter().filter(|entry| entry.user.username == user) {
        let verb = if entry.uri.contains("dryRun=") { "dry-run" } else { &entry.verb };
        let failed = if entry.code() >= 400 { format!(" ({})", entry.code()) } else { String::new() };
        *asked.entry(format!("{verb} {}{failed}", entry.resource())).or_default() += 1;
    }
    Ok(Asked(asked))
}

/// All that was found.
pub struct Found {
    pub count: usize,
    pub resident_with_one: f64,
    pub waves: Times,
    pub cpu_seconds: Vec<(&'static str, f64)>,
    pub resident: f64,
    pub peak: f64,
    pub asked: Asked,
    pub singles: Singles,
}

/// Argo Rollouts at 1,000 Rollouts: seconds of the three waves with its defaults and tuned (3,000 queries a second, 60
/// threads), CPU seconds tuned.
const PEER: Peer = Peer { defaults: [149.2, 146.0, 73.8], tuned: [37.6, 48.1, 21.4], cpu_seconds: 27.1 };

struct Peer {
    defaults: [f64; 3],
    tuned: [f64; 3],
    cpu_seconds: f64,
}

/// Prints the table; whether every figure is as promised.
pub fn tell(found: &Found) -> bool {
    let Found { count, waves, singles, asked, .. } = found;
    let mut kept = true;
    let mut line = |name: &str, value: String, target: String, is_kept: bool| {
        kept &= is_kept;
        println!("{name:<42} {value:>12}   {target}{}", if is_kept { "" } else { "   MISSED" });
    };
    let is_thousand = *count == 1000;
    println!("{count} Rollouts");
    let ours = [
        ("create all → Healthy", waves.create),
        ("update all → Paused", waves.update),
        ("promote all → switched", waves.promote),
    ];
    for (at, (name, took)) in ours.into_iter().enumerate() {
        let seconds = took.as_secs_f64();
        let (tuned, defaults) = (PEER.tuned[at] / seconds, PEER.defaults[at] / seconds);
        let target = if is_thousand {
            format!("{tuned:.1}x the tuned peer (>= 1.2), {defaults:.1}x its defaults (>= 4)")
        } else {
            String::new()
        };
        line(name, format!("{seconds:.1} s"), target, !is_thousand || (tuned >= 1.2 && defaults >= 4.0));
    }
    let [half, most] = percentiles(&waves.switches);
    line("promote → switched in the wave, p50", millis(half), String::new(), true);
    line("promote → switched in the wave, p99", millis(most), String::new(), true);
    let [half, most] = percentiles(&singles.switches);
    line(
        "promote → switched one at a time, p50",
        millis(half),
        "<= 25 ms".into(),
        half <= Duration::from_millis(25),
    );
    line(
        "promote → switched one at a time, p99",
        millis(most),
        "<= 100 ms".into(),
        most <= Duration::from_millis(100),
    );
    let [half, most] = percentiles(&singles.pauses);
    line(
        "update → Paused one at a time, p50",
        millis(half),
        "<= 100 ms".into(),
        half <= Duration::from_millis(100),
    );
    line("update → Paused one at a time, p99", millis(most), String::new(), true);

    let per_rollout = |number: usize| number as f64 / *count as f64;
    let is_write = |verb: &str| matches!(verb, "create" | "patch" | "update" | "delete");
    let events = per_rollout(asked.count(|verb, resource| is_write(verb) && resource.starts_with("events")));
    let writes = per_rollout(asked.count(|verb, resource| is_write(verb) && !resource.starts_with("events")));
    let reads = per_rollout(asked.count(|verb, _| matches!(verb, "get" | "list" | "dry-run")));
    let conflicts = asked.count(|_, resource| resource.contains("(409)"));
    line(
        "object and status writes per Rollout",
        format!("{writes:.1}"),
        "<= 12 (the peer: 24)".into(),
        writes <= 12.0,
    );
    line("events per Rollout", format!("{events:.1}"), "<= 7 (the peer: 11)".into(), events <= 7.0);
    line("reads per Rollout", format!("{reads:.1}"), "the peer: 4".into(), true);
    line("conflicts in all", conflicts.to_string(), "0 where it is calm".into(), true);
    for (what, number) in &asked.0 {
        println!("    {:>8.2} {what}", per_rollout(*number));
    }
    for (name, seconds) in &found.cpu_seconds {
        let is_ours = *name == "controller";
        let target = if is_ours && is_thousand { "<= 1/4 of the tuned peer's 27.1 s" } else { "" };
        let is_kept = !is_ours || !is_thousand || *seconds <= PEER.cpu_seconds / 4.0;
        line(&format!("CPU of {name}"), format!("{seconds:.1} s"), target.into(), is_kept);
    }
    let one = found.resident_with_one;
    line(
        "controller with one Rollout",
        format!("{one:.1} MiB"),
        "<= 12 MiB (the peer: 77)".into(),
        one <= 12.0,
    );
    let memory_max = if *count <= 1000 { 24.0 } else { 48.0 };
    let target = format!("<= {memory_max} MiB (the peer at 1,000: 212)");
    line("controller at the end", format!("{:.1} MiB", found.resident), target, found.resident <= memory_max);
    line("controller at its peak", format!("{:.1} MiB", found.peak), String::new(), true);
    kept
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// The median and the 99th of a hundred; zero of nothing.
fn percentiles(durations: &[Duration]) -> [Duration; 2] {
    let mut sorted = durations.to_vec();
    sorted.sort();
    [50, 99].map(|percent| {
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    })
}
