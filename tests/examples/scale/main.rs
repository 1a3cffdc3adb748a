//! `bash tests/bench scale`: what the controller costs that has nothing to do.
//!
//! N Rollouts with ten old versions each, all at rest as the controller left them, and 20,000 ReplicaSets of others, on the
//! embedded API server over TLS. How long from the program's start until its caches are filled; its memory then; its
//! processor time while nothing happens; and the memory of a second replica that stands by.

mod objects;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Child,
    time::{Instant, sleep},
};
use verdigris_control_plane::usage::Usage;
use verdigris_tests::served::Served;

/// ReplicaSets of Deployments: a cluster has more of them than of ours.
const FOREIGN: usize = 20_000;
/// How long the caches may take.
const READY_MAX: Duration = Duration::from_secs(300);
/// How long the first passes, which find nothing to do, may go on unmeasured.
const SETTLE: Duration = Duration::from_secs(10);
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("usage: scale PATH-OF-verdigris-controller [ROLLOUTS ...]")?;
    let counts: Vec<usize> =
        arguments.map(|text| text.parse()).collect::<Result<_, _>>().context("ROLLOUTS are numbers")?;
    let counts = if counts.is_empty() { vec![0, 1000, 5000] } else { counts };
    // The one that is copied is made in virtual time, in which there are no sockets.
    let one = objects::one_at_rest()?;
    println!("{} objects a Rollout, {FOREIGN} foreign ReplicaSets", one.len());
    println!(
        "{:>8}  {:>14}  {:>11}  {:>9}  {:>12}  {:>9}  {:>11}",
        "Rollouts", "start → synced", "resident", "peak", "CPU to there", "idle CPU", "standing by"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for count in counts {
        runtime.block_on(measure(&program, &one, count))?;
    }
    Ok(())
}

async fn measure(program: &str, one: &objects::AtRest, count: usize) -> Result<()> {
    let served = Served::start().await?;
    let server = &served.server;
    server.restore((0..count).flat_map(|number| one.copy(number))).context("restoring Rollouts")?;
    server.restore((0..FOREIGN).map(objects::foreign)).context("restoring foreign ReplicaSets")?;
    server.restore([objects::lease_of_another()]).context("restoring a Lease")?;
    let before = server.write_count();
    let (mut controller, usage, synced) = start(&served, program, "--leader-elect=false").await?;
    sleep(SETTLE).await;
    let (resident, settled) = (usage.resident_mib()?, usage.cpu_seconds()?);
    sleep(IDLE).await;
    let idle = (usage.cpu_seconds()? - settled) / IDLE.as_secs_f64() * 1000.0;
    let peak = usage.peak_mib()?;
    controller.kill().await.context("ending the controller")?;
    let (mut second, standing_by, _) = start(&served, program, "--leader-elect=true").await?;
    sleep(SETTLE).await;
    println!(
        "{count:>8}  {:>12} ms  {resident:>7.1} MiB  {peak:>5.1} MiB  {settled:>10.2} s  {idle:>4.1} ms/s  {:>7.1} MiB",
        synced.as_millis(),
        standing_by.resident_mib()?
    );
    // One that takes no part in the election marks a Lease, once.
    let writes = server.writes_since(before);
    let written = writes.iter().filter(|write| write.plural != "leases").count();
    ensure!(written == 0, "{written} writes though nothing was to be done");
    second.kill().await.context("ending the second replica")
}

/// A replica whose caches are filled, and how long that took.
async fn start(served: &Served, program: &str, leader_elect: &str) -> Result<(Child, Usage, Duration)> {
    let health_port = free_port().await?;
    let began = Instant::now();
    let mut replica =
        served.start_controller(program, &[leader_elect, "--healthzPort", &health_port.to_string()])?;
    let usage = Usage::of("controller", replica.id().context("the controller ended")?);
    while !is_ready(health_port).await {
        ensure!(began.elapsed() < READY_MAX, "not ready after {} s", READY_MAX.as_secs());
        ensure!(replica.try_wait()?.is_none(), "the controller ended");
        sleep(Duration::from_millis(10)).await;
    }
    Ok((replica, usage, began.elapsed()))
}

async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask.await.unwrap_or(false)
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
