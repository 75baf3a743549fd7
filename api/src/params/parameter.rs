//! What a parameter of the query string is: its name, its values, its meaning. A request is read by the same constant
//! that the OpenAPI document is made of, so the two cannot differ.

use serde_json::{Value, json};

use super::{Params, bad, whole};
use crate::error::Error;

/// A parameter as the document shows it.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// As it stands in the query string.
    pub name: &'static str,
    /// What it is for, and what holds where it is not given.
    pub meaning: &'static str,
    /// Whether it must be given.
    pub is_required: bool,
    /// Its values, as a JSON Schema.
    pub schema: Schema,
    /// A value to show; empty where the schema says enough.
    pub example: &'static str,
}

/// The values of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum Schema {
    /// One of these, with the one that is meant where none is given.
    OneOf(&'static [&'static str], Option<&'static str>),
    /// A whole number from 1 to `most`.
    Whole {
        /// The largest.
        most: u32,
        /// Where none is given.
        default: u32,
    },
    /// Characters, none of them a control character: one to so many.
    Text(usize),
    /// What only its own file can describe.
    Own(fn() -> Value),
}

impl Schema {
    /// As JSON Schema.
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Self::OneOf(names, Some(default)) => json!({"type": "string", "enum": names, "default": default}),
            Self::OneOf(names, None) => json!({"type": "string", "enum": names}),
            Self::Whole { most, default } => {
                json!({"type": "integer", "minimum": 1, "maximum": most, "default": default})
            }
            Self::Text(longest) => {
                json!({"type": "string", "minLength": 1, "maxLength": longest, "pattern": NO_CONTROL})
            }
            Self::Own(schema) => schema(),
        }
    }
}

/// No control character, as `char::is_control` knows them.
pub const NO_CONTROL: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// A parameter that is one of a closed list.
#[derive(Debug, Clone, Copy)]
pub struct OneOf {
    /// As it stands in the query string.
    pub name: &'static str,
    /// What it is for, and what holds where it is not given.
    pub meaning: &'static str,
    /// The list.
    pub values: &'static [&'static str],
}

impl OneOf {
    /// As the document shows it.
    #[must_use]
    pub const fn parameter(self) -> Parameter {
        let Self { name, meaning, values } = self;
        Parameter { name, meaning, is_required: false, schema: Schema::OneOf(values, None), example: "" }
    }

    /// What is given.
    ///
    /// # Errors
    /// A 400 for another value.
    pub fn read(&self, params: &Params) -> Result<Option<&'static str>, Error> {
        params.one_of(self.name, self.values)
    }
}

/// A parameter that is a whole number from 1.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// As it stands in the query string.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// The largest.
    pub most: u32,
    /// Where none is given.
    pub default: u32,
}

impl Whole {
    /// As the document shows it.
    #[must_use]
    pub const fn parameter(self) -> Parameter {
        let Self { name, meaning, most, default } = self;
        Parameter { name, meaning, is_required: false, schema: Schema::Whole { most, default }, example: "" }
    }

    /// What is given, or the default.
    ///
    /// # Errors
    /// A 400 if it is no whole number in range.
    pub fn read(&self, params: &Params) -> Result<u32, Error> {
        Ok(self.given(params)?.unwrap_or(self.default))
    }

    /// What is given, if anything is.
    ///
    /// # Errors
    /// A 400 if it is no whole number in range.
    pub fn given(&self, params: &Params) -> Result<Option<u32>, Error> {
        whole(params, self.name, self.most)
    }
}

/// A parameter that is a text of a bounded length.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// As it stands in the query string.
    pub name: &'static str,
    /// What it is for, and what holds where it is not given.
    pub meaning: &'static str,
    /// Most characters.
    pub longest: usize,
    /// A value to show.
    pub example: &'static str,
}

impl Text {
    /// As the document shows it.
    #[must_use]
    pub const fn parameter(self) -> Parameter {
        let Self { name, meaning, longest, example } = self;
        Parameter { name, meaning, is_required: false, schema: Schema::Text(longest), example }
    }

    /// What is given: 1 to `longest` characters, none of them a control character.
    ///
    /// # Errors
    /// A 400 if it is not.
    pub fn read<'a>(&self, params: &'a Params) -> Result<Option<&'a str>, Error> {
        text(params, self.name, self.longest)
    }
}

/// A parameter of 1 to `longest` characters, none of them a control character.
pub(super) fn text<'a>(
    params: &'a Params,
    name: &'static str,
    longest: usize,
) -> Result<Option<&'a str>, Error> {
    let Some(value) = params.get(name) else { return Ok(None) };
    if value.is_empty() || value.chars().count() > longest || value.chars().any(char::is_control) {
        let message = format!("{name} must be 1 to {longest} characters, none of them a control character");
        return Err(bad(name, message));
    }
    Ok(Some(value))
}

/// The names of a list of named things.
#[must_use]
pub const fn names<T, const N: usize>(all: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = all[at].0;
        at += 1;
    }
    names
}
