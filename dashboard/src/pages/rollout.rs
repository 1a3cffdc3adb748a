//! The page of one Rollout.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::Html,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use verdigris_core::view::RolloutView;

use crate::{
    guard::Session,
    live::{self, Change, Follow, Live},
    pages::{self, Shell, list::outside},
    picture::Picture,
    problem::{Problem, render},
    state::{App, Shared},
    store::{Key, RolloutRead, Scene},
    timeline::Timeline,
    write::Verb,
};

mod facts;
mod revisions;
mod runs;
mod state;
mod why;

use facts::Facts;
use revisions::Revisions;
use state::{Blank, StateFragment};
use why::WhyFragment;

#[derive(Template)]
#[template(path = "rollout.html")]
struct RolloutPage {
    shell: Shell,
    troubles: String,
    done: Option<&'static str>,
    parts: Vec<(&'static str, String)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PageQuery {
    /// The verb of an action that was just done, for browsers without JavaScript.
    done: String,
}

/// The page of one Rollout.
pub(crate) async fn page(
    State(app): State<App>,
    Path(key): Path<Key>,
    Query(query): Query<PageQuery>,
    Extension(session): Extension<Session>,
) -> Result<Html<String>, Problem> {
    if let Some(problem) = outside(&app, &key.0, Some(&key.1)) {
        return Err(problem);
    }
    let version = app.store.version();
    if app.store.changed(&key).is_none() && app.store.complete() {
        return Err(missing(&app, &key));
    }
    let live = format!("{}/-/live/{}/{}", app.root, key.0, key.1);
    let verb = format!("get rollout {} -n {} -w", key.1, key.0);
    let mut shell = Shell::new(&app, format!("{} in {}", key.1, key.0), live, version, &verb);
    shell.crumbs = vec![
        ("Rollouts".to_owned(), app.list_url(None)),
        (key.0.clone(), app.list_url(Some(&key.0))),
        (key.1.clone(), app.rollout_url(&key)),
    ];
    let page = RolloutPage {
        shell,
        troubles: pages::troubles(&app),
        done: Verb::named(&query.done).map(Verb::done),
        parts: parts(&app, &key, &app.secret.form_token(&session.0)),
    };
    Ok(pages::html(&page))
}

fn missing(app: &Shared, key: &Key) -> Problem {
    let sentence = format!("There is no Rollout {} in namespace {}; perhaps it was deleted.", key.1, key.0);
    app.problem(StatusCode::NOT_FOUND, sentence).back_to(app.list_url(Some(&key.0)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LiveQuery {
    seen: Option<String>,
}

/// The live stream of one Rollout.
pub(crate) async fn live(
    State(app): State<App>,
    Path(key): Path<Key>,
    Query(query): Query<LiveQuery>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
) -> Result<Live, Problem> {
    if let Some(problem) = outside(&app, &key.0, Some(&key.1)) {
        return Err(problem);
    }
    let seen = live::seen(&app, &headers, query.seen.as_deref());
    let token = app.secret.form_token(&session.0);
    let page =
        OneRollout { key, token, seen: seen.map(Some), troubles: String::new(), sent: BTreeMap::new() };
    live::follow(app, page)
}

/// A viewer of one Rollout.
struct OneRollout {
    key: Key,
    token: String,
    /// As of which version the page is; the outer `None` means that nobody knows.
    seen: Option<Option<u64>>,
    troubles: String,
    sent: BTreeMap<&'static str, String>,
}

impl Follow for OneRollout {
    fn changes(&mut self, app: &Shared) -> Vec<Change> {
        let mut changes = Vec::new();
        let troubles = pages::troubles(app);
        if troubles != self.troubles {
            changes.push(Change::set("troubles", troubles.clone()));
            self.troubles = troubles;
        }
        let version = app.store.changed(&self.key);
        let complete = app.store.complete();
        let up_to_date = match (self.seen, version) {
            (Some(Some(seen)), Some(version)) => seen >= version,
            (Some(None), None) => true,
            _ => false,
        };
        if up_to_date || (version.is_none() && !complete) {
            return changes;
        }
        self.seen = Some(version);
        changes.extend(self.differing(app, |_| true));
        changes
    }

    fn ticks(&mut self, app: &Shared) -> Vec<Change> {
        // Only what tells of time in its words; ages are counted by the script.
        self.differing(app, |id| matches!(id, "state" | "why" | "timeline"))
    }
}

impl OneRollout {
    /// Parts that are not as they were last sent.
    fn differing(&mut self, app: &Shared, wanted: impl Fn(&str) -> bool) -> Vec<Change> {
        let parts = parts(app, &self.key, &self.token);
        let differing = parts.into_iter().filter(|(id, html)| wanted(id) && self.sent.get(id) != Some(html));
        let differing: Vec<(&'static str, String)> = differing.collect();
        self.sent.extend(differing.iter().cloned());
        differing.into_iter().map(|(id, html)| Change::set(id, html)).collect()
    }
}

/// The fragments of the page, in their order, by id.
fn parts(app: &Shared, key: &Key, token: &str) -> Vec<(&'static str, String)> {
    let now = app.now();
    let Some(scene) = app.store.scene(key) else {
        let sentence =
            if app.store.complete() { "This Rollout was deleted." } else { "Still reading the cluster." };
        return blank(key, sentence);
    };
    let view = scene.view(now);
    match (&*scene.rollout, &view) {
        (RolloutRead::Broken(why), _) => blank(key, &format!("This Rollout cannot be read: {why}")),
        (RolloutRead::Whole(_), None) => blank(key, "This Rollout cannot be read."),
        (RolloutRead::Whole(rollout), Some(view)) => {
            let page = Page { app, key, scene: &scene, view, token };
            vec![
                ("state", render(&StateFragment::new(&page, rollout))),
                ("why", render(&WhyFragment::new(&page))),
                ("picture", render(&Picture::new(view, rollout, now))),
                ("timeline", render(&Timeline::new(view, rollout, now))),
                ("revisions", render(&Revisions::new(&page, rollout))),
                ("facts", render(&Facts::new(&page, now))),
            ]
        }
    }
}

/// What fragments are made of.
pub(crate) struct Page<'a> {
    pub(crate) app: &'a Shared,
    pub(crate) key: &'a Key,
    pub(crate) scene: &'a Scene,
    pub(crate) view: &'a RolloutView,
    pub(crate) token: &'a str,
}

/// A page with nothing but a sentence.
fn blank(key: &Key, sentence: &str) -> Vec<(&'static str, String)> {
    let empty = |id: &'static str| (id, format!("<section id=\"{id}\" hidden></section>"));
    let state = render(&Blank { name: &key.1, sentence });
    let others = ["why", "picture", "timeline", "revisions", "facts"];
    [("state", state)].into_iter().chain(others.map(empty)).collect()
}

/// A button that asks "Sure?" before it does something.
pub(crate) struct Ask {
    /// Its id on the page.
    pub(crate) id: String,
    /// Where its form is posted to.
    pub(crate) url: String,
    pub(crate) label: String,
    /// What will happen, in a sentence.
    pub(crate) effect: String,
    /// `first`, `grave` or nothing.
    pub(crate) class: &'static str,
    /// Hidden fields: the token, and what the page showed, so that nothing newer is meant.
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Page<'_> {
    /// A button for this Rollout.
    pub(crate) fn ask(&self, verb: Verb, label: &str, effect: String, class: &'static str) -> Ask {
        let mut fields = vec![("token", self.token.to_owned())];
        if let Some(current) = &self.view.current {
            fields.push(("hash", current.hash.clone()));
            fields.push(("revision", current.revision.to_string()));
        }
        Ask {
            id: format!("ask-{}", verb.as_str()),
            url: format!("{}/{}", self.app.rollout_url(self.key), verb.as_str()),
            label: label.to_owned(),
            effect,
            class,
            fields,
        }
    }
}
