//! A cluster as a recording shows it, and a browser that looks at the dashboard.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::{ServiceExt, service_fn};
use verdigris_dashboard::{Clock, Dashboard, Options, Secret};
use verdigris_playground_apiserver::server::ApiServer;

/// What was sent to the API server: path, media type, body.
pub type Sent = (String, String, Value);

/// Revision 2 waits in preview for its promotion; revision 1 is active.
pub const PAUSED: &str = include_str!("../../../tests/fixtures/peer/manual/02-paused-r2.json");
/// Revision 2 is active, revision 1 still warm.
pub const WARM: &str = include_str!("../../../tests/fixtures/peer/manual/03-promoted-r2-old-warm.json");
/// Revision 2 takes the traffic and is analysed; the analysis before that has succeeded.
pub const ANALYSED: &str =
    include_str!("../../../tests/fixtures/peer/analysis/03-switched-post-running.json");
/// Revision 2 was aborted.
pub const ABORTED: &str = include_str!("../../../tests/fixtures/peer/abort/03-aborted.json");

const HOST: &str = "127.0.0.1:3100";
const CRD: &str = include_str!("../../../crds/yaml/rollouts.argoproj.io.yaml");
const ANALYSIS_RUN_CRD: &str = include_str!("../../../crds/yaml/analysisruns.argoproj.io.yaml");
/// Where the AnalysisRuns are.
pub const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns";

/// A cluster with a dashboard that watches it.
pub struct World {
    pub server: ApiServer,
    pub router: Router,
    /// PATCH requests that came from the dashboard.
    patches: Arc<Mutex<Vec<Sent>>>,
    /// While true the API server answers nothing to the dashboard.
    pub silent: watch::Sender<bool>,
    _follow: tokio::task::JoinHandle<()>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

/// The time in all tests: half a minute after the recordings of "manual" began.
pub fn clock() -> Clock {
    let now: jiff::Timestamp = "2026-11-21T07:04:12Z".parse().expect("a time");
    Arc::new(move || now)
}

impl World {
    /// A cluster with nothing but the kind.
    pub async fn empty() -> Self {
        Self::with_options(Options::default()).await
    }

    /// A cluster with the objects of a recording, in namespace `shop`, and a dashboard that has seen them.
    pub async fn of(recording: &str) -> Self {
        let world = Self::empty().await;
        world.load(recording);
        world.until("/rollouts/rollout/shop/app", |page| page.contains("Revision 1")).await;
        world.until("/rollouts/rollout/shop/app", |page| page.contains("app-active sends to")).await;
        world
    }

    pub async fn with_options(options: Options) -> Self {
        let world = Self::begin(options, false, true);
        world.until("/rollouts/", |page| !page.contains("Still reading")).await;
        world
    }

    /// A cluster that does not answer yet.
    pub fn silent() -> Self {
        Self::begin(Options::default(), true, true)
    }

    /// A cluster that does not know what an AnalysisRun is.
    pub fn without_analyses() -> Self {
        Self::begin(Options::default(), false, false)
    }

    fn begin(options: Options, silent: bool, with_analyses: bool) -> Self {
        let server = ApiServer::new(clock(), 1);
        server.apply_crd(CRD).expect("the CRD is good");
        if with_analyses {
            server.apply_crd(ANALYSIS_RUN_CRD).expect("the CRD is good");
        }
        let (patches, silent) = (Arc::new(Mutex::new(Vec::new())), watch::Sender::new(silent));
        let recorder = recorder(server.clone(), patches.clone(), silent.subscribe());
        let client = kube::Client::new(recorder, "default");
        let dashboard = Dashboard::new(client, options, clock(), Secret::new([7; 32])).expect("good options");
        let follow = tokio::spawn(dashboard.follow());
        Self { server, router: dashboard.router(), patches, silent, _follow: follow }
    }

