//! What the flags change of a kubeconfig.

use super::*;

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters:
- {name: near, cluster: {server: 'https://near.example:6443', certificate-authority-data: AAAA}}
- {name: far, cluster: {server: 'https://far.example:6443', proxy-url: 'http://proxy.example:3128'}}
users:
- {name: anna, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login}}}
contexts:
- {name: near, context: {cluster: near, user: anna, namespace: shop}}
- {name: far, context: {cluster: far, user: nobody}}
current-context: near
";

/// The kubeconfig as these flags change it, and what they select.
fn apply(flags: &ConnectionArgs) -> (Kubeconfig, Chosen) {
    let mut kubeconfig = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
    let chosen = flags.apply_to_kubeconfig(&mut kubeconfig);
    (kubeconfig, chosen)
}

fn cluster(kubeconfig: &Kubeconfig, name: &str) -> Cluster {
    kubeconfig.clusters.iter().find(|cluster| cluster.name == name).unwrap().cluster.clone().unwrap()
}

fn user(kubeconfig: &Kubeconfig, name: &str) -> AuthInfo {
    kubeconfig.auth_infos.iter().find(|user| user.name == name).unwrap().auth_info.clone().unwrap()
}

#[test]
fn without_flags_it_stays_as_it_is() {
    let (kubeconfig, chosen) = apply(&ConnectionArgs::default());
    assert_eq!(chosen.user.as_deref(), Some("anna"));
    assert!(!chosen.names_proxy);
    assert!(user(&kubeconfig, "anna").exec.is_some(), "a login command is kept");
}

#[test]
fn a_token_takes_the_place_of_the_login_command() {
    let (kubeconfig, _) = apply(&ConnectionArgs { token: Some("t".into()), ..ConnectionArgs::default() });
    let anna = user(&kubeconfig, "anna");
    assert!(anna.token.is_some() && anna.exec.is_none());
}

#[test]
fn flags_change_the_cluster_of_the_context_and_no_other() {
    let (kubeconfig, _) = apply(&ConnectionArgs {
        server: Some("https://other:1".into()),
        certificate_authority: Some("ca.pem".into()),
        tls_server_name: Some("kubernetes".into()),
        ..ConnectionArgs::default()
    });
    let near = cluster(&kubeconfig, "near");
    assert_eq!(near.server.as_deref(), Some("https://other:1"));
    assert_eq!(
        (near.certificate_authority.as_deref(), near.certificate_authority_data),
        (Some("ca.pem"), None)
    );
    assert_eq!(near.tls_server_name.as_deref(), Some("kubernetes"));
    assert_eq!(cluster(&kubeconfig, "far").server.as_deref(), Some("https://far.example:6443"));
}

#[test]
fn another_context_brings_its_proxy_and_a_user_that_is_not_there_can_still_be_given_a_token() {
    let flags = ConnectionArgs {
        context: Some("far".into()),
        token: Some("t".into()),
        as_user: Some("ci".into()),
        as_group: vec!["deployers".into()],
        ..ConnectionArgs::default()
    };
    let (kubeconfig, chosen) = apply(&flags);
    assert!(chosen.names_proxy);
    let nobody = user(&kubeconfig, "nobody");
    assert!(nobody.token.is_some());
    assert_eq!(nobody.impersonate.as_deref(), Some("ci"));
    assert_eq!(nobody.impersonate_groups, Some(vec!["deployers".into()]));
}

#[test]
fn an_address_alone_is_enough() {
    let mut kubeconfig = Kubeconfig::default();
    let flags = ConnectionArgs { server: Some("http://127.0.0.1:8001".into()), ..ConnectionArgs::default() };
    flags.apply_to_kubeconfig(&mut kubeconfig);
    assert_eq!(kubeconfig.current_context.as_deref(), Some("flags"));
    assert_eq!(cluster(&kubeconfig, "flags").server.as_deref(), Some("http://127.0.0.1:8001"));
}

#[test]
fn an_answer_may_be_silent_for_as_long_as_the_flag_says_or_for_more_than_a_bookmark_takes_to_come() {
    let silence = |request_timeout| {
        let mut config = Config::new("https://near.example:6443".parse().unwrap());
        ConnectionArgs { request_timeout, ..ConnectionArgs::default() }.apply_to_config(&mut config);
        assert!(config.reset_reader_on_write, "what waits in the pool is not silent");
        config.read_timeout
    };
    assert_eq!(silence(Duration::from_secs(5)), Some(Duration::from_secs(5)));
    assert!(silence(Duration::ZERO).is_some_and(|silence| silence > Duration::from_secs(75)));
    assert!(silence(Duration::ZERO).is_some_and(|silence| silence < Duration::from_secs(295)));
}
