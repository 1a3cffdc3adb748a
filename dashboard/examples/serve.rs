#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(3100);
    let client = kube::Client::try_default().await.unwrap();
    let options = verdigris_dashboard::Options {
        address: ([127, 0, 0, 1], port).into(),
        user: Some("me".into()),
        ..Default::default()
    };
    #[allow(clippy::disallowed_methods)]
    let clock: verdigris_dashboard::Clock = match std::env::var("FIXED") {
        Ok(t) => {
            let t: jiff::Timestamp = t.parse().unwrap();
            std::sync::Arc::new(move || t)
        }
        Err(_) => std::sync::Arc::new(jiff::Timestamp::now),
    };
    let running = verdigris_dashboard::serve(
        client,
        options,
        clock,
        verdigris_dashboard::Secret::from_system().unwrap(),
        std::future::pending(),
    )
    .await
    .unwrap();
    println!("{}", running.url());
    running.stopped().await;
}
