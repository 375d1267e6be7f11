//! SHA-256 as lower-case hexadecimal text.

use sha2::{Digest, Sha256};

/// Hash of a byte string.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
