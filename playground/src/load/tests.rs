use axum::{Router, routing::get};
use tokio::net::TcpListener;

use super::*;

/// A server that answers `v1` until it is told otherwise.
async fn server(version: watch::Receiver<&'static str>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let router =
        Router::new().route("/", get(move || async move { format!("{}\nfrom a pod", *version.borrow()) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    (address, task)
}

async fn until(load: &Load, enough: impl Fn(&LoadReport) -> bool) {
    let found = async {
        while !enough(&load.so_far()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("the load goes on");
}

#[tokio::test]
async fn a_switch_is_seen_in_order_and_nothing_fails() {
    let (switch, version) = watch::channel("v1");
    let (address, _server) = server(version).await;
    let load = Load::start(&LoadOptions::new(address));
    until(&load, |seen| seen.sent > 20 && seen.versions.len() == 1).await;
    let switched = Instant::now();
    switch.send("v2").unwrap();
    until(&load, |seen| seen.versions.len() == 2).await;
    let report = load.stop().await;
    assert_eq!(report.failed, 0, "{report}");
    let versions: Vec<_> = report.versions.iter().map(|(version, _)| version.as_str()).collect();
    assert_eq!(versions, ["v1", "v2"]);
    assert!(report.first_answer("v2", switched).is_some_and(|after| after < Duration::from_secs(5)));
    assert_eq!(report.first_answer("v1", switched), Some(Duration::ZERO));
    assert_eq!(report.first_answer("v3", switched), None);
    assert!(report.on_new_connections > 0 && report.on_new_connections < report.sent);
}

#[tokio::test]
async fn what_nobody_answers_has_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let load = Load::start(&LoadOptions::new(address));
    until(&load, |seen| seen.failed > 5).await;
    let report = load.stop().await;
    assert_eq!(report.failed, report.sent);
    assert!(report.failures[0].reason.starts_with("connecting: "), "{report}");
}
