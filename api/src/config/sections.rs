//! The YAML of the two sections, and how one setting comes from file, secrets and environment.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use super::{Environment, Error};

/// Every value is read as text with its line, so that a secret may stand for any of them and an error
/// can say where it is.
pub(super) type Value = Option<Spanned<String>>;

#[derive(Deserialize)]
pub(super) struct Sections {
    pub(super) clickhouse: Option<ClickHouseSection>,
    pub(super) api: Option<ApiSection>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ClickHouseSection {
    pub(super) host: Value,
    pub(super) port: Value,
    pub(super) user: Value,
    pub(super) password: Value,
    pub(super) database: Value,
    #[serde(rename = "compression")]
    _compression: Value, // the connector's: how it sends its inserts
    #[serde(rename = "partition_by")]
    _partition_by: Value, // the connector's: how it creates the tables
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApiSection {
    pub(super) host: Value,
    pub(super) port: Value,
    pub(super) access: Option<AccessSection>,
    pub(super) limits: Option<LimitsSection>,
    pub(super) cache: Option<CacheSection>,
    pub(super) ingest: Option<IngestSection>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccessSection {
    pub(super) mode: Value,
    pub(super) jwt: Option<JwtSection>,
    pub(super) api_keys_file: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct JwtSection {
    pub(super) key_file: Value,
    pub(super) algorithm: Value,
    pub(super) jwks_file: Value,
    pub(super) issuer: Value,
    pub(super) audience: Value,
    pub(super) tenant_claim: Value,
    pub(super) roles_claim: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    pub(super) tenant_per_second: Value,
    pub(super) address_per_second: Value,
    pub(super) concurrent: Value,
    pub(super) query_seconds: Value,
    pub(super) query_memory: Value,
    pub(super) query_rows: Value,
    pub(super) exports: Value,
    pub(super) export_seconds: Value,
    pub(super) live_streams: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CacheSection {
    pub(super) seconds: Value,
    pub(super) bytes: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IngestSection {
    pub(super) mode: Value,
    pub(super) spool: Value,
    pub(super) spool_bytes: Value,
    pub(super) topic: Value,
    pub(super) body_bytes: Value,
    pub(super) events: Value,
    pub(super) queue: Value,
}

pub(super) fn parse<T: DeserializeOwned>(yaml: &str) -> Result<T, Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&mark_secrets(yaml), options).map_err(|e| Error::Yaml(e.to_string()))
}

/// Private-use characters, which a configuration has no use for.
const MARK_START: char = '\u{E000}';
const MARK_END: char = '\u{E001}';

/// Replaces each `${{ secrets.NAME }}` by a mark that YAML takes as plain text. The secret itself is
/// put in after parsing, so that no character of it can change what the file means, and one that only
/// another section or a comment names need not exist here.
fn mark_secrets(yaml: &str) -> String {
    let mut marked = String::with_capacity(yaml.len());
    let mut rest = yaml;
    while let Some(start) = rest.find("${{") {
        let (before, placeholder) = rest.split_at(start);
        marked.push_str(before);
        let name = placeholder.find("}}").and_then(|end| {
            let name = placeholder[3..end].trim().strip_prefix("secrets.")?;
            let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            known.then_some((name, end + 2))
        });
        let consumed = match name {
            Some((name, end)) => {
                marked.extend([MARK_START]);
                marked.push_str(name);
                marked.extend([MARK_END]);
                end
            }
            None => {
                marked.push_str("${{");
                3
            }
        };
        rest = &placeholder[consumed..];
    }
    marked.push_str(rest);
    marked
}

/// One setting before it is resolved.
pub(super) struct Setting {
    pub(super) key: &'static str,
    /// Name of the overriding environment variable, empty for none.
    pub(super) variable: &'static str,
    pub(super) value: Value,
    pub(super) default: &'static str,
}

/// Resolves settings that no variable of their own replaces.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a>(pub(super) &'a Environment);

impl Resolver<'_> {
    pub(super) fn setting(
        self,
        key: &'static str,
        value: Value,
        default: &'static str,
    ) -> Result<Resolved, Error> {
        Setting { key, variable: "", value, default }.resolve(self.0)
    }
}

/// One setting's text, and where it came from.
pub(super) struct Resolved {
    pub(super) text: String,
    /// Whether a part of the text is a secret, which no error may show.
    secret: bool,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    File { key: &'static str, line: u64 },
    Variable { name: &'static str },
}

impl Setting {
    /// The environment variable if it is set, else the file's value with its secrets, else the default.
    pub(super) fn resolve(self, environment: &Environment) -> Result<Resolved, Error> {
        if let Some(text) = environment.variable(self.variable) {
            let place = Place::Variable { name: self.variable };
            return Ok(Resolved { text: text.to_owned(), secret: false, place });
        }
        let Some(value) = self.value else {
            let place = Place::File { key: self.key, line: 0 };
            return Ok(Resolved { text: self.default.to_owned(), secret: false, place });
        };
        let place = Place::File { key: self.key, line: value.referenced.line() };
        if value.value.contains("${{") {
            return Err(place.error("an unknown expression, expected ${{ secrets.NAME }}".to_owned()));
        }
        let mut text = String::new();
        let mut rest = value.value.as_str();
        while let Some((before, after)) = rest.split_once(MARK_START) {
            let (name, after) = after.split_once(MARK_END).unwrap_or((after, ""));
            let secret = environment.secret(name).ok_or_else(|| {
                place.error(format!("secret {name} is neither in the secrets file nor in the environment"))
            })?;
            text.push_str(before);
            text.push_str(secret);
            rest = after;
        }
        text.push_str(rest);
        let secret = value.value.contains(MARK_START);
        Ok(Resolved { text, secret, place })
    }
}

impl Resolved {
    /// The text as a host: a name or an address, and nothing around it.
    pub(super) fn host(self) -> Result<String, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if self.text.is_empty() || !self.text.chars().all(plain) {
            let reason = format!("{} is not a host name or address", self.shown());
            return Err(self.place.error(reason));
        }
        Ok(self.text)
    }

    /// The text as a port between `lowest` and 65535.
    pub(super) fn port(self, lowest: u16) -> Result<u16, Error> {
        if let Some(port) = self.text.parse().ok().filter(|port| *port >= lowest) {
            return Ok(port);
        }
        let mut reason = format!("{} is not a port ({lowest} to {})", self.shown(), u16::MAX);
        if matches!(self.place, Place::Variable { .. }) && self.text.starts_with("tcp://") {
            reason.push_str(
                "; Kubernetes injects it for a Service named clickhouse: rename the Service, or set \
                 enableServiceLinks: false on the pod",
            );
        }
        Err(self.place.error(reason))
    }

    /// The text as the name of a Fluvio topic.
    pub(super) fn topic(self) -> Result<String, Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edge = self.text.starts_with('-') || self.text.ends_with('-');
        if edge || !(1..=63).contains(&self.text.len()) || !self.text.bytes().all(plain) {
            let reason = format!("{} is not a topic: 1 to 63 of a-z, 0-9 and -", self.shown());
            return Err(self.place.error(reason));
        }
        Ok(self.text)
    }

    /// The text as a whole number of this range.
    pub(super) fn whole(self, lowest: u64, highest: u64) -> Result<u64, Error> {
        match self.text.parse() {
            Ok(number) if (lowest..=highest).contains(&number) => Ok(number),
            _ => {
                let reason = format!("{} is not a whole number from {lowest} to {highest}", self.shown());
                Err(self.place.error(reason))
            }
        }
    }

    /// The text as one of these words.
    pub(super) fn one_of(self, words: &[&'static str]) -> Result<&'static str, Error> {
        let found = words.iter().find(|word| **word == self.text).copied();
        found.ok_or_else(|| self.place.error(format!("{} is not one of {}", self.shown(), words.join(", "))))
    }

    fn shown(&self) -> String {
        if self.secret { "the secret".to_owned() } else { format!("`{}`", self.text.escape_default()) }
    }
}

impl Place {
    fn error(self, reason: String) -> Error {
        match self {
            Self::File { key, line } => Error::Value { key, line, reason },
            Self::Variable { name } => Error::Variable { name, reason },
        }
    }
}
