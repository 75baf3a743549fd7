//! Query parameters, read strictly: a handler only ever sees values that are in range.
//!
//! The usual form decoders replace what they cannot decode and take the last of two equal names. Here
//! each of that is a 400 that names the parameter.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, json};
use uuid::Uuid;
use voc_smartmodule::contract::is_tenant_id;

use self::parameter::{NO_CONTROL, Parameter, Schema, Whole};
use crate::error::Error;

pub mod buckets;
pub mod choice;
pub mod cursor;
pub mod filters;
pub mod format;
pub mod parameter;
pub mod range;
pub mod scope;

#[cfg(test)]
mod tests;

/// The decoded query string of one request.
pub struct Params {
    values: Vec<(&'static str, String)>,
}

impl Params {
    /// Decodes `query` (the part of the URL after `?`), where only the parameters in `known` may occur.
    ///
    /// # Errors
    /// A 400: an encoding that is not valid, a name that is not known, a name that occurs twice.
    pub fn parse(query: Option<&str>, known: &[Parameter]) -> Result<Self, Error> {
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| Error::BadParameter {
                parameter: None,
                message: "the name of a parameter is not percent-encoded UTF-8".to_owned(),
            })?;
            let named = known.iter().find(|known| known.name == name);
            let name = named.ok_or_else(|| unknown(&name, known))?.name;
            if values.iter().any(|(earlier, _)| *earlier == name) {
                return Err(bad(name, format!("{name} is given twice")));
            }
            let value = decode(value)
                .ok_or_else(|| bad(name, format!("the value of {name} is not percent-encoded UTF-8")))?;
            values.push((name, value.into_owned()));
        }
        Ok(Self { values })
    }

    /// The value of a parameter, if it is given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl Params {
    /// The value of a parameter that has only these; none where it is not given.
    ///
    /// # Errors
    /// A 400 for another value.
    pub fn one_of(&self, name: &str, values: &[&'static str]) -> Result<Option<&'static str>, Error> {
        let Some(given) = self.get(name) else { return Ok(None) };
        match values.iter().find(|value| **value == given) {
            Some(value) => Ok(Some(value)),
            None => Err(bad(name, format!("{name} must be one of {}", values.join(", ")))),
        }
    }
}

/// The parameters of a path, in its order, decoded.
///
/// # Errors
/// A 400 where they are not percent-encoded UTF-8.
pub async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<T, Error>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    let Path(values) = Path::from_request_parts(parts, state).await.map_err(|_| Error::BadParameter {
        parameter: None,
        message: "the path is not percent-encoded UTF-8".to_owned(),
    })?;
    Ok(values)
}

/// A tenant id by the event contract: 1 to 128 characters, none of them a control character.
#[derive(Debug, PartialEq)]
pub struct TenantId(String);

impl TenantId {
    /// Name of the parameter.
    pub const NAME: &'static str = "tenant_id";

    /// The parameter.
    pub const PARAMETER: Parameter = Parameter {
        name: Self::NAME,
        meaning: "Whose events.",
        is_required: true,
        schema: Schema::Own(Self::schema),
        example: "acme",
    };

    /// What is a tenant id, in a path too.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": NO_CONTROL})
    }

    /// Takes the parameter `tenant_id`, which is required.
    ///
    /// # Errors
    /// A 400 if it is missing or not a tenant id.
    pub fn required(params: &Params) -> Result<Self, Error> {
        let value =
            params.get(Self::NAME).ok_or_else(|| bad(Self::NAME, "tenant_id is missing".to_owned()))?;
        Self::of_path(value.to_owned())
    }

    /// Takes it from a path.
    ///
    /// # Errors
    /// A 400 if it is not a tenant id.
    pub fn of_path(value: String) -> Result<Self, Error> {
        if !is_tenant_id(&value) {
            let message = "tenant_id must be 1 to 128 characters, none of them a control character";
            return Err(bad(Self::NAME, message.to_owned()));
        }
        Ok(Self(value))
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many days back from now a query looks, 1 to 3650.
#[derive(Debug, PartialEq)]
pub struct Days(u32);

impl Days {
    const WHOLE: Whole = Whole {
        name: "days",
        meaning: "How many days back from now, of 24 hours each.",
        most: 3_650,
        default: 30,
    };

    /// The parameter.
    pub const PARAMETER: Parameter = Self::WHOLE.parameter();

    /// Takes the parameter `days`, 30 where it is not given.
    ///
    /// # Errors
    /// A 400 if it is not a whole number of days in range.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        Ok(Self(Self::WHOLE.read(params)?))
    }

    /// The number of days.
    pub fn get(&self) -> u32 {
        self.0
    }
}

