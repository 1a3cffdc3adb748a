//! An API server that holds a recorded state, and the program run against it.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};
use verdigris_playground_apiserver::{http_server::Listening, server::ApiServer};

const TOKEN: &str = "a-token-for-tests";
const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/analysisruns";

/// An API server with one Rollout `app`, its ReplicaSets and Services; no controller, so nothing changes by itself.
pub struct World {
    server: ApiServer,
    listening: Listening,
    _runtime: Runtime,
}

/// What a run of the program left.
pub struct Ran {
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
    /// The exit code.
    pub code: Option<i32>,
}

#[expect(clippy::disallowed_methods, reason = "the program under test has the real time too")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl World {
    /// A server that knows Rollouts, and has none.
    pub fn empty() -> Self {
        let world = Self::without_analyses();
        world.server.apply_crd(include_str!("../../../crds/yaml/analysisruns.argoproj.io.yaml")).unwrap();
        world
    }

    /// A server that knows Rollouts, but not what an AnalysisRun is.
    pub fn without_analyses() -> Self {
        let world = Self::without_rollouts();
        world.server.apply_crd(include_str!("../../../crds/yaml/rollouts.argoproj.io.yaml")).unwrap();
        world
    }

    /// A server that does not know what a Rollout is.
    pub fn without_rollouts() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = ApiServer::new(Arc::new(now), 1);
        let listening = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            server.serve(listener, TOKEN).unwrap()
        });
        Self { server, listening, _runtime: runtime }
    }

    /// A server that holds the state of this recording.
    pub fn recorded(recording: &str) -> Self {
        let world = Self::empty();
        world.load(recording);
        world
    }

    /// Creates the objects of this recording.
    pub fn load(&self, recording: &str) {
        let recording: Value = serde_json::from_str(recording).unwrap();
        let rollout = self.create(ROLLOUTS, &recording["rollout"]);
        let mut status = recording["rollout"]["status"].clone();
        status["observedGeneration"] = rollout["metadata"]["generation"].to_string().into();
        self.patch(&format!("{ROLLOUTS}/app/status"), &json!({ "status": status }));
        for set in recording["replicasets"].as_array().unwrap() {
            let mut set = set.clone();
            set["metadata"]["ownerReferences"][0]["uid"] = rollout["metadata"]["uid"].clone();
            let name = self.create(REPLICA_SETS, &set)["metadata"]["name"].as_str().unwrap().to_owned();
            let mut status = set["status"].clone();
            status["observedGeneration"] = 1.into();
            self.patch(&format!("{REPLICA_SETS}/{name}/status"), &json!({ "status": status }));
        }
        for service in recording["services"].as_array().unwrap() {
            let mut service = service.clone();
            service["spec"].as_object_mut().unwrap().retain(|key, _| !key.starts_with("clusterIP"));
            self.create("/api/v1/namespaces/default/services", &service);
        }
        for run in recording["analysisruns"].as_array().into_iter().flatten() {
            let mut run = run.clone();
            run["metadata"]["ownerReferences"][0]["uid"] = rollout["metadata"]["uid"].clone();
            // They have no subresource: whoever measures writes the status with the rest.
            self.create(RUNS, &run);
        }
    }

    /// Creates a namespace.
    pub fn create_namespace(&self, name: &str) {
        let namespace = json!({"metadata": {"name": name}});
        self.server.ask(Method::POST, "/api/v1/namespaces", &namespace).unwrap();
    }

    /// Merges into the AnalysisRun of this name.
    pub fn patch_run(&self, name: &str, patch: &Value) {
        self.patch(&format!("{RUNS}/{name}"), patch);
    }

    fn create(&self, path: &str, object: &Value) -> Value {
        let mut object = object.clone();
        object["metadata"]["namespace"] = "default".into();
        let metadata = object["metadata"].as_object_mut().unwrap();
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(key);
        }
        self.server.ask(Method::POST, path, &object).unwrap()
    }

    /// Merges into the object at this path.
    pub fn patch(&self, path: &str, patch: &Value) {
        self.server.ask(Method::PATCH, path, patch).unwrap();
    }

    /// Merges into the Rollout's status.
    pub fn patch_status(&self, status: &Value) {
        self.patch(&format!("{ROLLOUTS}/app/status"), &json!({ "status": status }));
    }

    /// The Rollout.
    pub fn rollout(&self) -> Value {
        self.server.ask(Method::GET, &format!("{ROLLOUTS}/app"), &Value::Null).unwrap()
    }

    /// Writes that changed something, since so many: `patch rollouts/status` and the like.
    pub fn writes_since(&self, sequence: u64) -> Vec<String> {
        let writes = self.server.writes_since(sequence).into_iter().filter(|write| write.changed);
        let path = |plural: &str, subresource: &str| match subresource {
            "" => plural.to_owned(),
            subresource => format!("{plural}/{subresource}"),
        };
        writes
            .map(|write| {
                let verb = format!("{:?}", write.verb).to_lowercase();
                format!("{verb} {} as {}", path(&write.plural, &write.subresource), write.manager)
            })
            .collect()
    }

    /// How many writes there were.
    pub fn write_count(&self) -> u64 {
        self.server.write_count()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-rollouts"));
        command.args(["--server", &format!("http://{}", self.listening.address()), "--token", TOKEN]);
        command.args(words.split_whitespace());
        command.env("KUBECONFIG", "no-such-file").env("HOME", "no-such-directory").env("USER", "anna");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, words: &str) -> Ran {
        Ran::of(self.start(words))
    }

    /// Asks for the candidates in the place of the last word.
    pub fn complete(&self, words: &[&str]) -> Ran {
        let address = format!("http://{}", self.listening.address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-rollouts"));
        command.args(["__complete", "--server", &address, "--token", TOKEN]).args(words);
        command.env("KUBECONFIG", "no-such-file").env("HOME", "no-such-directory");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ran::of(command.spawn().unwrap())
    }

    /// Starts the program.
    pub fn start(&self, words: &str) -> Child {
        self.command(words).spawn().unwrap()
    }
}

impl Ran {
    /// Waits for the end.
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Checks all that it left.
    #[track_caller]
    pub fn left(&self, code: i32, out: &str, err: &str) {
        assert_eq!((self.out.as_str(), self.err.as_str(), self.code), (out, err, Some(code)));
    }
}
