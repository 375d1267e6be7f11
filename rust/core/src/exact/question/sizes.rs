//! Numbers of architectures in JSON, whose readers take 64 bits.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A number of architectures as JSON's readers take it: beyond 2^64 as text.
pub(crate) fn write<S: Serializer>(n: &u128, to: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(*n) {
        Ok(n) => n.serialize(to),
        Err(_) => n.to_string().serialize(to),
    }
}

/// What [`write`] wrote.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(from)? {
        Written::Number(n) => Ok(n.into()),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
    }
}
