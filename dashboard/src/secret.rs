//! The key of this process, and what is derived from it: session ids and the tokens that forms carry.
//!
//! A write needs a token that only a page of this very process, read by this very browser, can hold: the HMAC of the
//! browser's session id. The session id lives in a cookie that no script can read and no other site can send.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

/// Bytes of an HMAC-SHA256 block (RFC 2104).
const BLOCK_BYTES: usize = 64;

/// 32 bytes that nobody else knows. Sessions and tokens of one process end with it.
pub struct Secret {
    key: [u8; 32],
    sessions: AtomicU64,
}

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes for the dashboard's secret: {0}")]
pub struct NoRandomness(getrandom::Error);

impl Secret {
    /// A secret that the caller has drawn; tests and simulations pass a fixed one.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, sessions: AtomicU64::new(0) }
    }

    /// A secret from the operating system, for programs' `main`.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn from_system() -> Result<Self, NoRandomness> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(NoRandomness)?;
        Ok(Self::new(key))
    }

    /// A session id that nobody can guess and that was never given out before.
    pub(crate) fn new_session(&self) -> String {
        let count = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.sign("session", &count.to_string())
    }

    /// The token that forms carry for this session.
    pub(crate) fn form_token(&self, session: &str) -> String {
        self.sign("form", session)
    }

    /// Whether the token is the one of this session. Takes the same time wherever they differ.
    pub(crate) fn is_form_token(&self, session: &str, token: &str) -> bool {
        let wanted = self.form_token(session);
        wanted.len() == token.len()
            && wanted.bytes().zip(token.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }

    /// A name for this process, so that a page knows that the server behind it was restarted. Not secret.
    pub(crate) fn epoch(&self) -> String {
        self.sign("epoch", "")[..12].to_owned()
    }

    /// HMAC-SHA256 in lower-case hex; the purpose keeps the uses apart.
    fn sign(&self, purpose: &str, message: &str) -> String {
        hmac_sha256(&self.key, &[purpose.as_bytes(), b":", message.as_bytes()])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// RFC 2104 over SHA-256, for keys of at most one block.
fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> String {
    let pad = |byte: u8| {
        let mut block = [byte; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    message.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    hex(&outer.finalize())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let case_1 = hmac_sha256(&[0x0b; 20], &[b"Hi There"]);
        assert_eq!(case_1, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let case_2 = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(case_2, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_token_is_good_for_its_own_session_and_process_only() {
        let secret = Secret::new([1; 32]);
        let (anna, ben) = (secret.new_session(), secret.new_session());
        assert_ne!(anna, ben);
        assert!(secret.is_form_token(&anna, &secret.form_token(&anna)));
        assert!(!secret.is_form_token(&ben, &secret.form_token(&anna)));
        assert!(!secret.is_form_token(&anna, ""));
        assert!(!Secret::new([2; 32]).is_form_token(&anna, &secret.form_token(&anna)));
    }
}
