//! What is measured, as a real Prometheus reads it; and what is logged.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::process::Command;
use verdigris_controller::{
    http::Listening,
    logging::{self, Format},
    metrics::{
        Metrics,
        scrape::{self, Scrape},
    },
};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    playing::until,
    prometheus::{Prometheus, find, get, send},
    recording::{Act, SCENARIOS},
    replica_process::ReplicaProcess,
    world::World,
};

const NAMESPACE: &str = "shop";
/// What Grafana puts in the place of its variables: everything, and the time that the test has.
const VARIABLES: [(&str, &str); 5] = [
    ("$namespace", ".*"),
    ("$rollout", ".*"),
    ("$job", ".*"),
    ("$__rate_interval", "1m"),
    ("$__range", "2m"),
];

#[tokio::test(start_paused = true)]
async fn series_depend_on_neither_revisions_nor_time() {
    let (mut world, metrics) = (World::with_cluster(41).await, Arc::new(Metrics::default()));
    world.create_namespace(NAMESPACE).await;
    world.start_controller_measured_by(&metrics);
    act(&world, Act::Deploy).await;
    let mut told = Vec::new();
    // After ten revisions the oldest is deleted, which was not done before; from then on nothing is new.
    for (first, last) in [(2, 13), (14, 15), (16, 18)] {
        for image in first..=last {
            for one in [Act::Image(image), Act::Wait(5), Act::Promote, Act::Wait(10)] {
                act(&world, one).await;
            }
            assert_eq!(world.get_rollout(NAMESPACE, "app").await["status"]["phase"], "Healthy");
        }
        told.push(series(&metrics));
    }
    world.wait_seconds(24 * 3600).await;
    told.push(series(&metrics));
    for later in &told[1..] {
        let new: Vec<&String> = later.symmetric_difference(&told[0]).collect();
        assert!(new.is_empty(), "{new:#?}");
    }
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/app");
    world.ask("DELETE", &path, "application/json", &json!({})).await.unwrap();
    world.rest().await;
    let text: String = Scrape::new(metrics).collect();
    assert!(!text.contains("name=\"app\""), "nothing is told of what is gone");
}

#[tokio::test(start_paused = true)]
async fn the_log_has_one_line_for_each_write_and_says_why() {
    let kept = Kept::default();
    let writer = kept.clone();
    let (log, _) = logging::to("info", Format::Json, move || writer.clone(), false);
    // With one log alone, a line that another test comes by first, in a thread without a log, would count as unwanted.
    let _another = logging::to("error", Format::Json, io::sink, false);
    let _logging = tracing::dispatcher::set_default(&log);
    let mut world = World::with_cluster(43).await;
    world.create_namespace(NAMESPACE).await;
    let before = world.writes();
    world.start_controller();
    for one in [Act::Deploy, Act::Image(2), Act::Promote, Act::Wait(60)] {
        act(&world, one).await;
    }
    let written = world.server().writes_since(before).into_iter();
    let written = written.filter(|write| write.manager == "verdigris" && write.plural != "events").count();
    let lines = kept.lines();
    let changes: Vec<&Value> = lines.iter().filter(|line| line["change"].is_string()).collect();
    assert_eq!(changes.len(), written, "{changes:#?}");
    for line in &changes {
        assert_eq!((&line["rollout"], &line["level"]), (&json!("shop/app"), &json!("INFO")), "{line}");
        for field in ["revision", "change", "why"] {
            assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {line}");
        }
    }
    world.wait_seconds(24 * 3600).await;
    assert_eq!(kept.lines().len(), lines.len(), "a quiet day: {:#?}", &kept.lines()[lines.len()..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_it_and_answers_every_query_of_the_dashboard() {
    let (mut world, metrics) = (World::with_cluster(47).await, Arc::new(Metrics::default()));
    world.create_namespace(NAMESPACE).await;
    world.start_controller_measured_by(&metrics);
    let listening = Listening::on(0, "metrics", "--metricsPort").await.unwrap();
    let port = listening.port();
    let serving = listening.serve(scrape::router(Arc::clone(&metrics)), std::future::pending());
    let _serving = tokio::spawn(serving);
    let prometheus = Prometheus::start("prometheus", port).await.unwrap();
    has_data(&prometheus, "verdigris_leader == 1").await;
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "rate", "namespace": NAMESPACE},
        "spec": {"metrics": [{"name": "rate", "provider": {"web": {"url": "http://localhost"}}}]}});
    world.create(&template).await.unwrap();
    let run = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "run"},
        "spec": template["spec"]});
    let runs = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/analysisruns");
    world.ask("POST", &runs, "application/json", &run).await.unwrap();
    act(&world, Act::Deploy).await;
    // Of what is new nobody knows how much it has grown.
    has_data(
        &prometheus,
        "rollout_info{namespace=\"shop\",name=\"app\",strategy=\"blueGreen\",phase=\"Completed\"}",
    )
    .await;
    for (one, phase) in [
        (Act::Image(2), "Paused"),
        (Act::Promote, "Completed"),
        (Act::Image(3), "Paused"),
        (Act::Abort, "Abort"),
    ] {
        act(&world, one).await;
        has_data(&prometheus, &format!("rollout_info{{namespace=\"shop\",name=\"app\",phase=\"{phase}\"}}"))
            .await;
    }
    let dashboard = include_str!("../../../charts/monitoring/dashboard.json");
    for query in queries(&serde_json::from_str(dashboard).unwrap()) {
        let query = VARIABLES.iter().fold(query, |query, (name, value)| query.replace(name, value));
        has_data(&prometheus, &query).await;
    }
    let targets = prometheus.ask("/api/v1/targets").await.unwrap();
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&json!("up"), &json!("")), "{target:#}");
    let rules = prometheus.ask("/api/v1/rules").await.unwrap();
    let groups = rules["data"]["groups"].as_array().expect("groups of rules");
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")) {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    assert_eq!(groups.len(), 2);
}

