use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{families::Kind as Type, scrape::Scrape, *};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of one scrape.
fn scrape(metrics: &Arc<Metrics>) -> String {
    Scrape::new(Arc::clone(metrics)).collect()
}

fn series(metrics: &Arc<Metrics>) -> usize {
    scrape(metrics).lines().filter(|line| !line.starts_with('#')).count()
}

fn rollout() -> Facts {
    Facts::of(&json!({"spec": {"replicas": 3, "strategy": {"blueGreen": {}}}, "status": {"phase": "Healthy",
        "conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable",
            "lastTransitionTime": "2026-11-21T08:00:00Z"}]}}))
}

/// Something of everything.
pub(super) fn busy(rollouts: usize) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    for number in 0..rollouts {
        let key = Key::new("shop", &format!("web-{number}"));
        metrics.rollout_shown(&key, Some(rollout()));
        metrics.pass_began(&key, Duration::from_millis(3));
        metrics.pass_ended(&key, PassEnd::Failed);
        for reason in ["RolloutUpdated", "SwitchService", "ScalingReplicaSet"] {
            let event = Event { warning: false, reason: reason.into(), message: String::new() };
            metrics.event_told(&key, &event);
        }
    }
    metrics.run_shown(&Key::new("shop", "run"), Some("Running"));
    let spec = json!({"metrics": [{"name": "rate", "provider": {"web": {}}}]});
    metrics.template_shown(&Key::new("", "everywhere"), Some(facts::template_metrics(&spec)));
    metrics.requests.count("rollouts", requests::Verb::Patch, 200, Duration::from_millis(9));
    metrics.work().measured.cached = work::WATCHED.map(|kind| (kind, 7));
    metrics
}

/// Name and labels of a sample, without its values.
fn shape(line: &str) -> (String, Vec<String>) {
    let Some((name, rest)) = line.split_once('{') else {
        return (line.split(' ').next().unwrap().to_owned(), Vec::new());
    };
    let labels = rest.rsplit_once('}').unwrap().0.split("\",");
    (name.to_owned(), labels.map(|label| label.split('=').next().unwrap().to_owned()).collect())
}

