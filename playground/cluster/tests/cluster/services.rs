//! Services lead to ready pods, and nothing is lost when pods go.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::world::{World, service, workload};

/// A kept-alive connection that knows whether the server asked to close it.
struct Connection {
    stream: BufReader<TcpStream>,
    closing: bool,
}

impl Connection {
    async fn open(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { stream: BufReader::new(TcpStream::connect(address).await?), closing: false })
    }

    /// The answer's body.
    async fn get(&mut self, path: &str) -> std::io::Result<String> {
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            self.closing |= line == "connection: close";
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(String::from_utf8(body).unwrap())
    }
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    Connection::open(address).await?.get(path).await
}

/// Which pod answered.
fn pod_of(body: &str) -> String {
    let line = body.lines().nth(1).unwrap();
    line.strip_prefix("pod ").unwrap().split(',').next().unwrap().to_owned()
}

async fn address(world: &World, service: &str) -> SocketAddr {
    let proxy = world.cluster.proxy().unwrap();
    let coming = proxy.wait_for(&world.namespace, service, 80);
    tokio::time::timeout(Duration::from_secs(10), coming).await.expect("the Service is reachable")
}

/// The pods that answer new connections, once they are these many.
async fn answering(world: &World, address: SocketAddr, count: usize) -> BTreeSet<String> {
    world
        .until("answers", || async {
            let mut pods = BTreeSet::new();
            for _ in 0..40 {
                match get(address, "/").await {
                    Ok(body) => pods.insert(pod_of(&body)),
                    Err(error) => return Err(format!("{error}")),
                };
            }
            if pods.len() == count { Ok(pods) } else { Err(format!("{pods:?}")) }
        })
        .await
}

#[tokio::test]
async fn a_service_answers_with_the_welcome_of_its_pods() {
    let world = World::with_sockets("welcome").await;
    world.create(service("web")).await;
    let address = address(&world, "web").await;
    assert!(get(address, "/").await.is_err(), "no endpoints, no answer");
    let env = json!([{"name": "WHO", "value": "v1"}, {"name": "WELCOME", "value": "Hello from $(WHO)!"}]);
    world.create(workload("ReplicaSet", "web", 3, json!({"env": env}))).await;
    world.pods_ready(3).await;
    let pods = answering(&world, address, 3).await;
    let named: BTreeSet<String> =
        world.pods().await.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(pods, named);
    let body = get(address, "/").await.unwrap();
    assert_eq!(body.lines().next(), Some("Hello from v1!"));
}

#[tokio::test]
async fn endpoints_follow_the_selector_and_readiness() {
    let world = World::with_sockets("selector").await;
    world.create(workload("ReplicaSet", "blue", 2, json!({}))).await;
    world.create(workload("ReplicaSet", "green", 1, json!({}))).await;
    world.create(workload("ReplicaSet", "broken", 1, json!({"image": "super:1-error"}))).await;
    world.create(service("blue")).await;
    let address = address(&world, "blue").await;
    world.pods_ready_of("blue", 2).await;
    world.pods_ready_of("green", 1).await;
    let blue = answering(&world, address, 2).await;
    assert!(blue.iter().all(|pod| pod.starts_with("blue-")), "{blue:?}");
    world.patch("v1", "Service", "blue", json!({"spec": {"selector": {"app": "green"}}})).await;
    let green = answering(&world, address, 1).await;
    assert!(green.iter().all(|pod| pod.starts_with("green-")), "{green:?}");
    world.patch("v1", "Service", "blue", json!({"spec": {"selector": {"app": "broken"}}})).await;
    world
        .until("no answer", || async {
            let answer = get(address, "/").await;
            if answer.is_err() { Ok(()) } else { Err(format!("{answer:?}")) }
        })
        .await;
    let slices = world.list("discovery.k8s.io/v1", "EndpointSlice").await;
    let conditions = &slices[0]["endpoints"][0]["conditions"];
    assert_eq!(conditions, &json!({"ready": false, "serving": false, "terminating": false}));
}

/// Half of the load keeps its connections, half opens one for each request. Until told to stop; gives the number of
/// requests and the failures.
async fn load(address: SocketAddr, stop: tokio::sync::watch::Receiver<bool>) -> (u32, Vec<String>) {
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let stop = stop.clone();
        workers.spawn(async move {
            let (mut requests, mut failures) = (0, Vec::new());
            let mut kept: Option<Connection> = None;
            while !*stop.borrow() {
                let connection = match kept.take() {
                    Some(connection) => Ok(connection),
                    None => Connection::open(address).await,
                };
                requests += 1;
                match connection {
                    Ok(mut connection) => match connection.get("/sleep/3").await {
                        Ok(_) if worker % 2 == 0 && !connection.closing => kept = Some(connection),
                        Ok(_) => {}
                        Err(error) => failures.push(format!("worker {worker}: {error}")),
                    },
                    Err(error) => failures.push(format!("worker {worker} connecting: {error}")),
                }
            }
            (requests, failures)
        });
    }
    let mut total = (0, Vec::new());
    while let Some(Ok((requests, failures))) = workers.join_next().await {
        total.0 += requests;
        total.1.extend(failures);
    }
    total
}

#[tokio::test]
async fn a_drain_loses_nothing_under_load() {
    let world = World::with("drain", |options| {
        options.proxy.as_mut().unwrap().programming_delay = Duration::from_millis(50);
    })
    .await;
    // As on any cluster, the hook gives the endpoints' change time to reach the proxy before the listener closes.
    let hook = json!({"lifecycle": {"preStop": {"sleep": {"seconds": 3}}}});
    world.create(workload("ReplicaSet", "web", 4, hook)).await;
    world.create(service("web")).await;
    let address = address(&world, "web").await;
    world.pods_ready(4).await;
    answering(&world, address, 4).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let loading = tokio::spawn(load(address, stopped));
    world.patch("apps/v1", "ReplicaSet", "web", json!({"spec": {"replicas": 1}})).await;
    world.pods_ready(1).await;
    stop.send(true).unwrap();
    let (requests, failures) = loading.await.unwrap();
    assert_eq!(failures, Vec::<String>::new(), "of {requests}");
    assert!(requests > 50, "{requests} requests");
    answering(&world, address, 1).await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_idle_connections_do_not_outlive_the_grace_period() {
    let world = World::with_sockets("grace").await;
    world.create(workload("ReplicaSet", "web", 1, json!({}))).await;
    world.create(service("web")).await;
    let address = address(&world, "web").await;
    world.pods_ready(1).await;
    answering(&world, address, 1).await;
    let slow = tokio::spawn(get_owned(address, "/sleep/1000"));
    let mut idle = Connection::open(address).await.unwrap();
    idle.get("/").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.patch("apps/v1", "ReplicaSet", "web", json!({"spec": {"replicas": 0}})).await;
    assert!(slow.await.unwrap().is_ok());
    // The pod's grace period is five seconds; the idle connection is closed in the last of them, without an error.
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(8), idle.stream.read_to_end(&mut rest)).await;
    assert_eq!(closed.expect("closes within the grace period").unwrap(), 0);
    world.pods_ready(0).await;
}

async fn get_owned(address: SocketAddr, path: &'static str) -> std::io::Result<String> {
    get(address, path).await
}