#[tokio::test]
async fn promtool_finds_the_alerts_right_and_our_names_good() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/monitoring");
    let promtool = find("promtool").unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules-test.yaml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(&folder).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {}: {said}", arguments.join(" "));
    }
    let text: String = Scrape::new(Arc::new(Metrics::default())).collect();
    // It objects to names of the peer's, which we cannot choose.
    let is_ours = |line: &&str| {
        line.split([' ', '{'])
            .find(|word| word.contains('_'))
            .is_some_and(|name| name.starts_with("verdigris_"))
    };
    let ours: String = text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect();
    let mut checking = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut checking.stdin.take().unwrap(), ours.as_bytes()).await.unwrap();
    let output = checking.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Nobody has to be there for that, and nothing to be ready.
#[tokio::test]
async fn the_program_serves_metrics_and_changes_its_level_while_it_waits_for_an_api_server() {
    let folder = std::env::temp_dir().join(format!("verdigris-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let kubeconfig = folder.join("kubeconfig");
    // Port 9 discards what comes, where it is there at all.
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]});
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let mut program =
        ReplicaProcess::start(&kubeconfig, "verdigris", &["--leader-elect=false"]).await.unwrap();
    let listens = program.says("listens", |line| line["what"] == "metrics").await.unwrap();
    let port = listens.line["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (code, text) = get(address, "/metrics").await.unwrap();
    assert_eq!(code, 200, "{text}");
    assert!(text.contains("\nverdigris_cache_synced 0\n") && text.contains("\nprocess_open_fds "), "{text}");
    let put = "PUT /log-level HTTP/1.0\r\nhost: localhost\r\ncontent-length: 5\r\n\r\ndebug";
    assert_eq!(send(address, put).await.unwrap(), (200, "debug\n".to_owned()));
    program.says("the log level was changed", |line| line["to"] == "debug").await.unwrap();
    assert_eq!(get(address, "/log-level").await.unwrap(), (200, "debug\n".to_owned()));
    std::fs::remove_dir_all(folder).unwrap();
}

async fn act(world: &World, act: Act) {
    perform(world, &SCENARIOS[0], NAMESPACE, act).await;
    world.rest().await;
}

/// All series, without their values.
fn series(metrics: &Arc<Metrics>) -> BTreeSet<String> {
    let text: String = Scrape::new(Arc::clone(metrics)).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// Waits until Prometheus has an answer in numbers.
async fn has_data(prometheus: &Prometheus, query: &str) {
    let mut last = String::new();
    let answered = until(query, async || match prometheus.query(query).await {
        Ok(elements) => {
            last = format!("{elements:?}");
            elements.iter().any(|(_, value)| !value.is_nan())
        }
        Err(error) => panic!("{error:#}"),
    });
    let answered = answered.await;
    answered.unwrap_or_else(|error| panic!("{error:#}; last it was {last}"));
}

/// Of all panels.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<String> =
        targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    assert!(queries.len() > 40, "{} queries", queries.len());
    queries
}

/// A log in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("no thread that panicked held it");
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect()
    }
}

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no thread that panicked held it").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
