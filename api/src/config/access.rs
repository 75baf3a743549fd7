//! `api.access` and `api.limits`: who may ask, and how much.

use super::Error;
use super::sections::{AccessSection, LimitsSection, Resolver};
use crate::access::token::Claims;

/// Who may ask.
#[derive(Debug, Clone)]
pub struct Access {
    /// Everybody, without a credential. Only on a loopback address: the server refuses it elsewhere.
    pub open: bool,
    /// File with a public key in PEM or an HS256 secret.
    pub jwt_key_file: Option<String>,
    /// What that key is for: HS256, RS256 or ES256.
    pub jwt_algorithm: String,
    /// File with a JSON Web Key Set.
    pub jwks_file: Option<String>,
    /// What tokens must say.
    pub claims: Claims,
    /// File with the hashes of API keys.
    pub api_keys_file: Option<String>,
}

/// How much may be asked. A rate of 0 is no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests a second for one tenant.
    pub tenant_per_second: u32,
    /// Requests a second of one address; of IPv6, of one /64.
    pub address_per_second: u32,
    /// Requests at once, at least 1; more get a 503.
    pub concurrent: usize,
    /// Seconds that ClickHouse may work on one query, 1 to 10.
    pub query_seconds: u32,
    /// Bytes of memory that one query may take, at least 1,000,000.
    pub query_memory: u64,
    /// Rows that one query may read, at least 1.
    pub query_rows: u64,
    /// Exports at once, at least 1; more get a 503.
    pub exports: usize,
    /// Seconds from the request for an export to its last byte, 1 to 86,400.
    pub export_seconds: u32,
    /// Live streams at once, at least 1; more get a 503.
    pub live_streams: usize,
}

impl Access {
    pub(super) fn resolve(section: AccessSection, resolver: Resolver<'_>) -> Result<Self, Error> {
        let jwt = section.jwt.unwrap_or_default();
        let text = |key, value, default| Ok(resolver.setting(key, value, default)?.text);
        let optional =
            |key, value| Ok::<_, Error>(Some(text(key, value, "")?).filter(|text| !text.is_empty()));
        let mode = resolver.setting("api.access.mode", section.mode, "open")?;
        let open = mode.one_of(&["open", "credentials"])? == "open";
        let access = Self {
            open,
            jwt_key_file: optional("api.access.jwt.key_file", jwt.key_file)?,
            jwt_algorithm: text("api.access.jwt.algorithm", jwt.algorithm, "")?,
            jwks_file: optional("api.access.jwt.jwks_file", jwt.jwks_file)?,
            claims: Claims {
                issuer: optional("api.access.jwt.issuer", jwt.issuer)?,
                audience: optional("api.access.jwt.audience", jwt.audience)?,
                tenant: text("api.access.jwt.tenant_claim", jwt.tenant_claim, "tenant")?,
                roles: text("api.access.jwt.roles_claim", jwt.roles_claim, "roles")?,
            },
            api_keys_file: optional("api.access.api_keys_file", section.api_keys_file)?,
        };
        let has_none =
            access.jwt_key_file.is_none() && access.jwks_file.is_none() && access.api_keys_file.is_none();
        match open {
            false if has_none => Err(Error::Access(
                "mode is credentials, but neither jwt.key_file nor jwt.jwks_file nor api_keys_file is given",
            )),
            true if !has_none => Err(Error::Access(
                "keys are given, but mode is open, so that nobody would be asked for one; set mode: credentials",
            )),
            _ => Ok(access),
        }
    }
}

impl Limits {
    pub(super) fn resolve(section: LimitsSection, open: bool, resolver: Resolver<'_>) -> Result<Self, Error> {
        // On one machine nobody needs to be kept from asking.
        let (tenant, address) = if open { ("0", "0") } else { ("100", "200") };
        let number = |key, value, default, lowest, highest| {
            resolver.setting(key, value, default)?.whole(lowest, highest)
        };
        let per_second = |key, value, default| {
            Ok::<_, Error>(u32::try_from(number(key, value, default, 0, 1_000_000)?).unwrap_or(u32::MAX))
        };
        let seconds = number("api.limits.query_seconds", section.query_seconds, "10", 1, 10)?;
        let exports = number("api.limits.exports", section.exports, "4", 1, 1_000)?;
        let export_seconds = number("api.limits.export_seconds", section.export_seconds, "600", 1, 86_400)?;
        let concurrent = number("api.limits.concurrent", section.concurrent, "256", 1, 100_000)?;
        let live_streams = number("api.limits.live_streams", section.live_streams, "256", 1, 100_000)?;
        Ok(Self {
            tenant_per_second: per_second("api.limits.tenant_per_second", section.tenant_per_second, tenant)?,
            address_per_second: per_second(
                "api.limits.address_per_second",
                section.address_per_second,
                address,
            )?,
            concurrent: usize::try_from(concurrent).unwrap_or(usize::MAX),
            query_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            query_memory: number(
                "api.limits.query_memory",
                section.query_memory,
                "2000000000",
                1_000_000,
                u64::MAX,
            )?,
            query_rows: number("api.limits.query_rows", section.query_rows, "200000000", 1, u64::MAX)?,
            exports: usize::try_from(exports).unwrap_or(usize::MAX),
            export_seconds: u32::try_from(export_seconds).unwrap_or(u32::MAX),
            live_streams: usize::try_from(live_streams).unwrap_or(usize::MAX),
        })
    }
}
