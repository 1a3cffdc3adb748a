//! Which path is which page.
//!
//! | path below the root | what |
//! | --- | --- |
//! | `/` | Rollouts of all namespaces |
//! | `/NAMESPACE` | those of one |
//! | `/rollout/NAMESPACE/NAME` | one Rollout; a POST to `…/VERB` acts on it |
//! | `/-/…` | style, script, icon, live streams; no namespace can be called `-` |

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{StatusCode, Uri};

use crate::{assets, guard::guard, pages, problem::Problem, state::App, write};

/// A form is some hundred bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// All pages behind the guard.
pub(crate) fn router(app: App) -> Router {
    let at = |path: &str| format!("{}{path}", app.root);
    let mut router = Router::new()
        .route(&at("/"), get(pages::list::all))
        .route(&at("/{namespace}"), get(pages::list::one_namespace))
        .route(&at("/rollout/{namespace}/{name}"), get(pages::rollout::page))
        .route(&at("/rollout/{namespace}/{name}/{verb}"), post(write::act))
        .route(&at("/-/live"), get(pages::list::live))
        .route(&at("/-/live/{namespace}/{name}"), get(pages::rollout::live))
        .route(&at("/-/style.css"), get(assets::style))
        .route(&at("/-/live.js"), get(assets::script))
        .route(&at("/-/icon.svg"), get(assets::icon));
    if !app.root.is_empty() {
        let list = at("/");
        let to_list = move || async move { Redirect::temporary(&list) };
        router = router.route("/", get(to_list.clone())).route(&app.root, get(to_list));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn not_found(State(app): State<App>, uri: Uri) -> Problem {
    app.problem(StatusCode::NOT_FOUND, format!("There is no page {} here.", uri.path()))
}

async fn not_allowed(State(app): State<App>) -> Response {
    let sentence =
        "This address does not take that kind of request: pages are read, and changes are posted by buttons.";
    app.problem(StatusCode::METHOD_NOT_ALLOWED, sentence).into_response()
}
