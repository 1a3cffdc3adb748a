use super::*;

fn read_in(line: &str, variables: &[&str]) -> Result<Args, String> {
    let arguments = std::iter::once("verdigris-controller").chain(line.split_whitespace());
    parse(arguments.map(OsString::from), |name| variables.contains(&name))
        .map_err(|message| message.to_string())
}

fn read(line: &str) -> Result<Args, String> {
    read_in(line, &[])
}

#[test]
fn the_peers_flags_mean_what_they_mean_there() {
    let line = "--instance-id=blue --namespaced --namespace shop --loglevel warning --logformat json \
                --rollout-threads 20 --rollout-resync 900 --request-timeout 5s --metricsport 81";
    let args = read(line).unwrap();
    assert_eq!((args.loglevel, args.logformat), (LogLevel::Warn, LogFormat::Json));
    assert_eq!((args.metrics_port, read("").unwrap().metrics_port), (81, 8090));
    let options = args.options("shop".into());
    assert_eq!((options.instance_id.as_deref(), options.namespace.as_deref()), (Some("blue"), Some("shop")));
    assert_eq!((options.passes_max, options.resync.as_secs()), (20, 900));
    assert_eq!(options.call_timeout.as_secs(), 5);
    assert_eq!(args.without_effect, [""; 0]);
}

#[test]
fn what_is_not_said_is_as_the_library_has_it() {
    let (options, defaults) = (read("").unwrap().options("shop".into()), Options::default());
    assert_eq!(format!("{options:?}"), format!("{defaults:?}"));
}

#[test]
fn truth_values_are_written_as_in_go() {
    assert!(!read("--namespaced=false").unwrap().namespaced);
    assert!(read("--namespaced=T").unwrap().namespaced);
    assert!(read("--namespaced=maybe").unwrap_err().contains("neither true nor false"));
}

#[test]
fn the_last_of_two_counts() {
    assert_eq!(read("--loglevel debug --loglevel error").unwrap().loglevel, LogLevel::Error);
}

#[test]
fn what_the_peer_tunes_and_we_do_not_have_is_told_and_no_hindrance() {
    let line = "--qps 100 --burst=200 --aws-verify-target-group --nginx-ingress-classes a --nginx-ingress-classes b --loglevel debug";
    let args = read_in(line, &["ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"]).unwrap();
    assert_eq!(args.loglevel, LogLevel::Debug);
    let told: Vec<_> =
        args.without_effect.iter().map(|sentence| sentence.split(' ').next().unwrap()).collect();
    assert_eq!(
        told,
        [
            "--aws-verify-target-group",
            "--burst",
            "--nginx-ingress-classes",
            "--qps",
            "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
        ]
    );
}

/// Every flag that `rollouts-controller --help` of the peer's v1.10.1 lists.
#[test]
fn every_flag_of_the_peer_is_known() {
    let flags = include_str!("peer.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for flag in flags {
        if let Err(message) = read(flag) {
            assert!(!message.contains("no flag"), "{flag}: {message}");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_answered_with_a_sentence() {
    let says = |line: &str, sentence: &str| {
        let message = read(line).unwrap_err();
        assert!(message.contains(sentence), "{line}: {message}");
    };
    says("--instanceid blue", "there is no flag --instanceid. Is --instance-id meant?");
    says("--frobnicate", "there is no flag --frobnicate. `verdigris-controller --help` lists");
    says("--loglevel loud", "possible values");
    says("--instance-id a=b", "an instance id is a label value");
    says("--namespace shop", "Add --namespaced to restrict it to shop");
    says("--rollout-threads 0", "a number from 1 on");
    says("--rollout-resync 0", "1..=86400");
    says("--controllers analysis", "Verdigris has none");
    says("--request-timeout soon", "write 30s");
}

#[test]
fn elections_are_set_as_the_peers_are() {
    let args = read("").unwrap();
    assert_eq!((args.leader_elect, args.timing(), args.healthz_port), (true, Timing::default(), 8080));
    let alone = read("--leader-elect=false --healthzPort 0").unwrap();
    assert_eq!((alone.leader_elect, alone.healthz_port), (false, 0));
    assert!(read("--leader-elect").unwrap().leader_elect);
    let slow = read("--leader-election-lease-duration 1m --leader-election-renew-deadline=40s").unwrap();
    assert_eq!(slow.timing().lease_duration.as_secs(), 60);
    let both = read("--leader-election-renew-deadline 20s").unwrap_err();
    assert!(both.contains("two replicas would lead at the same time"), "{both}");
}

#[test]
fn the_page_of_flags_is_what_the_program_says() {
    let help = Args::command().term_width(100).render_long_help().to_string();
    let page = include_str!("../../../docs/flags.md");
    assert!(page.contains(&help), "put the output of `verdigris-controller --help` into docs/flags.md");
}
