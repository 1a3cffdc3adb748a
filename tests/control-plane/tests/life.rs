//! A control plane comes up, does what a cluster's does, fails in words, and leaves nothing behind.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Duration, Instant, sleep};
use verdigris_control_plane::{ControlPlane, Options};

/// How long what was killed may take to be gone.
const GONE_MAX: Duration = Duration::from_secs(20);

#[tokio::test]
async fn it_answers_records_who_asked_and_goes_by_rights() {
    let plane = ControlPlane::start(Options::default().audited()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.client().await.unwrap());
    maps.create(&PostParams::default(), &map("one")).await.unwrap();
    let token = plane.service_account_token("default", "default").await.unwrap();
    let theirs: Api<ConfigMap> = Api::default_namespaced(plane.client_as(&token).await.unwrap());
    let refused = theirs.get("one").await.unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
    let entries = plane.audit().unwrap();
    let seen = |user: &str, verb: &str, code: u16| {
        entries.iter().any(|entry| {
            (entry.user.username.as_str(), entry.verb.as_str(), entry.code()) == (user, verb, code)
                && entry.resource() == "configmaps"
        })
    };
    assert!(seen("admin", "create", 201), "{entries:#?}");
    assert!(seen("system:serviceaccount:default:default", "get", 403), "{entries:#?}");
    let folder = plane.folder().to_owned();
    drop(plane);
    assert!(!folder.exists() && programs_of(&folder).is_empty(), "something is left of {}", folder.display());
}

#[tokio::test]
async fn what_was_written_survives_a_restart_of_each_program() {
    let plane = ControlPlane::start(Options::without_controllers()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.client().await.unwrap());
    maps.create(&PostParams::default(), &map("kept")).await.unwrap();
    plane.restart_apiserver().await.unwrap();
    maps.get("kept").await.unwrap();
    plane.stop_etcd();
    let stopped = plane.still_runs("a ConfigMap").unwrap_err().to_string();
    assert_eq!(stopped, "etcd was stopped, and we waited for a ConfigMap");
    plane.start_etcd().await.unwrap();
    plane.restart_apiserver().await.unwrap();
    plane.still_runs("a ConfigMap").unwrap();
    maps.get("kept").await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let started = ControlPlane::start(Options { port, ..Options::without_controllers() }).await;
    let error = started.unwrap_err().to_string();
    for part in ["kube-apiserver ended", &port.to_string(), "address already in use"] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

#[test]
fn a_program_that_is_missing_is_named() {
    let output = holder()
        .stdin(Stdio::null())
        .env("KUBEBUILDER_ASSETS", "/nowhere/assets")
        .env("XDG_CACHE_HOME", "/nowhere/cache")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in
        ["there is no etcd in /nowhere/assets or /nowhere/cache", "tests/control-plane/build", "Go 1.26"]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[tokio::test]
async fn nothing_is_left_of_it_when_the_test_process_is_killed() {
    let mut holder = holder().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The line comes, or the program ends: a start has a bound of its own.
    let up = lines.filter_map(|line| line.split_once("it is up: ").map(|(_, rest)| rest.to_owned())).next();
    let up = up.expect("a control plane in the other process");
    let [folder, api, etcd] = up.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let folder = Path::new(folder);
    // Three programs, each with a shell that waits for it and one that watches us, and a shell for the folder.
    assert_eq!(programs_of(folder).len(), 10, "{:#?}", programs_of(folder));
    // SIGKILL: nothing in that process can clean up.
    holder.kill().unwrap();
    holder.wait().unwrap();
    let until = Instant::now() + GONE_MAX;
    loop {
        let left = programs_of(folder);
        let listens = [api, etcd].map(|address| TcpStream::connect(address).is_ok());
        if left.is_empty() && listens == [false, false] && !folder.exists() {
            return;
        }
        assert!(Instant::now() < until, "{GONE_MAX:?} later: {left:#?}, {listens:?}, {}", folder.exists());
        sleep(Duration::from_millis(50)).await;
    }
}

/// The program that holds a control plane until its standard input ends.
fn holder() -> Command {
    Command::new(env!("CARGO_BIN_EXE_control-plane"))
}

fn map(name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    ConfigMap { metadata, ..ConfigMap::default() }
}

/// Command lines of running programs that name the folder.
fn programs_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let processes = std::fs::read_dir("/proc").expect("the list of processes").filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&*folder)).collect()
}
