//! What each program is told.

use crate::{access::Access, folder::Folder, options::Options, ports::Ports};

/// Cluster addresses of Services.
const SERVICE_ADDRESSES: &str = "10.96.0.0/16";

pub(crate) fn etcd(folder: &Folder, ports: Ports) -> Vec<String> {
    let clients = format!("http://127.0.0.1:{}", ports.etcd);
    let peers = format!("http://127.0.0.1:{}", ports.etcd_peers);
    flags(&[
        ("data-dir", &folder.text("etcd")),
        // Nothing here has to survive a power failure.
        ("unsafe-no-fsync", "true"),
        ("listen-client-urls", &clients),
        ("advertise-client-urls", &clients),
        ("listen-peer-urls", &peers),
        ("initial-advertise-peer-urls", &peers),
        ("initial-cluster", &format!("default={peers}")),
        ("log-level", "warn"),
    ])
}

pub(crate) fn apiserver(folder: &Folder, ports: Ports, options: &Options) -> Vec<String> {
    let mut all = flags(&[
        ("etcd-servers", &format!("http://127.0.0.1:{}", ports.etcd)),
        ("bind-address", "127.0.0.1"),
        ("advertise-address", "127.0.0.1"),
        ("secure-port", &ports.api.to_string()),
        ("cert-dir", &folder.text("certificates")),
        ("tls-cert-file", &folder.text("server.crt")),
        ("tls-private-key-file", &folder.text("server.key")),
        ("token-auth-file", &folder.text("tokens.csv")),
        ("authorization-mode", "RBAC"),
        ("service-account-issuer", "https://kubernetes.default.svc"),
        ("service-account-key-file", &folder.text("tokens.pub")),
        ("service-account-signing-key-file", &folder.text("tokens.key")),
        ("service-cluster-ip-range", SERVICE_ADDRESSES),
        // Nobody reaches the API through a Service here, and an address on loopback is no valid endpoint.
        ("endpoint-reconciler-type", "none"),
        ("profiling", "false"),
    ]);
    if !options.makes_service_accounts() {
        all.extend(flags(&[("disable-admission-plugins", "ServiceAccount")]));
    }
    if options.audit {
        all.extend(flags(&[
            ("audit-log-path", &folder.text("audit.log")),
            ("audit-policy-file", &folder.text("audit-policy.yaml")),
            // A request that was answered is in the file.
            ("audit-log-mode", "blocking"),
        ]));
    }
    all.extend(options.api_arguments.iter().cloned());
    all
}

pub(crate) fn manager(folder: &Folder, ports: Ports, options: &Options) -> Vec<String> {
    let kubeconfig = folder.text(Access::MANAGER_KUBECONFIG);
    let mut all = flags(&[
        ("kubeconfig", &kubeconfig),
        ("authentication-kubeconfig", &kubeconfig),
        ("authorization-kubeconfig", &kubeconfig),
        ("bind-address", "127.0.0.1"),
        ("secure-port", &ports.manager.to_string()),
        ("cert-dir", &folder.text("certificates")),
        ("root-ca-file", &folder.text("authority.crt")),
        ("service-account-private-key-file", &folder.text("tokens.key")),
        // Each controller under its own name and with its own rights, as kubeadm sets it up.
        ("use-service-account-credentials", "true"),
        ("leader-elect", "false"),
        // Its own limit, 20 queries a second, must not be what tests wait for.
        ("kube-api-qps", "2000"),
        ("kube-api-burst", "4000"),
        ("controllers", &options.controllers.join(",")),
        ("profiling", "false"),
    ]);
    all.extend(options.manager_arguments.iter().cloned());
    all
}

fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}
