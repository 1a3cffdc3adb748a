//! What buttons do: a live read, the patches of [`verdigris_core::action`], the API server's answer in a sentence.
//!
//! Nothing is decided on the store: it may be behind. What the page showed goes into the request (the hash and revision
//! that are meant), so that a click never means a version that the user has not seen.

mod send;

use std::time::Duration;

use axum::{
    Extension,
    extract::{Form, Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use verdigris_core::action::{self, Past, Plan, Promote, Refusal, Undo, Who};
use verdigris_core::view::Version;
use verdigris_crds::{Rollout, keys};

use crate::{
    guard::Session,
    pages::list::outside,
    problem::Problem,
    state::{App, Shared},
    store::Key,
};

/// A plan names the version that was read; if the controller wrote in between, read and plan again so many times.
const TRIES_MAX: u32 = 3;

/// Longer than this nobody waits for the answer to a click.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const SILENT: &str =
    "The API server has not answered for 10 seconds. Whether it was done will show on the page.";

/// What can be done to a Rollout from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Promote,
    PromoteFull,
    Abort,
    Retry,
    Undo,
    UndoNow,
}

impl Verb {
    const ALL: [Self; 6] =
        [Self::Promote, Self::PromoteFull, Self::Abort, Self::Retry, Self::Undo, Self::UndoNow];

    /// In paths.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::PromoteFull => "promote-full",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::Undo => "undo",
            Self::UndoNow => "undo-now",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// What was done, for a page that is loaded anew.
    pub(crate) const fn done(self) -> &'static str {
        match self {
            Self::Promote => "Promoted.",
            Self::PromoteFull => "Fully promoted.",
            Self::Abort => "Aborted.",
            Self::Retry => "Retried.",
            Self::Undo => "Rolled back: the earlier revision comes back as a new one.",
            Self::UndoNow => "Rolled back now: the earlier revision takes the traffic.",
        }
    }
}

/// The fields of a form.
#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    /// The CSRF token.
    #[serde(default)]
    token: String,
    /// The version that the page showed as the newest.
    hash: Option<String>,
    revision: Option<u64>,
    /// The revision to go back to.
    to: Option<u64>,
}

/// Why nothing was done, or not all.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("There is no Rollout {} in namespace {}; perhaps it was deleted.", .0.1, .0.0)]
    Missing(Key),
    #[error("This form does not say to which revision to go back; load the page again.")]
    NoRevision,
    #[error("The update is another one now; look at the page again before you retry it.")]
    Superseded,
    #[error("The Rollout cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{what}: {}", send::words(.source))]
    Api { what: &'static str, source: kube::Error },
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(_) | Self::Superseded => StatusCode::CONFLICT,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::NoRevision => StatusCode::BAD_REQUEST,
            Self::Unreadable(_) => StatusCode::BAD_GATEWAY,
            Self::Api { source, .. } => send::status(source),
        }
    }

    /// Somebody wrote in between: a resourceVersion is not the newest any more (409), or the `test` of a JSON patch
    /// failed (422 without a cause; a value that is not allowed has causes).
    fn is_conflict(&self) -> bool {
        let Self::Api { source: kube::Error::Api(status), .. } = self else { return false };
        let no_cause = status.details.as_ref().is_none_or(|details| details.causes.is_empty());
        status.code == 409 || (status.code == 422 && no_cause)
    }
}

/// A button was pressed, twice.
pub(crate) async fn act(
    State(app): State<App>,
    Path((namespace, name, verb)): Path<(String, String, String)>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    form: Result<Form<Fields>, FormRejection>,
) -> Response {
    let key = (namespace, name);
    let by_script = headers.get("x-requested-with").is_some();
    let answer = match checked(&app, &key, &verb, &session, form) {
        Ok((verb, fields)) => match timeout(ANSWER_MAX, run(&app, &key, verb, &fields)).await {
            Ok(Ok(plan)) => Ok((verb, plan)),
            Ok(Err(failure)) => Err(app.problem(failure.status(), failure.to_string())),
            Err(_) => Err(app.problem(StatusCode::GATEWAY_TIMEOUT, SILENT)),
        },
        Err(problem) => Err(problem),
    };
    match answer {
        Ok((_, plan)) if by_script => {
            let mut sentences = vec![plan.done];
            sentences.extend(plan.notes);
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], sentences.join("; ")).into_response()
        }
        Ok((verb, _)) => {
            Redirect::to(&format!("{}?done={}", app.rollout_url(&key), verb.as_str())).into_response()
        }
        Err(problem) if by_script => problem.into_text(),
        Err(problem) => problem.back_to(app.rollout_url(&key)).into_response(),
    }
}

