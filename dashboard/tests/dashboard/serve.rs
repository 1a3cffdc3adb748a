//! The server around the router, over a real socket.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};
use verdigris_dashboard::{BadOptions, Options, Secret, ServeError, serve};
use verdigris_playground_apiserver::server::ApiServer;

use crate::world::clock;

fn options(address: &str) -> Options {
    Options { address: address.parse().expect("an address"), ..Options::default() }
}

#[tokio::test]
async fn it_listens_answers_and_stops_though_a_live_stream_is_open() {
    let server = ApiServer::new(clock(), 1);
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let secret = Secret::new([3; 32]);
    let running =
        serve(server.client(), options("127.0.0.1:0"), clock(), secret, shutdown).await.expect("it listens");
    assert_eq!(running.url(), format!("http://{}/rollouts/", running.address()));
    let mut socket = TcpStream::connect(running.address()).await.expect("a connection");
    let request = "GET /rollouts/-/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    socket.write_all(request.as_bytes()).await.expect("a request is sent");
    let mut answer = vec![0; 512];
    let length = socket.read(&mut answer).await.expect("an answer");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    stop.send(()).expect("the server is there");
    running.stopped().await;
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    let server = ApiServer::new(clock(), 1);
    let secret = Secret::new([3; 32]);
    let refused = serve(server.client(), options("0.0.0.0:0"), clock(), secret, std::future::pending()).await;
    let Err(ServeError::Options(error @ BadOptions::NotLoopback(_))) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("listens on loopback only"), "{error}");
}
