//! API keys: a file has the SHA-256 of each, never the key.
//!
//! A fast hash is right here, because a key is long and random: there is nothing to guess. What is shorter than
//! [`SHORTEST`] is therefore no key.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use voc_smartmodule::contract::is_tenant_id;

use super::{Caller, Role};

/// Characters of a key, at least.
const SHORTEST: usize = 32;

/// One entry of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    tenant: Option<String>,
    roles: Vec<String>,
}

/// The keys that are known.
#[derive(Default)]
pub struct ApiKeys {
    known: Vec<([u8; 32], Caller)>,
}

impl ApiKeys {
    /// Reads the text of a file of keys, a YAML or JSON list.
    ///
    /// # Errors
    /// Names the entry and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries: Vec<Entry> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let known = entries.into_iter().map(|entry| {
            let at = |reason: String| format!("key `{}`: {reason}", entry.name.escape_default());
            let hash =
                digest(&entry.sha256).ok_or_else(|| at("sha256 must be 64 hexadecimal digits".into()))?;
            if entry.tenant.as_deref().is_some_and(|tenant| !is_tenant_id(tenant)) {
                return Err(
                    at("tenant must be 1 to 128 characters, none of them a control character".into()),
                );
            }
            let role = |name: &String| {
                Role::named(name).ok_or_else(|| at(format!("`{}` is no role", name.escape_default())))
            };
            let roles = entry.roles.iter().map(role).collect::<Result<_, _>>()?;
            Ok((
                hash,
                Caller { name: entry.name.clone(), tenant: entry.tenant.clone(), roles, expires: None },
            ))
        });
        Ok(Self { known: known.collect::<Result<_, _>>()? })
    }

    /// Whose key this is. Every known key is compared, each in constant time.
    pub fn caller(&self, key: &str) -> Option<&Caller> {
        let given: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for (hash, caller) in &self.known {
            if bool::from(hash.ct_eq(&given)) {
                found = Some(caller);
            }
        }
        found.filter(|_| key.len() >= SHORTEST)
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let hex = hex.as_bytes();
    if hex.len() != 64 || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}
