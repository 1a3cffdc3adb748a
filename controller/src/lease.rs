//! Leader election on a Lease: of several replicas one works, and the others stand by with their caches filled.
//!
//! ```text
//!  Lease ◀──asks── elector ◀──steps── election        told the time, what was seen and what was answered; pure
//!                     │
//!                     └──raises──▶ fence ◀──── controller (passes) and Server (each call that changes something)
//! ```
//!
//! A replica that is told not to elect has a [`lookout`] instead, and says whether another one works as well.
//!
//! The Lease has the peer's name, so that the two exclude each other where both elect in the same namespace.

pub mod election;
pub mod elector;
pub mod fence;
pub mod follow;
pub mod lookout;
pub mod place;
pub mod record;

pub use election::Timing;
pub use elector::Elector;
pub use fence::Fence;
pub use lookout::Lookout;
pub use place::Place;

use tokio::sync::oneshot;

use crate::Controller;

/// Runs one replica until `stop` resolves. The Lease is let go of once nothing is under way any more.
pub async fn elect_and_run(controller: Controller, elector: Elector, stop: impl Future<Output = ()> + Send) {
    let (working, ended) = oneshot::channel::<()>();
    let works = async {
        controller.run(stop).await;
        drop(working);
    };
    let leave = async { drop(ended.await) };
    futures::join!(elector.run(leave), works);
}
