//! What the peer's command line and environment may say besides: understood, and answered with a sentence, so that a
//! manifest that was written for the peer starts ours.

use clap::{Arg, ArgAction, ArgMatches, parser::ValueSource};

/// Why a flag of the peer has no effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Unthrottled,
    OneQueue,
    NoProvider,
    NoLog,
    NoNotifications,
    NoProfiler,
}

/// The peer's flags that have no effect here. What they tune does not exist, so that the controller does the same without
/// them. Sorted.
const WITHOUT_EFFECT: [(&str, Why); 24] = [
    ("alb-ingress-classes", Why::NoProvider),
    ("alb-tag-key-resource-id", Why::NoProvider),
    ("alb-verify-weight", Why::NoProvider),
    ("ambassador-api-version", Why::NoProvider),
    ("analysis-threads", Why::OneQueue),
    ("appmesh-crd-version", Why::NoProvider),
    ("aws-target-group-binding-api-version", Why::NoProvider),
    ("aws-verify-target-group", Why::NoProvider),
    ("burst", Why::Unthrottled),
    ("enable-pprof-address", Why::NoProfiler),
    ("ephemeral-metadata-threads", Why::OneQueue),
    ("ephemeral-metadata-update-pod-retries", Why::OneQueue),
    ("experiment-threads", Why::OneQueue),
    ("ingress-api-version", Why::NoProvider),
    ("ingress-threads", Why::OneQueue),
    ("istio-api-version", Why::NoProvider),
    ("kloglevel", Why::NoLog),
    ("nginx-ingress-classes", Why::NoProvider),
    ("qps", Why::Unthrottled),
    ("self-service-notification-enabled", Why::NoNotifications),
    ("service-threads", Why::OneQueue),
    ("traefik-api-group", Why::NoProvider),
    ("traefik-api-version", Why::NoProvider),
    ("traffic-split-api-version", Why::NoProvider),
];

/// Variables of the peer that have no effect here.
const VARIABLES: [(&str, &str); 4] = [
    ("ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG", "Verdigris runs no measurements itself"),
    ("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE", "Verdigris runs no measurements itself"),
    ("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", "Verdigris runs no measurements itself"),
    ("ROLLOUT_VERIFY_RETRY_INTERVAL", "what it delays is waited for by watching"),
];

/// The one flag that asks for another program.
const CONTROLLERS: &str = "controllers";

impl Why {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Unthrottled => {
                "nothing throttles Verdigris' requests; the API server's priority and fairness decides"
            }
            Self::OneQueue => {
                "there is one queue for everything; --rollout-threads says how much is done at a time"
            }
            Self::NoProvider => "Verdigris moves traffic by the selectors of Services only",
            Self::NoLog => "the client library does not log; see --loglevel",
            Self::NoNotifications => "Verdigris sends no notifications",
            Self::NoProfiler => "there is no profiler in the program",
        }
    }
}

/// The flags, hidden: help is about what has an effect.
pub fn without_effect() -> impl Iterator<Item = Arg> {
    let names = WITHOUT_EFFECT.into_iter().map(|(name, _)| name).chain([CONTROLLERS]);
    // `--flag=value`, `--flag value` and, for truth values, `--flag`: what the value is does not matter.
    names.map(|name| {
        Arg::new(name)
            .long(name)
            .hide(true)
            .action(ArgAction::Append)
            .num_args(0..=1)
            .allow_hyphen_values(false)
    })
}

/// A sentence for each flag and variable that was given and has no effect.
pub fn told(matches: &ArgMatches, is_set: impl Fn(&str) -> bool) -> Vec<String> {
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let flags = WITHOUT_EFFECT.into_iter().filter(|(name, _)| given(name));
    let flags = flags.map(|(name, why)| format!("--{name} has no effect: {}", why.sentence()));
    let variables = VARIABLES.into_iter().filter(|(name, _)| is_set(name));
    flags.chain(variables.map(|(name, why)| format!("{name} has no effect: {why}"))).collect()
}

/// What asks for a program that Verdigris is not.
pub fn refused(matches: &ArgMatches) -> Option<String> {
    matches.value_source(CONTROLLERS).filter(|source| *source == ValueSource::CommandLine)?;
    Some(
        "--controllers asks for a controller of AnalysisRuns and of nothing else, and Verdigris has none. Leave Argo \
         Rollouts' own running for that"
            .to_owned(),
    )
}
