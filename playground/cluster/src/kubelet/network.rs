//! The pods' network: virtual addresses in 10.244.0.0/16, each port of which is really a listener on loopback.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use crate::sync::lock;

/// Addresses per node: a block of 4,096, so 16 nodes at most share the network.
const NODE_BLOCK: u32 = 4096;
/// How many nodes fit into the network.
pub const NODES_MAX: usize = 16;
const NETWORK: u32 = u32::from_be_bytes([10, 244, 0, 0]);

/// Where the pods' virtual addresses lead. Shared by the nodes, which fill it, and whoever wants to reach a pod.
#[derive(Debug, Clone, Default)]
pub struct PodNetwork(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    leased: BTreeSet<Ipv4Addr>,
    /// The next offset to try, by node.
    next: BTreeMap<usize, u32>,
    routes: BTreeMap<(Ipv4Addr, u16), SocketAddr>,
}

impl PodNetwork {
    /// Where a pod's port really listens; nothing if nothing does.
    #[must_use]
    pub fn resolve(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        lock(&self.0).routes.get(&(address, port)).copied()
    }

    /// A free address on this node: `wanted` if it is free, else the next one in turn, so that an address rests as
    /// long as possible before it is used again. Nothing if the node's block is used up.
    pub(super) fn lease(&self, node: usize, wanted: Option<Ipv4Addr>) -> Option<Lease> {
        let mut table = lock(&self.0);
        let block = NETWORK + u32::try_from(node % NODES_MAX).unwrap_or(0) * NODE_BLOCK;
        let address = match wanted.filter(|wanted| !table.leased.contains(wanted)) {
            Some(wanted) => wanted,
            None => {
                let next = table.next.get(&node).copied().unwrap_or(1);
                // The block's first and last address are left out, as a real network's would be.
                let offset = (0..NODE_BLOCK - 2)
                    .map(|step| 1 + (next - 1 + step) % (NODE_BLOCK - 2))
                    .find(|offset| !table.leased.contains(&Ipv4Addr::from(block + offset)))?;
                table.next.insert(node, 1 + offset % (NODE_BLOCK - 2));
                Ipv4Addr::from(block + offset)
            }
        };
        table.leased.insert(address);
        Some(Lease { network: self.clone(), address })
    }

    /// The block of addresses of a node, in CIDR notation.
    #[must_use]
    pub fn block(node: usize) -> String {
        let start = NETWORK + u32::try_from(node % NODES_MAX).unwrap_or(0) * NODE_BLOCK;
        format!("{}/20", Ipv4Addr::from(start))
    }
}

/// A pod's address. Dropped, it is free again and leads nowhere.
#[derive(Debug)]
pub(super) struct Lease {
    network: PodNetwork,
    address: Ipv4Addr,
}

impl Lease {
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Lets `port` of the pod lead to a real listener, or nowhere.
    pub(super) fn route(&self, port: u16, target: Option<SocketAddr>) {
        let mut table = lock(&self.network.0);
        match target {
            Some(target) => table.routes.insert((self.address, port), target),
            None => table.routes.remove(&(self.address, port)),
        };
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut table = lock(&self.network.0);
        table.leased.remove(&self.address);
        table.routes.retain(|(address, _), _| *address != self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_out_in_turn_and_lead_somewhere_while_leased() {
        let network = PodNetwork::default();
        let first = network.lease(1, None).unwrap();
        let second = network.lease(1, None).unwrap();
        assert_eq!(
            [first.address(), second.address()],
            [Ipv4Addr::new(10, 244, 16, 1), Ipv4Addr::new(10, 244, 16, 2)]
        );
        let target = "127.0.0.1:4000".parse().unwrap();
        first.route(8080, Some(target));
        assert_eq!(network.resolve("10.244.16.1".parse().unwrap(), 8080), Some(target));
        drop(first);
        assert_eq!(network.resolve("10.244.16.1".parse().unwrap(), 8080), None);
        assert_eq!(network.lease(1, None).unwrap().address().to_string(), "10.244.16.3");
        let kept = network.lease(1, Some("10.244.16.1".parse().unwrap())).unwrap();
        assert_eq!(kept.address().to_string(), "10.244.16.1");
    }
}
