//! What Argo CD and Flux make of objects, by their own rules: `tests/gitops` runs these.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

/// The program answers within a moment; its rules may take a second.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A running `gitops-rules`. It is asked without awaiting, so that a paused clock stands still meanwhile.
pub struct GitOpsRules {
    program: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
}

/// What the rules say of an object.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    /// Health, or status.
    pub status: String,
    /// Why.
    pub message: String,
    /// Actions that are offered and not greyed out.
    pub enabled: Vec<String>,
    /// What an action sends to the status subresource.
    pub status_patch: Option<Value>,
    /// What an action sends to the object itself.
    pub patch: Option<Value>,
    /// Why the rules have no answer.
    pub error: Option<String>,
}

impl GitOpsRules {
    /// Starts the program.
    ///
    /// # Panics
    /// If it has not been built.
    pub fn start() -> Self {
        let test = std::env::current_exe().unwrap_or_default();
        // Tests run in `target/PROFILE/deps`.
        let target = test.ancestors().nth(3).unwrap_or(&test);
        let path = target.join("tools/gitops-rules");
        assert!(path.is_file(), "{} is not built: run `bash tests/gitops/build`", path.display());
        let mut command = Command::new(&path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().expect("gitops-rules starts");
        let questions = program.stdin.take().expect("a pipe");
        let answered = BufReader::new(program.stdout.take().expect("a pipe"));
        Self { program, questions, answers: read_lines(answered) }
    }

    /// Argo CD's health of an object.
    pub fn argo_health(&mut self, object: &Value) -> Answer {
        self.ask(&json!({"ask": "argocd health", "object": object}))
    }

    /// The actions that Argo CD offers.
    pub fn argo_actions(&mut self, object: &Value) -> Vec<String> {
        self.ask(&json!({"ask": "argocd actions", "object": object})).enabled
    }

    /// What Argo CD sends for an action.
    pub fn argo_action(&mut self, object: &Value, action: &str) -> Answer {
        self.ask(&json!({"ask": "argocd action", "action": action, "object": object}))
    }

    /// The status of an object for Helm, and for Flux where it is told nothing about the kind.
    pub fn kstatus(&mut self, object: &Value) -> Answer {
        self.ask(&json!({"ask": "kstatus", "object": object}))
    }

    /// The status of an object for Flux where a Kustomization has these `healthCheckExprs`.
    pub fn flux(&mut self, object: &Value, expressions: &Value) -> Answer {
        self.ask(&json!({"ask": "flux", "expressions": expressions, "object": object}))
    }

    fn ask(&mut self, question: &Value) -> Answer {
        writeln!(self.questions, "{question}").expect("gitops-rules takes a question");
        let line = self.answers.recv_timeout(ANSWER_MAX);
        let line = line.unwrap_or_else(|error| panic!("gitops-rules has no answer to {question}: {error}"));
        serde_json::from_str(&line).expect("an answer")
    }
}

/// A pipe cannot be read with a bound otherwise.
#[expect(clippy::disallowed_methods, reason = "nothing of a simulation runs on this thread")]
fn read_lines(pipe: impl BufRead + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || pipe.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

impl Drop for GitOpsRules {
    fn drop(&mut self) {
        // It ends by itself where its questions end; whoever waits for that waits for nothing.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
