//! The phrase material in `tests/data/phrases.json`, written for this project.

use std::collections::HashMap;

use serde::Deserialize;

/// The two languages of the material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// English.
    En,
    /// Brazilian Portuguese.
    Pt,
}

/// Something in both languages.
#[derive(Deserialize)]
pub(super) struct Both<T> {
    en: T,
    pt: T,
}

impl<T> Both<T> {
    pub(super) fn of(&self, language: Language) -> &T {
        match language {
            Language::En => &self.en,
            Language::Pt => &self.pt,
        }
    }
}

type Lines = Both<Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phrases {
    pub(super) tenants: Vec<NamedTenant>,
    pub(super) greetings: Lines,
    pub(super) verticals: HashMap<String, Both<Vertical>>,
    pub(super) reactions: Reactions,
    pub(super) closings: Lines,
    pub(super) names: Lines,
    pub(super) actions: Vec<String>,
    pub(super) tools: Vec<String>,
    pub(super) tool_errors: Vec<String>,
    pub(super) queues: Vec<String>,
    pub(super) metrics: Vec<Metric>,
}

#[derive(Deserialize)]
pub(super) struct NamedTenant {
    pub(super) id: String,
    pub(super) vertical: String,
    pub(super) language: Language,
}

/// What customers of one kind of business say, and what they hear.
#[derive(Deserialize)]
pub(super) struct Vertical {
    pub(super) issues: Vec<String>,
    /// One for each issue.
    pub(super) answers: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Reactions {
    pub(super) positive: Lines,
    pub(super) negative: Lines,
    pub(super) neutral: Lines,
}

/// A quality-of-service metric and the range of its values.
#[derive(Deserialize)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

impl Phrases {
    pub(super) fn read() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("../../data/phrases.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, Phrases};

    /// The generator relies on it.
    #[test]
    fn the_material_is_complete() {
        let phrases = Phrases::read().unwrap();
        for tenant in &phrases.tenants {
            for language in [Language::En, Language::Pt] {
                let vertical = phrases.verticals[&tenant.vertical].of(language);
                assert!(!vertical.issues.is_empty());
                assert_eq!(vertical.issues.len(), vertical.answers.len(), "{}", tenant.vertical);
            }
        }
    }
}
