//! The few shared things that tasks hold behind a lock.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use tokio::sync::Notify;

/// Tells the wall time. The playground passes the system's clock, a simulation its virtual one.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A seeded source of chance that several tasks may draw from.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<fastrand::Rng>>);

/// What generated names are made of: Kubernetes' alphabet, which has no vowels and so spells no words.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Dice {
    /// Dice that always fall the same for the same `seed` and `purpose`.
    ///
    /// Each user of chance has a purpose of its own, so that one drawing more does not change what
    /// another one draws.
    #[must_use]
    pub fn seeded(seed: u64, purpose: &str) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed ^ fnv1a(purpose.as_bytes())))))
    }

    /// A number below `end`, which must not be 0.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        lock(&self.0).usize(..end)
    }

    /// The five characters that end a generated name.
    #[must_use]
    pub fn name_suffix(&self) -> String {
        let mut dice = lock(&self.0);
        (0..5).map(|_| char::from(NAME_ALPHABET[dice.usize(..NAME_ALPHABET.len())])).collect()
    }
}

/// Something that happens once and that many may wait for. They go on in the order in which they came, which tokio's
/// `watch` channel does not promise: it wakes its receivers in random order.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicBool,
    opened: Notify,
}

impl Gate {
    /// It has happened.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    /// Waits until it has happened.
    pub(crate) async fn passed(&self) {
        let mut opened = pin!(self.opened.notified());
        // Listening begins before looking, so that an opening in between is not missed.
        opened.as_mut().enable();
        if !self.open.load(Ordering::SeqCst) {
            opened.await;
        }
    }
}

/// Locks, and goes on with what is there if another holder has panicked: every write under these locks
/// leaves a whole value behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The FNV-1a hash, 64 bits: short, stable, and good enough to tell names apart.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Writes a number in the alphabet of generated names, as the hash in a ReplicaSet's name is.
pub(crate) fn spell(mut number: u64) -> String {
    let base = NAME_ALPHABET.len() as u64;
    let mut spelled = String::new();
    while spelled.len() < 10 {
        spelled.push(char::from(NAME_ALPHABET[usize::try_from(number % base).unwrap_or(0)]));
        number /= base;
    }
    spelled
}
