//! Logs, commands and ports of pods, as far as they go without a kubelet. What comes of one is seen by kubectl, in the
//! comparison of this server with a real one.

use ::http::{Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::Service;

use crate::common::World;

const PODS: &str = "/api/v1/namespaces/default/pods";

/// A pod on a node whose kubelet is said to listen on this port, and one that has no node.
fn world(port: u16) -> World {
    let world = World::new();
    let addresses = json!([{"type": "Hostname", "address": "127.0.0.1"}]);
    let endpoint = json!({"kubeletEndpoint": {"Port": port}});
    let status = json!({"addresses": addresses, "daemonEndpoints": endpoint});
    world.ok("POST", "/api/v1/nodes", json!({"metadata": {"name": "n"}, "status": status}));
    for (name, node) in [("here", json!("n")), ("nowhere", Value::Null), ("lost", json!("gone"))] {
        let containers = json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]);
        let spec = json!({"containers": containers, "nodeName": node});
        world.ok("POST", PODS, json!({"metadata": {"name": name}, "spec": spec}));
    }
    world
}

/// Code and message of the answer to a request that comes through no socket.
async fn said(world: &World, method: Method, part: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("{PODS}/{part}"));
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = world.server.clone().call(request).await.unwrap();
    let code = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let status: Value = serde_json::from_slice(&body).unwrap_or_default();
    (code, status["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_any_kubelet_hears_of_it() {
    let world = world(1);
    let choose = "a container name must be specified for pod here, choose one of: [a b]";
    let not_allowed = "the server does not allow this method on the requested resource";
    for (method, part, code, message) in [
        (Method::GET, "nobody/log", 404, "pods \"nobody\" not found"),
        (Method::GET, "here/log", 400, choose),
        (Method::GET, "here/log?container=c", 400, "container c is not valid for pod here"),
        (Method::GET, "here/exec?command=ls", 400, choose),
        (Method::GET, "nowhere/log?container=a", 204, ""),
        (Method::GET, "nowhere/exec?container=a", 400, "pod nowhere does not have a host assigned"),
        (Method::GET, "nowhere/portforward", 400, "pod nowhere does not have a host assigned"),
        (Method::GET, "lost/attach?container=a", 404, "nodes \"gone\" not found"),
        (Method::DELETE, "here/log", 405, not_allowed),
        (Method::PUT, "here/exec", 405, not_allowed),
        (Method::GET, "here/proxy", 404, "the server could not find the requested resource"),
    ] {
        assert_eq!(said(&world, method.clone(), part).await, (code, message.to_owned()), "{method} {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_no_kubelet_is_asked() {
    let world = world(1);
    let message = "logs, commands and ports of pods are answered to clients that come through a socket";
    for part in ["here/log?container=a", "here/exec?container=a&command=ls", "here/portforward"] {
        assert_eq!(said(&world, Method::GET, part).await, (501, message.to_owned()), "{part}");
    }
}

#[tokio::test]
async fn a_kubelet_that_does_not_listen_is_said_to() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let world = world(closed);
    let listening = world.server.serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), "t").unwrap();
    let dial = format!("dial tcp 127.0.0.1:{closed}: connect: connection refused");
    let log =
        format!("Get \\\"https://127.0.0.1:{closed}/containerLogs/default/here/a?tailLines=1\\\": {dial}");
    for (part, upgrade, message) in [
        ("log?container=a&tailLines=1", "", log),
        (
            "exec?container=a&command=ls",
            "connection: Upgrade\r\nupgrade: SPDY/3.1\r\n",
            format!("error dialing backend: {dial}"),
        ),
        ("portforward", "", "Upgrade request required".to_owned()),
    ] {
        let mut stream = TcpStream::connect(listening.address()).await.unwrap();
        let head =
            format!("GET {PODS}/here/{part} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer t\r\n{upgrade}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 2048];
        let count = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(answer.contains(&message), "{part}: {answer}");
    }
}