/// Whether the request is whole and comes from a page of ours.
fn checked(
    app: &Shared,
    key: &Key,
    verb: &str,
    session: &Session,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<(Verb, Fields), Problem> {
    if let Some(problem) = outside(app, &key.0, Some(&key.1)) {
        return Err(problem);
    }
    let Form(fields) = form.map_err(|rejection| app.problem(rejection.status(), rejection.body_text()))?;
    if !app.secret.is_form_token(&session.0, &fields.token) {
        let sentence = "This page is from before the dashboard was started again; load it again and repeat.";
        return Err(app.problem(StatusCode::FORBIDDEN, sentence));
    }
    let Some(verb) = Verb::named(verb) else {
        return Err(app.problem(StatusCode::NOT_FOUND, format!("There is no action {verb:?}.")));
    };
    Ok((verb, fields))
}

/// Reads, plans and writes; again if somebody wrote in between.
async fn run(app: &Shared, key: &Key, verb: Verb, fields: &Fields) -> Result<Plan, Failure> {
    let mut tries = 1;
    loop {
        let plan = plan(app, key, verb, fields).await?;
        match send::all(app, key, &plan.patches).await {
            Ok(()) => {
                tracing::info!(
                    namespace = key.0,
                    rollout = key.1,
                    verb = verb.as_str(),
                    "done from the dashboard"
                );
                return Ok(plan);
            }
            Err(failure) if failure.is_conflict() && tries < TRIES_MAX => tries += 1,
            Err(failure) => return Err(failure),
        }
    }
}

async fn plan(app: &Shared, key: &Key, verb: Verb, fields: &Fields) -> Result<Plan, Failure> {
    let rollout = read_rollout(app, key).await?;
    let past = read_past(app, key, &rollout).await?;
    let current = current(&rollout, &past);
    let who = Who { user: app.options.user.clone(), by: "dashboard".to_owned(), now: app.now() };
    let promote = |full| {
        let asked =
            Promote { full, hash: fields.hash.clone(), revision: fields.revision, ..Promote::default() };
        action::promote(&rollout, current.as_ref(), &asked, &who)
    };
    let undo = |now| {
        let to_revision = Some(fields.to.filter(|to| *to > 0).ok_or(Failure::NoRevision)?);
        Ok(action::undo(&rollout, &past, Undo { to_revision, now }, &who)?)
    };
    match verb {
        Verb::Promote => Ok(promote(false)?),
        Verb::PromoteFull => Ok(promote(true)?),
        Verb::Abort => Ok(action::abort(&rollout, current.as_ref())),
        Verb::Retry if fields.hash.is_some() && current.as_ref().map(|c| &c.hash) != fields.hash.as_ref() => {
            Err(Failure::Superseded)
        }
        Verb::Retry => Ok(action::retry(&rollout, current.as_ref())),
        Verb::Undo => undo(false),
        Verb::UndoNow => undo(true),
    }
}

/// The version in `status.currentPodHash`, with the revision of its ReplicaSet.
fn current(rollout: &Rollout, past: &[Past]) -> Option<Version> {
    let hash = rollout.status.as_ref()?.current_pod_hash.as_deref()?;
    past.iter().find(|past| past.version.hash == hash).map(|past| past.version.clone())
}

async fn read_rollout(app: &Shared, key: &Key) -> Result<Rollout, Failure> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(app.client.clone(), &key.0, &ApiResource::erase::<Rollout>(&()));
    let found = api.get_opt(&key.1).await;
    let found = found.map_err(|source| Failure::Api { what: "Reading the Rollout", source })?;
    let object = found.ok_or_else(|| Failure::Missing(key.clone()))?;
    Ok(serde_json::from_value(serde_json::to_value(object)?)?)
}

/// The Rollout's ReplicaSets, with their templates as raw JSON.
async fn read_past(app: &Shared, key: &Key, rollout: &Rollout) -> Result<Vec<Past>, Failure> {
    let resource = ApiResource::erase::<k8s_openapi::api::apps::v1::ReplicaSet>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(app.client.clone(), &key.0, &resource);
    let labels = rollout.spec.selector.as_ref().and_then(|selector| selector.match_labels.clone());
    let mut wanted: Vec<String> =
        labels.unwrap_or_default().iter().map(|(label, value)| format!("{label}={value}")).collect();
    wanted.push(keys::POD_TEMPLATE_HASH.to_owned());
    let listed = api.list(&ListParams::default().labels(&wanted.join(","))).await;
    let listed = listed.map_err(|source| Failure::Api { what: "Reading its ReplicaSets", source })?;
    let objects = listed.items.into_iter().filter_map(|object| serde_json::to_value(object).ok());
    Ok(objects.filter_map(|object: Value| Past::of(rollout, &object)).collect())
}
