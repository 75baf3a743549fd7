//! Which events are meant, by their dimensions: all that is given must hold.

use voc_smartmodule::contract::EventType;
use voc_smartmodule::sentiment::calibration::Label;

use super::Params;
use super::choice::Dimension;
use super::parameter::{Parameter, Schema, text};
use crate::error::Error;

/// Characters of a value. Short enough that a statement with every filter fits into a URL.
const LONGEST: usize = 128;

/// The labels of sentiment.
pub const LABELS: [&str; 5] = [
    Label::Negative.as_str(),
    Label::Neutral.as_str(),
    Label::Positive.as_str(),
    Label::Unclear.as_str(),
    Label::NoSignal.as_str(),
];

/// The types of events.
pub const TYPES: [&str; EventType::ALL.len()] = {
    let mut names = [""; EventType::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = EventType::ALL[at].as_str();
        at += 1;
    }
    names
};

/// Values that events must have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters(Vec<(Dimension, String)>);

impl Filters {
    /// The parameters, in the order of the dimensions.
    pub const PARAMETERS: [Parameter; Dimension::ALL.len()] = {
        let mut all = [filter(Dimension::ALL[0]); Dimension::ALL.len()];
        let mut at = 1;
        while at < all.len() {
            all[at] = filter(Dimension::ALL[at]);
            at += 1;
        }
        all
    };

    /// Takes the parameters that are named like a dimension.
    ///
    /// # Errors
    /// A 400 if a value is no type, no label, empty or too long.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let mut filters = Vec::new();
        for (name, dimension) in Dimension::ALL {
            let given = match dimension {
                Dimension::Type => params.one_of(name, &TYPES)?,
                Dimension::Label => params.one_of(name, &LABELS)?,
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

/// The parameter of a dimension.
const fn filter((name, dimension): (&'static str, Dimension)) -> Parameter {
    let (meaning, example) = match dimension {
        Dimension::Type => ("Only events of this type.", ""),
        Dimension::Channel => ("Only calls of this channel.", "phone"),
        Dimension::Direction => ("Only calls of this direction.", "inbound"),
        Dimension::Agent => {
            ("Only calls, actions and tool invocations of this agent, by its `agent_id`.", "bot-7")
        }
        Dimension::Language => ("Only events whose text was read in this language.", "pt"),
        Dimension::Label => ("Only calls whose sentiment has this label.", ""),
        Dimension::Action => ("Only agent actions of this name.", "refund"),
        Dimension::Tool => ("Only invocations of this tool.", "search"),
        Dimension::QosMetric => ("Only measurements of this metric of the quality of service.", "jitter_ms"),
    };
    let schema = match dimension {
        Dimension::Type => Schema::OneOf(&TYPES, None),
        Dimension::Label => Schema::OneOf(&LABELS, None),
        _ => Schema::Text(LONGEST),
    };
    Parameter { name, meaning, is_required: false, schema, example }
}

#[cfg(test)]
mod tests {
    use super::Filters;
    use crate::error::Error;
    use crate::params::Params;
    use crate::params::choice::Dimension;

    fn read(query: &str) -> Result<Filters, Error> {
        Filters::optional(&Params::parse(Some(query), &Filters::PARAMETERS)?)
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