#[test]
fn every_family_has_samples_and_those_are_of_its_shape() {
    let text = scrape(&busy(2));
    let mut lines = text.lines().peekable();
    for family in families::all() {
        let (name, kind) = (family.name, family.kind.text());
        assert_eq!(lines.next(), Some(format!("# HELP {name} {}", family.help).as_str()));
        assert_eq!(lines.next(), Some(format!("# TYPE {name} {kind}").as_str()));
        let mut samples = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (sample, labels) = shape(line);
            let suffix = sample.strip_prefix(name).unwrap_or_else(|| panic!("{line} stands under {name}"));
            let mut wanted: Vec<&str> = family.labels.to_vec();
            match (family.kind, suffix) {
                (Type::Histogram, "_bucket") => wanted.push("le"),
                (Type::Histogram, "_sum" | "_count") | (Type::Counter | Type::Gauge, "") => {}
                _ => panic!("{line} is no sample of a {kind}"),
            }
            assert_eq!(labels, wanted, "{line}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            samples += 1;
        }
        assert!(samples > 0 || cfg!(not(target_os = "linux")), "{name} has no samples");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn series_end_with_what_they_tell_of() {
    let empty = Arc::new(Metrics::default());
    let before = series(&empty);
    let metrics = busy(100);
    let with_all = series(&metrics);
    for number in 0..100 {
        metrics.rollout_shown(&Key::new("shop", &format!("web-{number}")), None);
    }
    metrics.kind_forgotten(Kind::AnalysisRun);
    metrics.template_shown(&Key::new("", "everywhere"), None);
    let text = scrape(&metrics);
    assert!(!text.contains("shop") && !text.contains("everywhere"), "{text}");
    // What is left is of closed lists: kinds, and one request.
    assert_eq!(series(&metrics), before + work::WATCHED.len() + 1 + 13);
    assert!(with_all > 100 * 20);
}

#[test]
fn who_stands_by_tells_nothing_of_single_objects() {
    let metrics = busy(3);
    metrics.set_leads(false);
    let text = scrape(&metrics);
    assert!(!text.contains("shop") && !text.contains("everywhere"), "{text}");
    assert!(
        text.contains("\nverdigris_leader 0\n") && text.contains("\nverdigris_reconcile_oldest_seconds 0\n")
    );
}

#[test]
fn pieces_are_small_whatever_the_number_of_rollouts() {
    let metrics = busy(2000);
    let pieces: Vec<String> = Scrape::new(Arc::clone(&metrics)).collect();
    let largest = pieces.iter().map(String::len).max().unwrap();
    assert!(largest < 40 * 1024, "{largest} bytes");
    let text: String = pieces.concat();
    for number in [0, 249, 250, 251, 1999] {
        let wanted = format!("rollout_info_replicas_desired{{namespace=\"shop\",name=\"web-{number}\"}} 3\n");
        assert_eq!(text.matches(&wanted).count(), 1, "{wanted}");
    }
}

#[test]
fn the_page_about_metrics_lists_all_of_them_and_no_others() {
    let page = read("docs/metrics.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [name, kind, labels, _meaning, ""] = cells[..] else { return None };
        Some((name.trim_end_matches('`').to_owned(), (kind.to_owned(), labels.to_owned())))
    };
    let told: BTreeMap<String, (String, String)> = page.lines().filter_map(row).collect();
    let listed = families::all()
        .map(|family| (family.name.to_owned(), (family.kind.text().to_owned(), family.labels.join(", "))));
    assert_eq!(told, listed.collect());
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("charts/monitoring/dashboard.json")).unwrap();
    let mut queries = Vec::new();
    strings(&dashboard, &["expr", "query"], &mut queries);
    assert!(queries.len() > 40);
    let rules = read("charts/monitoring/rules.yaml");
    let mut expressions = rules.lines().peekable();
    while let Some(line) = expressions.next() {
        let Some(first) = line.trim().strip_prefix("expr: ") else { continue };
        let mut query = first.trim_start_matches(">-").to_owned();
        while first == ">-"
            && let Some(more) =
                expressions.next_if(|line| !line.contains(": {") && !line.trim().starts_with("for:"))
        {
            query.push_str(more);
        }
        queries.push(query);
    }
    let known: BTreeSet<String> = families::all().flat_map(names).collect();
    for query in &queries {
        for name in asked_for(query) {
            assert!(known.contains(&name), "there is no {name}, which is asked for by {query}");
        }
    }
    assert!(queries.iter().any(|query| query.contains("unless")), "all of an expression is read");
}

#[test]
fn the_page_about_metrics_says_of_every_alert_what_to_do() {
    let rules = read("charts/monitoring/rules.yaml");
    let tests = read("charts/monitoring/rules-test.yaml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let page = read("docs/metrics.md");
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(headings, alerts);
    for alert in alerts {
        assert!(tests.contains(&format!("- alertname: {alert}\n")), "no test in which {alert} comes");
        let quiet = format!("- {{alertname: {alert}, ");
        assert!(tests.contains(&quiet), "no test in which {alert} does not come");
    }
}

/// All strings under these keys.
fn strings(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text.clone()),
                    _ => strings(field, keys, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, keys, found)),
        _ => {}
    }
}

/// The names under which Prometheus keeps a family.
fn names(family: &'static families::Family) -> Vec<String> {
    let suffixes: &[&str] =
        if family.kind == Type::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

/// Names of metrics in a query: words outside of braces and of lists of labels, that have an underscore.
fn asked_for(query: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0;
    for letter in query.chars() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            letter if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    let words = plain.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let functions = ["histogram_quantile", "label_values", "status_code"];
    words.filter(|word| word.contains('_') && !functions.contains(word)).map(str::to_owned).collect()
}
