//! The list of Rollouts: those that need action first.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use verdigris_core::view::Icon;

use crate::{
    filter::Filter,
    live::{self, Change, Follow},
    pages::{
        self, Shell,
        row::{self, Row},
        words,
    },
    problem::{Problem, render},
    state::{App, Shared},
    store::Key,
};

/// Phases that have a chip even if no Rollout is in them, with their icons and styles.
const PHASES: [(&str, Icon, &str); 4] = [
    ("Degraded", Icon::Bad, "degraded"),
    ("Paused", Icon::Paused, "paused"),
    ("Progressing", Icon::Progressing, "progressing"),
    ("Healthy", Icon::Ok, "healthy"),
];

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    shell: Shell,
    troubles: String,
    place: String,
    places: String,
    counts: String,
    nothing: String,
    filter: Filter,
    needs: Vec<String>,
    rest: Vec<String>,
    no_match: bool,
}

#[derive(Template)]
#[template(path = "places.html")]
struct Places {
    places: Vec<Place>,
}

struct Place {
    name: String,
    url: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "counts.html")]
struct Counts {
    counts: Vec<Count>,
}

struct Count {
    name: String,
    /// For the link: the phase, or nothing where the link takes the filter away.
    phase: String,
    class: &'static str,
    sign: &'static str,
    number: usize,
    here: bool,
}

#[derive(Template)]
#[template(path = "nothing.html")]
struct Nothing<'a> {
    place: &'a str,
    show: bool,
}

/// Rollouts of all namespaces, or of the one that the dashboard is told to show.
pub(crate) async fn all(State(app): State<App>, Query(filter): Query<Filter>) -> Html<String> {
    let namespace = app.options.namespace.clone();
    list(&app, namespace.as_deref(), filter)
}

/// Rollouts of one namespace.
pub(crate) async fn one_namespace(
    State(app): State<App>,
    Path(namespace): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    match outside(&app, &namespace, None) {
        Some(problem) => problem.into_response(),
        None => list(&app, Some(&namespace), filter).into_response(),
    }
}

/// Where a name that cannot exist, or a namespace that is not shown here, is asked for. Names that pass can be put into
/// the paths of requests as they are.
pub(crate) fn outside(app: &Shared, namespace: &str, name: Option<&str>) -> Option<Problem> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |text: &str| !text.is_empty() && text != "-" && text.len() <= 63 && text.chars().all(good);
    let is_name = |text: &str| text.len() <= 253 && text.split('.').all(is_label);
    if !is_label(namespace) {
        return Some(app.problem(StatusCode::NOT_FOUND, format!("{namespace:?} is no name of a namespace.")));
    }
    if let Some(name) = name.filter(|name| !is_name(name)) {
        return Some(app.problem(StatusCode::NOT_FOUND, format!("{name:?} is no name of a Rollout.")));
    }
    let only = app.options.namespace.as_deref().filter(|only| *only != namespace)?;
    let sentence = format!("This dashboard shows namespace {only} only, not {namespace}.");
    Some(app.problem(StatusCode::NOT_FOUND, sentence))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LiveQuery {
    seen: Option<String>,
    namespace: Option<String>,
}

/// The live stream of a list.
pub(crate) async fn live(
    State(app): State<App>,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<live::Live, Problem> {
    let namespace =
        query.namespace.filter(|namespace| !namespace.is_empty()).or(app.options.namespace.clone());
    if let Some(problem) = namespace.as_deref().and_then(|namespace| outside(&app, namespace, None)) {
        return Err(problem);
    }
    let seen = live::seen(&app, &headers, query.seen.as_deref());
    live::follow(app, List { namespace, seen, rows: BTreeMap::new(), sent: BTreeMap::new(), first: true })
}

fn list(app: &Shared, namespace: Option<&str>, filter: Filter) -> Html<String> {
    let version = app.store.version();
    let rows = rows(app, namespace, &filter);
    let place = place(namespace);
    let live = format!("{}/-/live?namespace={}", app.root, namespace.unwrap_or_default());
    let verb =
        namespace.map_or("list rollouts -A".to_owned(), |namespace| format!("list rollouts -n {namespace}"));
    let mut shell = Shell::new(app, format!("Rollouts {place}"), live, version, &verb);
    shell.crumbs.push(("Rollouts".to_owned(), app.list_url(None)));
    shell.crumbs.extend(namespace.map(|namespace| (namespace.to_owned(), app.list_url(Some(namespace)))));
    let html_of = |needs: bool| rows.iter().filter(|row| row.needs_action == needs).map(Row::html).collect();
    let page = ListPage {
        shell,
        troubles: pages::troubles(app),
        place,
        places: places(app, namespace),
        counts: counts(&rows, &filter.phase),
        nothing: nothing(app, namespace, rows.is_empty()),
        needs: html_of(true),
        rest: html_of(false),
        no_match: !rows.is_empty() && rows.iter().all(|row| row.hidden),
        filter,
    };
    pages::html(&page)
}

fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| "in all namespaces".to_owned(), |namespace| format!("in namespace {namespace}"))
}

