//! From the analysis that a strategy asks for to the spec of an AnalysisRun: templates found, joined, and given their
//! arguments. When a run is due, and what becomes of its answer, is the strategy's affair (`blue_green/analysis.rs`).

mod arguments;
mod asked;
mod counts;
mod templates;

use serde_json::{Map, Value, json};
use verdigris_crds::{AnalysisRunStatus, BlueGreenStatus, BlueGreenStrategy, Rollout, RolloutStatus};

use crate::observed::analysis::{AnalysisSeen, TemplateName};
use asked::Asked;
pub use templates::reachable;

/// When an analysis is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the active Service is switched.
    PrePromotion,
    /// After it was switched, before the version counts as stable.
    PostPromotion,
}

/// What is wrong with an analysis: the field error's found value, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub field: String,
    pub found: String,
    pub detail: String,
}

/// What of a Rollout an AnalysisRun's arguments may come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub rollout: &'a Rollout,
    pub latest: &'a str,
    pub stable: &'a str,
}

/// Labels and annotations that the user wants on runs, and the spec of the run.
pub(crate) struct Wanted {
    pub labels: std::collections::BTreeMap<String, String>,
    pub annotations: std::collections::BTreeMap<String, String>,
    pub spec: Value,
}

impl Moment {
    /// The last part of the run's name.
    pub fn infix(self) -> &'static str {
        match self {
            Self::PrePromotion => "pre",
            Self::PostPromotion => "post",
        }
    }

    /// The value of the label `rollout-type`.
    pub fn label(self) -> &'static str {
        match self {
            Self::PrePromotion => "PrePromotion",
            Self::PostPromotion => "PostPromotion",
        }
    }

    /// As the peer says it in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::PrePromotion => "pre-promotion",
            Self::PostPromotion => "post-promotion",
        }
    }

    /// The run of this moment that a status names.
    pub fn entry(self, status: &BlueGreenStatus) -> Option<&AnalysisRunStatus> {
        match self {
            Self::PrePromotion => status.pre_promotion_analysis_run_status.as_ref(),
            Self::PostPromotion => status.post_promotion_analysis_run_status.as_ref(),
        }
    }

    /// The field of the strategy that asks for it.
    pub fn field(self) -> &'static str {
        match self {
            Self::PrePromotion => "prePromotionAnalysis",
            Self::PostPromotion => "postPromotionAnalysis",
        }
    }

    /// What the strategy asks for.
    pub fn asked(self, strategy: &BlueGreenStrategy) -> Option<&Value> {
        match self {
            Self::PrePromotion => strategy.pre_promotion_analysis.as_ref(),
            Self::PostPromotion => strategy.post_promotion_analysis.as_ref(),
        }
        .filter(|asked| !asked.is_null())
    }
}

/// Whether a run that the status names did not know.
pub(crate) fn did_not_know(status: &RolloutStatus) -> bool {
    let moments = [Moment::PrePromotion, Moment::PostPromotion].into_iter();
    let seen = status.blue_green.as_ref();
    moments.filter_map(|moment| moment.entry(seen?)).any(|run| run.status == "Inconclusive")
}

/// The templates that a strategy names itself; none where what it says cannot be read.
pub fn named(strategy: &BlueGreenStrategy) -> impl Iterator<Item = TemplateName> {
    let asked = [Moment::PrePromotion, Moment::PostPromotion].into_iter();
    let asked = asked.filter_map(|moment| Asked::parse(moment.asked(strategy)?).ok());
    asked.flat_map(|asked| asked.templates)
}

/// Checks all that can be known before a run is made.
pub(crate) fn check(
    moment: Moment,
    strategy: &BlueGreenStrategy,
    seen: &AnalysisSeen,
    source: Source<'_>,
) -> Result<(), Wrong> {
    let Some(asked) = moment.asked(strategy) else { return Ok(()) };
    if seen.unreadable.is_some() {
        return Ok(());
    }
    build(moment, asked, seen, source, arguments::Missing::IsEmpty).map(|_| ())
}

/// The run's spec, with the labels and annotations that the user wants.
pub(crate) fn wanted(
    moment: Moment,
    strategy: &BlueGreenStrategy,
    seen: &AnalysisSeen,
    source: Source<'_>,
) -> Result<Wanted, Wrong> {
    let asked = moment.asked(strategy).unwrap_or(&Value::Null);
    build(moment, asked, seen, source, arguments::Missing::IsWrong)
}

fn build(
    moment: Moment,
    asked: &Value,
    seen: &AnalysisSeen,
    source: Source<'_>,
    missing: arguments::Missing,
) -> Result<Wanted, Wrong> {
    let field = format!("spec.strategy.blueGreen.{}", moment.field());
    let wrong = |field: String, found: &str, detail: String| Wrong {
        field,
        found: Value::from(found).to_string(),
        detail,
    };
    let asked = Asked::parse(asked)
        .map_err(|error| wrong(field.clone(), &asked.to_string(), format!("cannot be read: {error}")))?;
    let path = format!("{field}.templates");
    if asked.templates.is_empty() {
        let detail = "names no template; write at least one templateName".to_owned();
        return Err(Wrong { field: path, found: "[]".to_owned(), detail });
    }
    let found = templates::collect(&asked.templates, &seen.templates)
        .map_err(|error| wrong(path.clone(), &error.template, error.detail))?;
    let names: Vec<&str> = found.iter().map(|(name, _)| name.name.as_str()).collect();
    let all = format!("templateNames: [{}]", names.join(" "));
    let incoming = arguments::of_rollout(&asked.args, source, missing)
        .map_err(|detail| wrong(format!("{field}.args"), &all, detail))?;
    let joined =
        templates::join(&found, &asked, &incoming).map_err(|text| wrong(path.clone(), &all, text))?;
    for (name, template) in &found {
        counts::check(&name.name, &template.metrics, &joined.args)
            .map_err(|detail| wrong(path.clone(), &name.name, detail))?;
    }
    let mut spec = Map::new();
    spec.insert("metrics".to_owned(), Value::Array(joined.metrics));
    for (key, list) in [("dryRun", joined.dry_run), ("measurementRetention", joined.measurement_retention)] {
        if !list.is_empty() {
            spec.insert(key.to_owned(), Value::Array(list));
        }
    }
    if !joined.args.is_empty() {
        spec.insert("args".to_owned(), json!(joined.args));
    }
    let metadata = asked.analysis_run_metadata;
    Ok(Wanted { labels: metadata.labels, annotations: metadata.annotations, spec: Value::Object(spec) })
}

#[cfg(test)]
mod tests;