    /// Creates the objects of a recording; UIDs are new, so owners are named anew.
    pub fn load(&self, recording: &str) {
        let recorded: Value = serde_json::from_str(recording).expect("a recording");
        let post = |path: &str, object: &Value| self.ask(Method::POST, path, object);
        post("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}}));
        let rollout =
            post("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts", &bare(&recorded["rollout"]));
        let mut status = recorded["rollout"]["status"].clone();
        status["observedGeneration"] = json!(rollout["metadata"]["generation"].to_string());
        self.set_status(&json!({"status": status}));
        for service in recorded["services"].as_array().into_iter().flatten() {
            post("/api/v1/namespaces/shop/services", &bare(service));
        }
        for run in recorded["analysisruns"].as_array().into_iter().flatten() {
            let mut wanted = bare(run);
            wanted["metadata"]["ownerReferences"][0]["uid"] = rollout["metadata"]["uid"].clone();
            // They have no subresource: whoever measures writes the status with the rest.
            wanted["status"] = run["status"].clone();
            post(RUNS, &wanted);
        }
        for set in recorded["replicasets"].as_array().into_iter().flatten() {
            let mut wanted = bare(set);
            wanted["metadata"]["ownerReferences"][0]["uid"] = rollout["metadata"]["uid"].clone();
            let created = post("/apis/apps/v1/namespaces/shop/replicasets", &wanted);
            let mut status = set["status"].clone();
            status["observedGeneration"] = created["metadata"]["generation"].clone();
            let path = format!("/apis/apps/v1/namespaces/shop/replicasets/{}/status", text(&created, "name"));
            self.ask(Method::PATCH, &path, &json!({"status": status}));
            for number in 0..set["spec"]["replicas"].as_i64().unwrap_or_default() {
                self.ask(Method::POST, "/api/v1/namespaces/shop/pods", &pod_of(&created, number));
            }
        }
    }

    /// A status, written as the controller would.
    pub fn set_status(&self, patch: &Value) {
        self.ask(Method::PATCH, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/app/status", patch);
    }

    pub fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        self.server.ask(method, path, body).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// Asks for a page as a browser would.
    pub async fn get(&self, path: &str) -> Page {
        let request = Request::get(path).header(header::HOST, HOST).body(Body::empty());
        read(self.send(request.expect("a request")).await).await
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("routers do not fail")
    }

    /// Opens the page of the Rollout, presses the button with this verb and then "Sure?".
    pub async fn press(&self, verb: &str) -> Page {
        let page = self.get("/rollouts/rollout/shop/app").await;
        let form = Form::find(&page, verb).unwrap_or_else(|| panic!("there is no button {verb}"));
        read(self.send(form.request(HOST)).await).await
    }

    /// The PATCH requests since this was last asked.
    pub fn patches(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.patches.lock().expect("no test panics in between"))
    }

    /// Waits (virtual time) until a page is as it should be.
    pub async fn until(&self, path: &str, good: impl Fn(&str) -> bool) {
        for _ in 0..500 {
            if good(&self.get(path).await.body) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never became good: {}", self.get(path).await.body);
    }
}

/// A form of a page.
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
    pub cookie: String,
}

impl Form {
    /// The form that posts this verb.
    pub fn find(page: &Page, verb: &str) -> Option<Self> {
        let start = page.body.find(&format!("/shop/app/{verb}\""))?;
        let action_at = page.body[..start].rfind('"')? + 1;
        let action_end = start + page.body[start..].find('"')?;
        let form = &page.body[start..start + page.body[start..].find("</form>")?];
        let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
        let field = |input: &str| {
            let (name, rest) = input.split_once("\" value=\"")?;
            Some((name.to_owned(), rest.split('"').next()?.to_owned()))
        };
        let cookie = page.headers.get(header::SET_COOKIE)?.to_str().ok()?.split(';').next()?.to_owned();
        Some(Self {
            action: page.body[action_at..action_end].to_owned(),
            fields: inputs.filter_map(field).collect(),
            cookie,
        })
    }

    /// What a browser posts.
    pub fn request(&self, host: &str) -> Request<Body> {
        let body: Vec<String> = self.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::post(&self.action)
            .header(header::HOST, host)
            .header(header::ORIGIN, format!("http://{host}"))
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")))
            .expect("a request")
    }
}

pub async fn read(response: Response<Body>) -> Page {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    Page {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(bytes.to_vec()).expect("pages are text"),
    }
}

/// Hands requests on to the server and keeps the PATCHes.
fn recorder(
    server: ApiServer,
    patches: Arc<Mutex<Vec<Sent>>>,
    silent: watch::Receiver<bool>,
) -> impl tower::Service<
    Request<kube::client::Body>,
    Response = Response<verdigris_playground_apiserver::service::ResponseBody>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    service_fn(move |request: Request<kube::client::Body>| {
        let (server, patches, mut silent) = (server.clone(), patches.clone(), silent.clone());
        async move {
            let _ = silent.wait_for(|silent| !silent).await;
            let (head, body) = request.into_parts();
            let bytes = body.collect().await.expect("a whole body").to_bytes();
            if head.method == Method::PATCH {
                let media = head.headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
                let sent = serde_json::from_slice(&bytes).unwrap_or_default();
                let media = media.unwrap_or_default().to_owned();
                patches.lock().expect("no test panics in between").push((
                    head.uri.path().to_owned(),
                    media,
                    sent,
                ));
            }
            server.oneshot(Request::from_parts(head, kube::client::Body::from(bytes))).await
        }
    })
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!("shop");
    for field in ["uid", "resourceVersion", "generation"] {
        object["metadata"].as_object_mut().expect("metadata").remove(field);
    }
    object.as_object_mut().expect("an object").remove("status");
    // Addresses of the recorded cluster; this one gives its own.
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.retain(|field, _| !field.starts_with("clusterIP"));
    }
    object
}

fn pod_of(set: &Value, number: i64) -> Value {
    json!({
        "metadata": {
            "name": format!("{}-{number}", text(set, "name")),
            "labels": set["spec"]["selector"]["matchLabels"],
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
                "name": set["metadata"]["name"], "uid": set["metadata"]["uid"],
            }],
        },
        "spec": {"containers": [{"name": "app", "image": "example/app:1"}]},
    })
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}
