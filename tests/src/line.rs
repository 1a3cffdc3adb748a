//! A line over TCP to an API server that can be cut without a word: connections stay, and nothing passes.
//!
//! It reaches the server from a loopback address of its own, by which the audit log tells who asked.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// A line. Dropping it breaks it.
pub struct Line {
    port: u16,
    source: Ipv4Addr,
    is_whole: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to this port, from the loopback address with this last number.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub async fn to(port: u16, number: u8) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening")?;
        let own_port = listener.local_addr().context("listening")?.port();
        let (source, is_whole) = (Ipv4Addr::new(127, 0, 0, number), Arc::new(watch::Sender::new(true)));
        let state = Arc::clone(&is_whole);
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(carry(near, port, source, state.subscribe()));
            }
        });
        Ok(Self { port: own_port, source, is_whole, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom the server sees.
    pub fn source(&self) -> String {
        self.source.to_string()
    }

    /// From now on nothing passes.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// All that was held up passes, and so does what comes.
    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, port: u16, source: Ipv4Addr, mut whole: watch::Receiver<bool>) {
    let far = async {
        whole.wait_for(|whole| *whole).await.ok()?;
        let socket = TcpSocket::new_v4().ok()?;
        socket.bind(SocketAddr::from((source, 0))).ok()?;
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.ok()
    };
    let Some(far) = far.await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::join!(copy(from_near, to_far, whole.clone()), copy(from_far, to_near, whole));
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        if whole.wait_for(|whole| *whole).await.is_err() || length == 0 {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
