//! Query parameters, read strictly: a handler only ever sees values that are in range.
//!
//! The usual form decoders replace what they cannot decode and take the last of two equal names. Here
//! each of that is a 400 that names the parameter.

use std::borrow::Cow;

use voc_smartmodule::contract::is_tenant_id;

use crate::error::Error;

#[cfg(test)]
mod tests;

/// The decoded query string of one request.
pub struct Params {
    values: Vec<(&'static str, String)>,
}

impl Params {
    /// Decodes `query` (the part of the URL after `?`), where only the names in `known` may occur.
    ///
    /// # Errors
    /// A 400: an encoding that is not valid, a name that is not known, a name that occurs twice.
    pub fn parse(query: Option<&str>, known: &[&'static str]) -> Result<Self, Error> {
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| Error::BadParameter {
                parameter: None,
                message: "the name of a parameter is not percent-encoded UTF-8".to_owned(),
            })?;
            let name = *known.iter().find(|known| **known == name).ok_or_else(|| unknown(&name, known))?;
            if values.iter().any(|(earlier, _)| *earlier == name) {
                return Err(bad(name, format!("{name} is given twice")));
            }
            let value = decode(value)
                .ok_or_else(|| bad(name, format!("the value of {name} is not percent-encoded UTF-8")))?;
            values.push((name, value.into_owned()));
        }
        Ok(Self { values })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// A tenant id by the event contract: 1 to 128 characters, none of them a control character.
#[derive(Debug, PartialEq)]
pub struct TenantId(String);

impl TenantId {
    /// Name of the parameter.
    pub const NAME: &'static str = "tenant_id";

    /// Takes the parameter `tenant_id`, which is required.
    ///
    /// # Errors
    /// A 400 if it is missing or not a tenant id.
    pub fn required(params: &Params) -> Result<Self, Error> {
        let value =
            params.get(Self::NAME).ok_or_else(|| bad(Self::NAME, "tenant_id is missing".to_owned()))?;
        if !is_tenant_id(value) {
            let message = "tenant_id must be 1 to 128 characters, none of them a control character";
            return Err(bad(Self::NAME, message.to_owned()));
        }
        Ok(Self(value.to_owned()))
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
    /// Name of the parameter.
    pub const NAME: &'static str = "days";

    const DEFAULT: u32 = 30;
    const LONGEST: u32 = 3650;

    /// Takes the parameter `days`, 30 where it is not given.
    ///
    /// # Errors
    /// A 400 if it is not a whole number of days in range.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let Some(value) = params.get(Self::NAME) else { return Ok(Self(Self::DEFAULT)) };
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        match value.parse() {
            Ok(days) if digits && (1..=Self::LONGEST).contains(&days) => Ok(Self(days)),
            _ => Err(bad(Self::NAME, format!("days must be a whole number from 1 to {}", Self::LONGEST))),
        }
    }

    /// The number of days.
    pub fn get(&self) -> u32 {
        self.0
    }
}

fn bad(parameter: &str, message: String) -> Error {
    Error::BadParameter { parameter: Some(parameter.to_owned()), message }
}

fn unknown(name: &str, known: &[&str]) -> Error {
    // Enough to recognise it by, however much was sent.
    let name: String = name.chars().take(64).collect();
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
