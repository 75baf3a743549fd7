//! All that says who somebody is: read from files at start, asked by every request.

use std::fs;
use std::path::Path;

use axum::http::{HeaderMap, header};

use super::Caller;
use super::api_key::ApiKeys;
use super::token::Tokens;
use crate::config::access::Access;

/// Why the credentials cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{key}, {path}: {reason}")]
pub struct Error {
    key: &'static str,
    path: String,
    reason: String,
}

/// What a request shows.
#[derive(Debug)]
pub enum Shown {
    /// No credential.
    Nothing,
    /// One that is not known, or not valid any more.
    Invalid,
    /// Who it is.
    Caller(Caller),
}

/// The known keys.
pub struct Credentials {
    tokens: Tokens,
    api_keys: ApiKeys,
}

impl Credentials {
    /// Reads the files that the configuration names; none where the API is open.
    ///
    /// # Errors
    /// Names the key of the configuration and the file at fault.
    pub fn load(access: &Access) -> Result<Option<Self>, Error> {
        if access.open {
            return Ok(None);
        }
        let mut tokens = Tokens::new(access.claims.clone());
        if let Some(path) = &access.jwt_key_file {
            let algorithm = &access.jwt_algorithm;
            read("api.access.jwt.key_file", path, |bytes| tokens.add_file(algorithm, bytes))?;
        }
        if let Some(path) = &access.jwks_file {
            read("api.access.jwt.jwks_file", path, |bytes| tokens.add_set(&String::from_utf8_lossy(bytes)))?;
        }
        let api_keys = match &access.api_keys_file {
            Some(path) => read("api.access.api_keys_file", path, |bytes| {
                ApiKeys::parse(&String::from_utf8_lossy(bytes))
            })?,
            None => ApiKeys::default(),
        };
        Ok(Some(Self { tokens, api_keys }))
    }

    /// Takes `authorization: Bearer …`: a token if there is a dot in it, else an API key.
    pub fn shown(&self, headers: &HeaderMap) -> Shown {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (value, more) = (given.next(), given.next());
        let Some(value) = value else { return Shown::Nothing };
        let value = value.to_str().ok().filter(|_| more.is_none());
        let credential = value
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let caller = credential.and_then(|(_, credential)| match credential.contains('.') {
            true => self.tokens.caller(credential),
            false => self.api_keys.caller(credential).cloned(),
        });
        caller.map_or(Shown::Invalid, Shown::Caller)
    }
}

fn read<T>(
    key: &'static str,
    path: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, Error> {
    let at = |reason| Error { key, path: path.to_owned(), reason };
    let bytes = fs::read(Path::new(path)).map_err(|error| at(error.to_string()))?;
    parse(&bytes).map_err(at)
}
