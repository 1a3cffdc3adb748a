//! R9, on decisions that no decider made.

use super::*;
use crate::observed::Neighbour;

/// The same, with a Service `old` that was left behind and selects h1.
fn leaving() -> Observed {
    let mut seen = world();
    seen.left_services.insert("old".into(), service("old", "h1"));
    seen.fresh.insert(Fresh::Neighbours);
    seen
}

fn till(service: &str) -> BTreeMap<String, Neighbour> {
    let services = BTreeSet::from([service.to_owned()]);
    let till = Neighbour { name: "till".into(), created: now(), services, overlaps: false };
    BTreeMap::from([("till".into(), till)])
}

fn release(name: &str) -> Vec<Write> {
    vec![Write::ReleaseService(at(name))]
}

#[test]
fn r9_a_service_is_let_go_only_where_nobody_names_it() {
    assert_eq!(verdict(&leaving(), "h1", release("old")), None);
    assert_eq!(verdict(&leaving(), "h1", release("active")), Some(Rule::R6), "it names that one");
    let mut stale = leaving();
    stale.fresh.remove(&Fresh::Neighbours);
    assert_eq!(verdict(&stale, "h1", release("old")), Some(Rule::Fresh));
    let named = Observed { neighbours: till("old"), ..leaving() };
    assert_eq!(verdict(&named, "h1", release("old")), Some(Rule::R9));
    let mut anothers = leaving();
    anothers.left_services.get_mut("old").expect("a Service").managed_by = Some("till".into());
    assert_eq!(verdict(&anothers, "h1", release("old")), Some(Rule::R6));
}

#[test]
fn r9_another_ones_service_is_taken_over_only_if_that_one_is_known_not_to_name_it() {
    let mut seen = world();
    seen.services.get_mut("preview").expect("named").as_mut().expect("there").managed_by =
        Some("till".into());
    assert_eq!(verdict(&seen, "h1", vec![point("preview", "h1")]), Some(Rule::R6), "not read live");
    seen.fresh.insert(Fresh::Neighbours);
    assert_eq!(verdict(&seen, "h1", vec![point("preview", "h1")]), None);
    seen.neighbours = till("preview");
    assert_eq!(verdict(&seen, "h1", vec![point("preview", "h1")]), Some(Rule::R6));
}

#[test]
fn r2_what_a_service_that_was_left_behind_selects_keeps_its_pods() {
    let mut seen = promoted();
    assert_eq!(verdict(&seen, "h2", vec![scale("h1", 0)]), None);
    seen.left_services.insert("old".into(), service("old", "h1"));
    assert_eq!(verdict(&seen, "h2", vec![scale("h1", 0)]), Some(Rule::R2));
}
