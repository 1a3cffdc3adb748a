//! What scenarios need of a world, whichever API server is in it.

use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::facts::Snapshot;

/// A server gives up on a request after a minute.
const ANSWER_MAX: Duration = Duration::from_secs(70);

/// A cluster with our controller in it, in virtual time or in real.
#[expect(async_fn_in_trait, reason = "scenarios wait in the task that asks")]
pub trait AnyWorld {
    /// A client with all rights.
    fn client(&self) -> kube::Client;

    /// Waits until things are as they must become, and gives what `look` found then.
    ///
    /// In virtual time that is once nothing is written any more, and there is one look. In real time nobody can tell a rest
    /// from a pause: there it looks again and again, within a bound.
    ///
    /// # Errors
    /// What `look` said last.
    async fn comes_to<T>(&self, look: impl AsyncFnMut() -> Result<T, String>) -> Result<T, String>;

    /// What the clock of this world shows.
    fn now(&self) -> Timestamp;

    /// Lets so many seconds pass.
    async fn wait_seconds(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    /// Creates a namespace.
    async fn create_namespace(&self, name: &str) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.create(&namespace).await.expect("a namespace");
    }

    /// Creates an object of a kind that scenarios use.
    ///
    /// # Errors
    /// The `Status` with which the API server refuses.
    async fn create(&self, object: &Value) -> Result<Value, Value> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let path = match object["kind"].as_str() {
            Some("Namespace") => "/api/v1/namespaces".to_owned(),
            Some("Service") => format!("/api/v1/namespaces/{namespace}/services"),
            Some("ServiceAccount") => format!("/api/v1/namespaces/{namespace}/serviceaccounts"),
            Some("RoleBinding") => {
                format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings")
            }
            Some("ConfigMap") => format!("/api/v1/namespaces/{namespace}/configmaps"),
            Some("PodTemplate") => format!("/api/v1/namespaces/{namespace}/podtemplates"),
            Some("Deployment") => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
            Some("Rollout") => rollouts(namespace),
            Some("AnalysisTemplate") => {
                format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/analysistemplates")
            }
            other => panic!("no scenario creates {other:?}"),
        };
        self.ask("POST", &path, "application/json", object).await
    }

    /// Merges `change` into the object at `path`.
    ///
    /// # Errors
    /// The `Status` with which the API server refuses.
    async fn merge(&self, path: &str, change: &Value) -> Result<Value, Value> {
        self.ask("PATCH", path, "application/merge-patch+json", change).await
    }

    /// The Rollout of this name, as the API server has it.
    ///
    /// # Panics
    /// If there is none.
    async fn get_rollout(&self, namespace: &str, name: &str) -> Value {
        self.get(&format!("{}/{name}", rollouts(namespace))).await
    }

    /// Waits until the controller has seen the newest spec of the Rollout `app`, and says that it is in this phase.
    ///
    /// # Panics
    /// If it never does; says what its status was.
    async fn comes_to_phase(&self, namespace: &str, phase: &str) {
        let in_phase = async || {
            let rollout = self.get_rollout(namespace, "app").await;
            let status = &rollout["status"];
            let generation = rollout["metadata"]["generation"].to_string();
            let seen = status["observedGeneration"].as_str() == Some(&generation);
            if seen && status["phase"] == phase { Ok(()) } else { Err(status.to_string()) }
        };
        self.comes_to(in_phase).await.unwrap_or_else(|seen| panic!("{phase}: {seen}"));
    }

    /// The Rollout, its ReplicaSets and its Services.
    async fn snapshot(&self, namespace: &str, name: &str) -> Snapshot {
        let list = |path: String, kind: &'static str| async move {
            let mut items = self.get(&path).await["items"].as_array().cloned().unwrap_or_default();
            for item in &mut items {
                item["kind"] = kind.into();
            }
            items
        };
        Snapshot {
            rollout: self.get_rollout(namespace, name).await,
            replica_sets: list(format!("/apis/apps/v1/namespaces/{namespace}/replicasets"), "ReplicaSet")
                .await,
            services: list(format!("/api/v1/namespaces/{namespace}/services"), "Service").await,
            deployment: None,
        }
    }

    /// Events about Rollouts, oldest first: `type reason object xN: text`.
    async fn events(&self, namespace: &str) -> Vec<String> {
        let events = self.get(&format!("/api/v1/namespaces/{namespace}/events")).await;
        let about = |event: &&Value| event["involvedObject"]["kind"] == "Rollout";
        let line = |event: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} Rollout/{} x{}: {}",
                text(&event["type"]),
                text(&event["reason"]),
                text(&event["involvedObject"]["name"]),
                event["count"].as_i64().unwrap_or(1),
                text(&event["message"]),
            )
        };
        events["items"].as_array().into_iter().flatten().filter(about).map(line).collect()
    }

    /// Sends any request; gives the code and the body (a string if it is no JSON).
    async fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(path)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::USER_AGENT, "scenario")
            .body(Body::from(body.into()))
            .expect("a request");
        let exchange = async {
            let answer = self.client().send(request).await.expect("an answer");
            let code = answer.status().as_u16();
            (code, answer.into_body().collect().await.expect("a whole body").to_bytes())
        };
        let exchange = timeout(ANSWER_MAX, exchange).await;
        let (code, bytes) =
            exchange.unwrap_or_else(|_| panic!("{method} {path}: no answer within {ANSWER_MAX:?}"));
        let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// The same with a JSON body, and only answers that are good are good.
    ///
    /// # Errors
    /// The `Status` with which the API server refuses.
    async fn ask(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Result<Value, Value> {
        let (code, answer) = self.request(method, path, content_type, body.to_string()).await;
        if code < 300 { Ok(answer) } else { Err(answer) }
    }

    /// What is at this path.
    ///
    /// # Panics
    /// If there is nothing.
    async fn get(&self, path: &str) -> Value {
        let (code, answer) = self.request("GET", path, "application/json", Vec::new()).await;
        assert_eq!(code, 200, "GET {path}: {answer}");
        answer
    }
}

fn rollouts(namespace: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts")
}
