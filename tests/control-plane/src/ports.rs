//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::{Error, Result};

/// The ports of one control plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peers: u16,
    pub(crate) api: u16,
    pub(crate) manager: u16,
}

impl Ports {
    /// Ports that nobody listens on now. Somebody may take one in between: then the program that wanted it ends, and says so.
    pub(crate) fn free() -> Result<Self> {
        // All are held at once, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let mut ports = Vec::new();
        for listener in held {
            let address = listener.and_then(|listener| {
                let address = listener.local_addr();
                ports.push(listener);
                address
            });
            address.map_err(Error::Ports)?;
        }
        let mut numbers = ports.iter().filter_map(|listener| listener.local_addr().ok()).map(|a| a.port());
        let mut next = || numbers.next().unwrap_or_default();
        Ok(Self { etcd: next(), etcd_peers: next(), api: next(), manager: next() })
    }
}
