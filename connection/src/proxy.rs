//! When a proxy from the environment is not for this cluster.
//!
//! The rules are those of Go's `net/http`, which kubectl follows: loopback is never proxied, and `NO_PROXY` lists hosts,
//! domains (with all below them), addresses and networks. A proxy that the kubeconfig names is always used.

use std::net::IpAddr;

/// Whether requests to `host` go past the proxy of the environment.
pub fn bypasses(host: &str, no_proxy: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| covers(entry, &host, address))
}

fn covers(entry: &str, host: &str, address: Option<IpAddr>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return address.is_some_and(|address| within(address, network, bits));
    }
    if let (Ok(entry), Some(address)) = (entry.parse::<IpAddr>(), address) {
        return entry == address;
    }
    // A port in the entry is of no matter here: a cluster has one.
    let domain = entry
        .split(':')
        .next()
        .unwrap_or(entry)
        .trim_start_matches('*')
        .trim_start_matches('.')
        .to_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|below| below.ends_with('.'))
}

/// `10.0.0.0/8` covers 10.1.2.3: the first 8 bits are the same.
fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            bits <= 32 && (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            bits <= 128 && (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_reads_as_kubectl_reads_it() {
        for (host, no_proxy, bypassed) in [
            ("127.0.0.1", "", true),
            ("localhost", "", true),
            ("[::1]", "", true),
            ("api.example.com", "", false),
            ("api.example.com", "*", true),
            ("api.example.com", "example.com", true),
            ("api.example.com", ".example.com", true),
            ("API.example.com", "*.Example.com:6443", true),
            ("badexample.com", "example.com", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("11.1.2.3", "0.0.0.0/0", true),
            ("10.1.2.3", "10.1.2.4, 10.1.2.3", true),
            ("fd00::7", "fd00::/16", true),
            ("10.1.2.3", "10.0.0.0/99", false),
            ("10.1.2.3", "fd00::/16", false),
        ] {
            assert_eq!(bypasses(host, no_proxy), bypassed, "{host} with NO_PROXY={no_proxy}");
        }
    }
}
