//! Logs, commands and forwarded ports: kubectl says the same through the embedded API server and through a real one, both
//! with our simulated nodes behind them. The kubectl of the newest Kubernetes and the one on the PATH, over WebSockets and
//! over SPDY.

mod forwarding;
mod kubectl;
mod place;

use kubectl::{Kubectl, clients};
use place::{Place, both};

/// Commands and what is typed into them, as a person would try them.
const LOGS: [(&str, &str); 18] = [
    ("logs deployment/web", ""),
    ("logs -l app=web --prefix --tail=1", ""),
    ("logs two", ""),
    ("logs two -c broken", ""),
    ("logs two -c broken --previous", ""),
    ("logs two -c calm --previous", ""),
    ("logs two -c nobody", ""),
    ("logs two -c first", ""),
    ("logs two --all-containers --prefix", ""),
    ("logs two -c calm --timestamps --since=1h --tail=1", ""),
    ("logs two -c calm --limit-bytes=4", ""),
    ("logs two -c calm --since-time=2030-01-01T00:00:00Z", ""),
    ("logs stuck", ""),
    ("logs nobody", ""),
    ("logs unscheduled", ""),
    ("get --raw /api/v1/namespaces/streams/pods/two/log", ""),
    ("get --raw /api/v1/namespaces/streams/pods/two/log?container=calm&tailLines=-1&limitBytes=0", ""),
    ("get --raw /api/v1/namespaces/streams/pods/two/log?container=calm&sinceSeconds=x", ""),
];

const COMMANDS: [(&str, &str); 20] = [
    ("exec deployment/web -- env", ""),
    ("exec deployment/web -- hostname", ""),
    ("exec two -c calm -- sh -c 'pwd; ls /etc; cat /etc/hostname /etc/resolv.conf'", ""),
    ("exec deployment/web -- sh -c 'cat /words/greeting; ls /words /info; cat /info/labels'", ""),
    ("exec two -- true", ""),
    ("exec two -c calm -- false", ""),
    ("exec two -c calm -- exit 3", ""),
    ("exec two -c calm -- sh -c 'echo out; nothing; exit 7'", ""),
    ("exec two -c calm -- sleep 0.2", ""),
    ("exec two -c calm -- bash", ""),
    ("exec two -c broken -- ls", ""),
    ("exec two -c nobody -- ls", ""),
    ("exec nobody -- ls", ""),
    ("exec stuck -- ls", ""),
    ("exec unscheduled -- ls", ""),
    ("exec -i two -c calm -- cat", "one\ntwo\n"),
    ("exec -i two -c calm -- sh", "echo hi\nls /nothing\nexit 5\n"),
    ("cp two:/etc/hostname /dev/null -c calm", ""),
    ("attach two -c broken", ""),
    ("get --raw /api/v1/namespaces/streams/pods/two/exec?container=calm&command=ls", ""),
];

const FORWARDS: [(&str, &str); 4] = [
    ("port-forward nobody :80", ""),
    ("port-forward stuck :80", ""),
    ("port-forward service/web :81", ""),
    ("get --raw /api/v1/namespaces/streams/pods/two/portforward", ""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_says_the_same_of_logs_commands_and_ports() {
    let places = both().await.unwrap();
    let mut compared = 0;
    for client in clients() {
        for (line, typed) in LOGS.iter().chain(&COMMANDS).chain(&FORWARDS) {
            let said = say_in_both(&places, &client, line, typed).await;
            assert_eq!(
                said[0], said[1],
                "{client}: kubectl {line}\n(embedded on the left, real on the right)"
            );
            compared += 1;
        }
    }
    println!("{compared} commands say the same");
}

async fn say_in_both(places: &[Place; 2], client: &Kubectl, line: &str, typed: &str) -> [String; 2] {
    let [one, other] = places;
    let said = tokio::join!(client.run(one, line, typed), client.run(other, line, typed));
    [said.0.unwrap(), said.1.unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_is_what_a_cluster_would_say() {
    let places = both().await.unwrap();
    let client = clients().remove(0);
    for (line, typed, wanted) in [
        ("exec two -c calm -- exit 3", "", "[3]\n! command terminated with exit code 3\n"),
        ("exec -i two -c calm -- cat", "one\n", "[0]\none\n"),
        (
            "exec -i two -c calm -- sh",
            "echo $HOSTNAME\nexit 5\n",
            "[5]\ntwo\n! command terminated with exit code 5\n",
        ),
        ("logs two -c broken", "", "[0]\nTIME image example/app:bad is broken: exit code 1\n"),
        (
            "logs stuck",
            "",
            "[1]\n! Error from server (BadRequest): container \"app\" in pod \"stuck\" is waiting to start: trying and \
             failing to pull image\n",
        ),
        (
            "get --raw /api/v1/namespaces/streams/pods/two/log",
            "",
            "[1]\n! Error from server (BadRequest): a container name must be specified for pod two, choose one of: \
             [first calm broken]\n",
        ),
    ] {
        for place in &places {
            let said = client.run(place, line, typed).await.unwrap();
            assert_eq!(said, wanted, "{}: kubectl {line}", place.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_are_forwarded_for_many_connections_and_what_is_not_open_is_said() {
    let places = both().await.unwrap();
    for client in clients() {
        for place in &places {
            for what in ["deployment/web :8080", "service/web :80", "pod/two :8081"] {
                forwarding::reaches(place, &client, what).await.unwrap();
            }
            forwarding::says_what_is_closed(place, &client).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_a_log_sees_requests_and_the_end() {
    let places = both().await.unwrap();
    let client = clients().remove(0);
    for place in &places {
        forwarding::is_followed(place, &client).await.unwrap();
    }
}