fn rows(app: &Shared, namespace: Option<&str>, filter: &Filter) -> Vec<Row> {
    let keys = app.store.rollouts(namespace).into_keys();
    keys.filter_map(|key| Some(Row::new(app, &key, &app.store.scene(&key)?, filter))).collect()
}

fn places(app: &Shared, here: Option<&str>) -> String {
    let mut places = vec![Place { name: "all".to_owned(), url: app.list_url(None), here: here.is_none() }];
    places.extend(app.store.namespaces().into_iter().map(|name| Place {
        url: app.list_url(Some(&name)),
        here: here == Some(name.as_str()),
        name,
    }));
    render(&Places { places })
}

fn counts(rows: &[Row], chosen: &str) -> String {
    counts_of(rows.iter().map(|row| row.phase.as_str()), chosen)
}

fn counts_of<'a>(phases: impl Iterator<Item = &'a str>, chosen: &str) -> String {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    phases.for_each(|phase| *numbers.entry(phase).or_default() += 1);
    let count = |name: &str, icon, class, number| {
        let here = name.eq_ignore_ascii_case(chosen);
        // A second click takes the filter away again.
        let phase = if here { String::new() } else { name.to_owned() };
        Count { name: name.to_owned(), phase, class, sign: words::sign(icon), number, here }
    };
    let mut counts: Vec<Count> = PHASES
        .into_iter()
        .map(|(name, icon, class)| count(name, icon, class, numbers.remove(name).unwrap_or_default()))
        .collect();
    counts.extend(numbers.into_iter().map(|(name, number)| count(name, Icon::Unknown, "other", number)));
    render(&Counts { counts })
}

fn nothing(app: &Shared, namespace: Option<&str>, empty: bool) -> String {
    render(&Nothing { place: &place(namespace), show: empty && app.store.complete() })
}

/// A viewer of a list: which rows it has, and what of the rest it was sent.
struct List {
    namespace: Option<String>,
    /// What the page had seen when it was rendered, if that was this process.
    seen: Option<u64>,
    /// Rows as of which version; their phases are for the counts.
    rows: BTreeMap<Key, (u64, String)>,
    /// Fragments that are not rows, as they were last sent.
    sent: BTreeMap<&'static str, String>,
    first: bool,
}

impl Follow for List {
    fn changes(&mut self, app: &Shared) -> Vec<Change> {
        let namespace = self.namespace.clone();
        let now = app.store.rollouts(namespace.as_deref());
        let mut changes = Vec::new();
        let gone: BTreeSet<Key> = self.rows.keys().filter(|key| !now.contains_key(*key)).cloned().collect();
        for key in gone {
            self.rows.remove(&key);
            changes.push(Change::Gone { gone: row::id(&key) });
        }
        // A page from another process, or one that missed something, may show rows that are long gone.
        let stale = self.first && self.seen.is_none_or(|seen| seen < app.store.version());
        if stale {
            changes.push(Change::Only { only: now.keys().map(row::id).collect() });
        }
        for (key, version) in now {
            let known = self.rows.get(&key).map(|(version, _)| *version);
            if known.is_some_and(|known| known >= version) {
                continue;
            }
            let Some(scene) = app.store.scene(&key) else { continue };
            let row = Row::new(app, &key, &scene, &Filter::default());
            // At first all rows are read, for the counts; those that the page has need not be sent.
            if !(self.first && self.seen.is_some_and(|seen| seen >= version)) {
                changes.push(Change::Set { id: row.id.clone(), html: row.html(), list: Some(row.list()) });
            }
            self.rows.insert(key, (version, row.phase));
        }
        changes.extend(self.frame(app));
        self.first = false;
        changes
    }

    /// Only pauses that end by themselves tell of time in their words.
    fn ticks(&mut self, app: &Shared) -> Vec<Change> {
        let paused = self.rows.iter().filter(|(_, (_, phase))| phase == "Paused").map(|(key, _)| key);
        let rows =
            paused.filter_map(|key| Some(Row::new(app, key, &app.store.scene(key)?, &Filter::default())));
        let waiting = rows.filter(|row| !row.needs_action);
        waiting
            .map(|row| Change::Set { id: row.id.clone(), html: row.html(), list: Some(row.list()) })
            .collect()
    }
}

impl List {
    /// What stands around the rows, as far as it has changed.
    fn frame(&mut self, app: &Shared) -> Vec<Change> {
        let namespace = self.namespace.as_deref();
        let parts = [
            ("troubles", pages::troubles(app)),
            ("places", places(app, namespace)),
            ("counts", counts_of(self.rows.values().map(|(_, phase)| phase.as_str()), "")),
            ("nothing", nothing(app, namespace, self.rows.is_empty())),
        ];
        let mut changes = Vec::new();
        for (id, html) in parts {
            if self.sent.get(id) != Some(&html) {
                self.sent.insert(id, html.clone());
                changes.push(Change::set(id, html));
            }
        }
        changes
    }
}
