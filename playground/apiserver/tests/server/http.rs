//! The server over a socket.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::common::World;

async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    timeout(Duration::from_secs(5), read).await.expect("no answer in five seconds").unwrap();
    answer
}

fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn only_the_bearer_of_the_token_is_answered() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = world.server.serve(listener, "secret").unwrap();
    let address = listening.address();
    let answer = exchange(address, &get("/api/v1/namespaces/default", "secret")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let answer = exchange(address, &get("/api/v1/namespaces/default", "other")).await;
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized"), "{answer}");
    assert!(answer.contains("\"reason\":\"Unauthorized\""), "{answer}");
    assert!(exchange(address, &get("/readyz", "")).await.ends_with("ok"));
    listening.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_ends_watches() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = world.server.serve(listener, "secret").unwrap();
    let mut stream = TcpStream::connect(listening.address()).await.unwrap();
    let request = get("/api/v1/namespaces/default/configmaps?watch=true", "secret");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    world.config_map("a", json!({}));
    timeout(Duration::from_secs(5), listening.stop()).await.expect("it did not stop in five seconds");
    let mut rest = Vec::new();
    // The connection is cut, which may look like an end or like an error.
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it stayed open");
    assert!(String::from_utf8_lossy(&rest).contains("\"type\":\"ADDED\""));
}
