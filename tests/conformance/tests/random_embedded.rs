//! Random requests to the embedded server alone: whatever comes, it answers; no watch ever disagrees with a list; and
//! what it remembers is bounded. (That is measured in a process of its own.)

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{env, fs};

use proptest::{collection::vec, prelude::*, test_runner::FileFailurePersistence};
use verdigris_conformance::random::{stepped::Stepped, steps::sequences};
use verdigris_playground_apiserver::collection::Limits;

const DEFINITIONS: [&str; 2] =
    [include_str!("../src/random/widgets.yaml"), verdigris_crds::manifest::ROLLOUT_YAML];

fn config() -> ProptestConfig {
    let cases = env::var("VERDIGRIS_RANDOM_CASES").map_or(300, |text| text.parse().unwrap());
    ProptestConfig {
        cases,
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..ProptestConfig::default()
    }
}

/// Parts of requests that mean something somewhere.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "api",
        "apis",
        "v1",
        "apps",
        "namespaces",
        "ns",
        "configmaps",
        "pods",
        "deployments",
        "status",
        "scale",
        "a",
        "watch",
        "openapi",
        "v3",
        "v2",
        "eviction",
        "binding",
        "..",
        "%2F",
        "%zz",
        "customresourcedefinitions",
        "random.example.com",
        "widgets",
        "default",
        "log",
        "proxy",
        "",
        "?",
        "nodes",
        "finalize",
        "healthz",
        "metrics",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn parameter() -> impl Strategy<Value = String> {
    let known = [
        "watch",
        "limit",
        "continue",
        "labelSelector",
        "fieldSelector",
        "resourceVersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "timeoutSeconds",
        "dryRun",
        "fieldManager",
        "force",
        "fieldValidation",
        "pretty",
        "gracePeriodSeconds",
        "propagationPolicy",
        "orphanDependents",
        "allowWatchBookmarks",
        "includeObject",
    ];
    let value = prop_oneof![
        "(true|false|1|0|-1|99999999999999999999|All|Strict|Exact|NotOlderThan)",
        "[a-z!=,()%+ ]{0,12}",
        ".{0,16}"
    ];
    (proptest::sample::select(known.to_vec()), value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = r#"\{("(apiVersion|kind|metadata|spec|data|status|items)":(\{"name":"a"\}|"[a-z0-9/]{0,6}"|null|[0-9]{1,20}|\[\{?\]?),?){0,4}\}?"#;
    prop_oneof![
        vec(any::<u8>(), 0..64),
        text.prop_map(String::into_bytes),
        // The beginnings of protocol buffers and of nested input.
        vec(any::<u8>(), 0..48).prop_map(|rest| [b"k8s\0".as_slice(), &rest].concat()),
        (1usize..4000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        (1usize..4000).prop_map(|depth| "{\"a\":".repeat(depth).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_watch_never_disagrees_with_a_list(asked in sequences()) {
        let mut stepped = Stepped::new(&DEFINITIONS, Limits::default());
        if let Err(why) = stepped.play(&asked) {
            return Err(TestCaseError::fail(why));
        }
    }

    #[test]
    fn whatever_comes_is_answered(
        method in "(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ODD)",
        words in vec(word(), 0..7),
        parameters in vec(parameter(), 0..4),
        media in "(application/(json|yaml|merge-patch\\+json|json-patch\\+json|strategic-merge-patch\\+json|apply-patch\\+yaml|vnd\\.kubernetes\\.protobuf)|[ -~]{0,12})",
        accept in "(application/json(;as=(Table|PartialObjectMetadata|APIGroupDiscoveryList|Odd);v=v[12]{0,4};g=[a-z.0-9]{0,12})?|[ -~]{0,20})",
        body in body(),
    ) {
        let (code, _) = common::whole(&method, &format!("/{}", words.join("/")), &parameters.join("&"), &media, &accept, body);
        prop_assert!((200..600).contains(&code), "{code}");
    }
}

mod common {
    use std::sync::Arc;

    use bytes::Bytes;
    use http_body_util::Full;
    use jiff::Timestamp;
    use tower::Service as _;
    use verdigris_playground_apiserver::server::ApiServer;

    thread_local! {
        static SERVER: ApiServer = ApiServer::new(Arc::new(|| Timestamp::UNIX_EPOCH), 1);
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    }

    /// One request through everything that stands between a connection and the store. What cannot be a request at all
    /// never gets there, and counts as refused.
    pub fn whole(
        method: &str,
        path: &str,
        query: &str,
        media: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> (u16, usize) {
        let size = body.len();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{path}?{query}"))
            .header("content-type", media)
            .header("accept", accept)
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return (400, size) };
        let code = RUNTIME.with(|runtime| {
            SERVER.with(|server| runtime.block_on(server.clone().call(request)).unwrap().status().as_u16())
        });
        (code, size)
    }
}

/// Resident memory in KiB.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_it_remembers_is_bounded() {
    const ROUND: usize = 1_500;
    const CONFIG_MAPS: &str = "/api/v1/namespaces/ns/configmaps";
    let limits = Limits { events_max: 500, ..Limits::default() };
    let mut stepped = Stepped::new(&DEFINITIONS, limits);
    let mut round = |number: usize| {
        for index in 0..ROUND {
            let name = format!("c{}", index % 7);
            let data = "x".repeat(index % 500);
            let object = format!(r#"{{"metadata":{{"name":"{name}"}},"data":{{"k":"{data}"}}}}"#);
            let path = format!("{CONFIG_MAPS}/{name}");
            stepped.ask("POST", CONFIG_MAPS, "", "application/json", "", &object);
            stepped.ask("PUT", &path, "", "application/json", "", &object);
            let manager = format!("fieldManager=m{}&force=true", index % 50);
            let wanted = format!(
                r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},"data":{{"m":"{index}"}}}}"#
            );
            stepped.ask("PATCH", &path, &manager, "application/apply-patch+yaml", "", &wanted);
            stepped.ask("GET", CONFIG_MAPS, "watch=true", "", "", "");
            if index % 3 == 0 {
                stepped.ask("DELETE", &path, "", "", "", "");
            }
            if index % 100 == 0 {
                let name = format!("w{number}x{index}");
                let definition = include_str!("../src/random/widgets.yaml")
                    .replace("widgets", &name)
                    .replace("shortNames: [wd]", "shortNames: []");
                let definition: serde_json::Value = serde_saphyr::from_str(
                    &definition
                        .replace("Widget", &name.to_uppercase())
                        .replace("singular: widget", &format!("singular: {name}")),
                )
                .unwrap();
                let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
                let (code, body) =
                    stepped.ask("POST", definitions, "", "application/json", "", &definition.to_string());
                assert_eq!(code, 201, "{body}");
                stepped.ask("DELETE", &format!("{definitions}/{name}.random.example.com"), "", "", "", "");
            }
        }
    };
    // Until its memory of the past is full.
    (0..3).for_each(&mut round);
    let before = resident_kib();
    (3..8).for_each(&mut round);
    let grown = resident_kib().saturating_sub(before);
    // Other tests of this process come and go beside it.
    assert!(grown < 32 << 10, "{grown} KiB more after as much again");
}
