//! JSON Web Tokens. A key is of one algorithm, and verifies tokens of that one alone: what a token says of its
//! algorithm chooses among keys, never how a key is used. `none` is no algorithm here.

use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use voc_smartmodule::contract::is_tenant_id;

use super::{Caller, Role};

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: u64 = 30;
/// A secret of HS256 has at least as many bytes as its hash (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

/// What is asked of a token beside its signature and its time.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// `iss`, where one is required.
    pub issuer: Option<String>,
    /// `aud`, where one is required.
    pub audience: Option<String>,
    /// Name of the claim with the tenant.
    pub tenant: String,
    /// Name of the claim with the roles: a list, or words separated by spaces.
    pub roles: String,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The keys whose tokens are taken.
#[derive(Default)]
pub struct Tokens {
    keys: Vec<Key>,
    claims: Claims,
}

impl Tokens {
    /// No keys yet; tokens need these claims.
    pub fn new(claims: Claims) -> Self {
        Self { keys: Vec::new(), claims }
    }

    /// Adds the key of a file: a public key in PEM, or the bytes of an HS256 secret.
    ///
    /// # Errors
    /// What is wrong with the key, or that the algorithm is none of ours.
    pub fn add_file(&mut self, algorithm: &str, bytes: &[u8]) -> Result<(), String> {
        let (algorithm, key) = match algorithm {
            "HS256" => (Algorithm::HS256, secret(bytes.trim_ascii())?),
            "RS256" => (Algorithm::RS256, DecodingKey::from_rsa_pem(bytes).map_err(|e| e.to_string())?),
            "ES256" => (Algorithm::ES256, DecodingKey::from_ec_pem(bytes).map_err(|e| e.to_string())?),
            _ => return Err("the algorithm must be HS256, RS256 or ES256".to_owned()),
        };
        self.keys.push(Key { id: None, algorithm, key });
        Ok(())
    }

    /// Adds the keys of a JSON Web Key Set.
    ///
    /// # Errors
    /// The text is no such set, or names the key at fault by its number.
    pub fn add_set(&mut self, text: &str) -> Result<(), String> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (number, jwk) in set.keys.iter().enumerate() {
            let at = |reason: String| format!("key {number}: {reason}");
            let algorithm =
                algorithm(jwk).ok_or_else(|| at("is of none of HS256, RS256, ES256".to_owned()))?;
            let key = DecodingKey::from_jwk(jwk).map_err(|error| at(error.to_string()))?;
            if algorithm == Algorithm::HS256
                && key.try_get_as_bytes().is_ok_and(|key| key.len() < SHORTEST_SECRET)
            {
                return Err(at(format!("a secret must have {SHORTEST_SECRET} bytes at least")));
            }
            self.keys.push(Key { id: jwk.common.key_id.clone(), algorithm, key });
        }
        Ok(())
    }

    /// Who a token speaks for; none where it is not to be trusted, for whatever reason.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        let header = decode_header(token).ok()?;
        let fits = |key: &&Key| {
            key.algorithm == header.alg && (key.id.is_none() || header.kid.is_none() || key.id == header.kid)
        };
        let claims = self.keys.iter().filter(fits).find_map(|key| self.claims_of(token, key))?;
        let tenant = match claims.get(&self.claims.tenant) {
            None | Some(Value::Null) => None,
            Some(Value::String(tenant)) if is_tenant_id(tenant) => Some(tenant.clone()),
            Some(_) => return None,
        };
        let roles = match claims.get(&self.claims.roles) {
            Some(Value::Array(roles)) => {
                roles.iter().filter_map(Value::as_str).filter_map(Role::named).collect()
            }
            Some(Value::String(roles)) => roles.split(' ').filter_map(Role::named).collect(),
            _ => Vec::new(),
        };
        let name = claims.get("sub").and_then(Value::as_str).unwrap_or("a token without a subject");
        // It may be a number with a fraction. One too far away for a time is never.
        let lifetime = claims.get("exp").and_then(Value::as_f64);
        let lifetime = lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let expires = lifetime.and_then(|lifetime| UNIX_EPOCH.checked_add(lifetime));
        Some(Caller { name: name.to_owned(), tenant, roles, expires })
    }

    fn claims_of(&self, token: &str, key: &Key) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        validation.validate_aud = self.claims.audience.is_some();
        if let Some(audience) = &self.claims.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.claims.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Some(decode(token, &key.key, &validation).ok()?.claims)
    }
}

fn secret(bytes: &[u8]) -> Result<DecodingKey, String> {
    if bytes.starts_with(b"-----BEGIN") {
        return Err("a key in PEM is no secret of HS256".to_owned());
    }
    if bytes.len() < SHORTEST_SECRET {
        return Err(format!("a secret of HS256 must have {SHORTEST_SECRET} bytes at least"));
    }
    Ok(DecodingKey::from_secret(bytes))
}

/// The one algorithm of a key: by its type, and what it says itself must not differ.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    match &jwk.common.key_algorithm {
        Some(said) if said.to_string() != format!("{algorithm:?}") => None,
        _ => Some(algorithm),
    }
}
