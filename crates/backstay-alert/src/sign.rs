//! Signs the body of a webhook, so that its receiver knows who sent it and when.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The name of the header that holds the signature.
pub const HEADER: &str = "Backstay-Signature";

/// Gives the value of the header: `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.body">`.
///
/// A receiver computes the same over what it got, compares in constant time, and refuses what is
/// older than a few minutes, so that nobody can send it again.
///
/// ```
/// assert_eq!(
///     backstay_alert::sign::sign("secret", 1_800_000_000, b"{}"),
///     "t=1800000000,v1=bb7079132825ac793cea8c013c1dd24d926b9b02132245b10588d9e5c0df70d7"
/// );
/// ```
#[must_use]
pub fn sign(secret: &str, unix_seconds: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("a key of any length makes an HMAC");
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    format!("t={unix_seconds},v1={}", hex(&digest))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