/// How many rows an answer has at most, 1 to 1000.
#[derive(Debug, PartialEq)]
pub struct Limit(Option<u32>);

impl Limit {
    const WHOLE: Whole =
        Whole { name: "limit", meaning: "How many rows the answer has at most.", most: 1_000, default: 100 };

    /// The parameter.
    pub const PARAMETER: Parameter = Self::WHOLE.parameter();

    /// Takes the parameter `limit`; where it is not given, 100, or for an export every row.
    ///
    /// # Errors
    /// A 400 if it is not a whole number in range.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        Ok(Self(Self::WHOLE.given(params)?))
    }

    /// The number of rows.
    pub fn get(&self) -> u32 {
        self.0.unwrap_or(Self::WHOLE.default)
    }

    /// The number of rows of an export: every one where it is not given.
    pub fn of_export(&self) -> u32 {
        self.0.unwrap_or(u32::MAX)
    }
}

/// Where a record came from.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Stream and generation.
    pub stream: String,
    /// Number of the partition.
    #[serde(deserialize_with = "integral")]
    #[schemars(extend("maximum" = u32::MAX))]
    pub partition: u32,
    /// The record's offset there.
    #[serde(deserialize_with = "integral")]
    #[schemars(extend("maximum" = u64::MAX))]
    pub offset: u64,
}

/// A whole number as JSON has it: `7`, and `7.0` too, which is how some languages write all their numbers.
fn integral<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    let number = Number::deserialize(deserializer)?;
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..BEYOND).contains(number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
    let whole = number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|number| number as u64));
    let fits = whole.and_then(|whole| T::try_from(whole).ok());
    fits.ok_or_else(|| D::Error::custom(format!("{number} is no whole number, or too large")))
}

impl Origin {
    /// Takes it from the parameter `name`, as `STREAM/PARTITION/OFFSET`.
    ///
    /// # Errors
    /// A 400 if it is none.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        // From the end: a stream may have a slash in its name.
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|part| part.parse().ok());
        let partition = parts.next().and_then(|part| part.parse().ok());
        match (parts.next(), partition, offset) {
            (Some(stream), Some(partition), Some(offset)) => {
                Ok(Self { stream: stream.to_owned(), partition, offset })
            }
            _ => Err(bad(name, format!("{name} must be STREAM/PARTITION/OFFSET"))),
        }
    }

    /// Takes it from a path.
    ///
    /// # Errors
    /// A 400 if partition or offset is no number.
    pub fn of_path(stream: String, partition: &str, offset: &str) -> Result<Self, Error> {
        let is_no_number = |name| move |_| bad(name, format!("{name} must be a whole number"));
        Ok(Self {
            stream,
            partition: partition.parse().map_err(is_no_number("partition"))?,
            offset: offset.parse().map_err(is_no_number("offset"))?,
        })
    }
}

/// The id of an event from a path.
///
/// # Errors
/// A 400 if it is no UUID.
pub fn event_id(text: &str) -> Result<Uuid, Error> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    let id = Uuid::parse_str(text).ok().filter(|_| is_hyphenated);
    id.ok_or_else(|| bad("event_id", "event_id must be a UUID of 36 characters".to_owned()))
}

/// What is such an id.
#[must_use]
pub fn event_id_schema() -> serde_json::Value {
    json!({"type": "string", "format": "uuid"})
}

/// What has to be given.
///
/// # Errors
/// A 400 that names the parameter.
pub fn required<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| bad(name, format!("{name} is missing")))
}

/// A whole number from 1 to `most`, where it is given.
///
/// # Errors
/// A 400 if it is none.
pub fn whole(params: &Params, name: &'static str, most: u32) -> Result<Option<u32>, Error> {
    let Some(value) = params.get(name) else { return Ok(None) };
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits && (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(bad(name, format!("{name} must be a whole number from 1 to {most}"))),
    }
}

fn bad(parameter: &str, message: String) -> Error {
    Error::BadParameter { parameter: Some(parameter.to_owned()), message }
}

/// The values are all right, each on its own.
fn bad_together(parameter: &'static str, message: String) -> Error {
    Error::BadCombination { parameter, message }
}

fn unknown(name: &str, known: &[Parameter]) -> Error {
    // Enough to recognise it by, however much was sent.
    let name: String = name.chars().take(64).collect();
    let known: Vec<&str> = known.iter().map(|known| known.name).collect();
    let message = format!("`{name}` is not a parameter of this path; known are {}", known.join(", "));
    Error::BadParameter { parameter: Some(name), message }
}

/// Decodes percent-encoding and `+`; none if a `%` lacks its two digits or the result is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
