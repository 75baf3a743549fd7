//! Which events are meant, by their dimensions: all that is given must hold.

use voc_smartmodule::contract::EventType;
use voc_smartmodule::sentiment::calibration::Label;

use super::choice::Dimension;
use super::{Params, bad};
use crate::error::Error;

/// Characters of a value. Short enough that a statement with every filter fits into a URL.
const LONGEST: usize = 128;

/// The labels of sentiment.
const LABELS: [Label; 5] =
    [Label::Negative, Label::Neutral, Label::Positive, Label::Unclear, Label::NoSignal];

/// Values that events must have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters(Vec<(Dimension, String)>);

impl Filters {
    /// Takes the parameters that are named like a dimension.
    ///
    /// # Errors
    /// A 400 if a value is no type, no label, empty or too long.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let mut filters = Vec::new();
        for (name, dimension) in Dimension::ALL {
            let given = match dimension {
                Dimension::Type => params.one_of(name, &EventType::ALL.map(EventType::as_str))?,
                Dimension::Label => params.one_of(name, &LABELS.map(Label::as_str))?,
                _ => text(params, name, LONGEST)?,
            };
            filters.extend(given.map(|value| (dimension, value.to_owned())));
        }
        Ok(Self(filters))
    }

    /// Every filter that is given, in the order of the dimensions.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &str)> {
        self.0.iter().map(|(dimension, value)| (*dimension, value.as_str()))
    }

    /// Whether there is one on this dimension.
    #[must_use]
    pub fn has(&self, dimension: Dimension) -> bool {
        self.0.iter().any(|(one, _)| *one == dimension)
    }
}

/// A parameter of 1 to `longest` characters, none of them a control character.
///
/// # Errors
/// A 400 if it is not.
pub fn text<'a>(params: &'a Params, name: &'static str, longest: usize) -> Result<Option<&'a str>, Error> {
    let Some(value) = params.get(name) else { return Ok(None) };
    if value.is_empty() || value.chars().count() > longest || value.chars().any(char::is_control) {
        let message = format!("{name} must be 1 to {longest} characters, none of them a control character");
        return Err(bad(name, message));
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::Filters;
    use crate::error::Error;
    use crate::params::Params;
    use crate::params::choice::Dimension;

    fn read(query: &str) -> Result<Filters, Error> {
        let names = Dimension::ALL.map(|(name, _)| name);
        Filters::optional(&Params::parse(Some(query), &names)?)
    }

    #[test]
    fn values_are_taken_as_they_are() {
        let filters = read("channel=%27%20OR%201&type=call&tool=%7Btenant%3AString%7D").unwrap();
        let found: Vec<_> = filters.iter().collect();
        assert_eq!(
            found,
            [(Dimension::Type, "call"), (Dimension::Channel, "' OR 1"), (Dimension::Tool, "{tenant:String}")]
        );
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (query, at_fault) in [
            ("type=Call".to_owned(), "type"),
            ("label=sad".to_owned(), "label"),
            ("agent=".to_owned(), "agent"),
            ("agent=%00".to_owned(), "agent"),
            (format!("tool={}", "x".repeat(129)), "tool"),
        ] {
            match read(&query) {
                Err(Error::BadParameter { parameter, .. }) => {
                    assert_eq!(parameter.as_deref(), Some(at_fault));
                }
                other => panic!("{query} gave {other:?}"),
            }
        }
        assert!(read(&format!("tool={}", "x".repeat(128))).is_ok());
    }
}
