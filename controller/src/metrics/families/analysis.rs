//! Of AnalysisRuns and templates; the peer's.

use super::{Family, Kind, Source};
use crate::metrics::facts::RUN_PHASES;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "analysis_run_info",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "phase"],
        help: "An AnalysisRun, with its phase; always 1.",
        source: Source::Runs(|phase, lines| lines.sample(&[("phase", phase)], 1)),
    },
    Family {
        name: "analysis_run_phase",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "phase"],
        help: "1 for the phase that an AnalysisRun is in, 0 for the others. Older than analysis_run_info, which says the same in one series.",
        source: Source::Runs(|phase, lines| {
            for one in RUN_PHASES {
                lines.sample(&[("phase", one)], u8::from(one == phase));
            }
        }),
    },
    Family {
        name: "analysis_template_info",
        kind: Kind::Gauge,
        labels: &["namespace", "name"],
        help: "An AnalysisTemplate, or without a namespace a ClusterAnalysisTemplate; always 1.",
        source: Source::Templates(|_, lines| lines.sample(&[], 1)),
    },
    Family {
        name: "analysis_template_metric_info",
        kind: Kind::Gauge,
        labels: &["namespace", "name", "type", "metric"],
        help: "A metric of a template, with the type of its provider; always 1.",
        source: Source::Templates(|metrics, lines| {
            for (kind, metric) in metrics {
                lines.sample(&[("type", *kind), ("metric", metric.as_ref())], 1);
            }
        }),
    },
];
