//! Analyses.

use super::*;

/// A run of this version at revision 2, read live.
fn run(observed: &mut Observed, moment: &str, phase: &str) -> String {
    let name = format!("shop-h2-2-{moment}");
    let labels = [(keys::POD_TEMPLATE_HASH, "h2"), (keys::ROLLOUT_TYPE, moment)];
    let run = AnalysisRunSeen {
        uid: format!("uid-{name}"),
        name: name.clone(),
        resource_version: "1".into(),
        controller_uid: Some("uid-shop".into()),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        revision: Some("2".into()),
        phase: phase.into(),
        ..AnalysisRunSeen::default()
    };
    observed.fresh.insert(Fresh::AnalysisRun(name.clone()));
    observed.analysis.runs.insert(name.clone(), run);
    name
}

fn analysed(field: &str) -> Observed {
    let mut observed = world();
    let strategy = observed.rollout.spec.strategy.as_mut().and_then(|strategy| strategy.blue_green.as_mut());
    let strategy = strategy.expect("blue-green");
    let asked = Some(json!({"templates": [{"templateName": "t"}]}));
    match field {
        "pre" => strategy.pre_promotion_analysis = asked,
        _ => strategy.post_promotion_analysis = asked,
    }
    observed
}

#[test]
fn r8_an_analysis_before_promotion_must_have_succeeded_for_that_hash_and_revision() {
    let promote = || vec![point("active", "h2")];
    assert_eq!(verdict(&analysed("pre"), "h1", promote()), Some(Rule::R8));
    for phase in ["", "Running", "Failed", "Error", "Inconclusive"] {
        let mut observed = analysed("pre");
        run(&mut observed, "PrePromotion", phase);
        assert_eq!(verdict(&observed, "h1", promote()), Some(Rule::R8), "{phase}");
    }
    let mut observed = analysed("pre");
    let name = run(&mut observed, "PrePromotion", "Successful");
    assert_eq!(verdict(&observed, "h1", promote()), None);

    let change = |change: fn(&mut AnalysisRunSeen)| {
        let mut observed = observed.clone();
        change(observed.analysis.runs.get_mut(&name).expect("a run"));
        verdict(&observed, "h1", promote())
    };
    assert_eq!(change(|run| run.revision = Some("1".into())), Some(Rule::R8), "an older revision");
    assert_eq!(change(|run| run.controller_uid = None), Some(Rule::R8), "somebody else's");
    assert_eq!(
        change(|run| {
            run.labels.insert(keys::POD_TEMPLATE_HASH.into(), "h1".into());
        }),
        Some(Rule::R8),
        "another version's"
    );
    let mut cached = observed.clone();
    cached.fresh.remove(&Fresh::AnalysisRun(name));
    assert_eq!(verdict(&cached, "h1", promote()), Some(Rule::R8), "not read live");

    let mut full = analysed("pre");
    full.status().promote_full = Some(true);
    assert_eq!(verdict(&full, "h1", promote()), None);
    let mut warm = analysed("pre");
    warm.set("h2").annotations.insert(keys::FORMERLY_STABLE.into(), now().to_string());
    assert_eq!(verdict(&warm, "h1", promote()), None);
}

#[test]
fn r8_nothing_becomes_stable_before_its_analysis_after_promotion_has_succeeded() {
    let switched = || {
        let mut observed = analysed("post");
        observed.status().blue_green.as_mut().expect("blue-green").active_selector = Some("h2".into());
        observed.services.insert("active".into(), Some(service("active", "h2")));
        observed
    };
    assert_eq!(verdict(&switched(), "h1", vec![]), None, "the old version stays stable");
    assert_eq!(verdict(&switched(), "h2", vec![]), Some(Rule::R8));
    assert_eq!(verdict(&switched(), "h2", vec![scale("h1", 0)]), Some(Rule::R2), "and keeps its pods");
    let mut observed = switched();
    run(&mut observed, "PostPromotion", "Running");
    assert_eq!(verdict(&observed, "h2", vec![]), Some(Rule::R8));
    run(&mut observed, "PostPromotion", "Successful");
    assert_eq!(verdict(&observed, "h2", vec![]), None);
    let mut full = switched();
    full.status().promote_full = Some(true);
    assert_eq!(verdict(&full, "h2", vec![]), None);
}

#[test]
fn r6_only_runs_of_ours() {
    let mut observed = world();
    let name = run(&mut observed, "PrePromotion", "Running");
    let at = at(&name);
    assert_eq!(verdict(&observed, "h1", vec![Write::TerminateAnalysisRun(at.clone())]), None);
    assert_eq!(verdict(&observed, "h1", vec![Write::DeleteAnalysisRun(at.clone())]), None);
    let mut cached = observed.clone();
    cached.fresh.remove(&Fresh::ReplicaSets);
    assert_eq!(verdict(&cached, "h1", vec![Write::DeleteAnalysisRun(at.clone())]), Some(Rule::Fresh));
    observed.analysis.runs.get_mut(&name).expect("a run").controller_uid = Some("uid-other".into());
    assert_eq!(verdict(&observed, "h1", vec![Write::TerminateAnalysisRun(at.clone())]), Some(Rule::R6));
    assert_eq!(verdict(&observed, "h1", vec![Write::DeleteAnalysisRun(at)]), Some(Rule::R6));
}
