//! What the document says of one route. It stands beside the route's handler; what the code knows already (who may
//! ask, what can fail, which parameters the path has) is not said again there.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::params::format::Format;
use crate::params::parameter::Parameter;
use crate::params::scope::Scope;

/// Makes a schema, or a reference to the one in the document's components.
pub type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// In lower case.
    pub method: &'static str,
    /// As in the router.
    pub path: &'static str,
    /// A name for generated clients.
    pub id: &'static str,
    /// Which chapter it belongs to.
    pub tag: Tag,
    /// One line.
    pub summary: &'static str,
    /// The rest, Markdown; may be empty.
    pub description: &'static str,
    /// Parameters of the query string.
    pub parameters: &'static [Parameter],
    /// Further ones, which it shares with others.
    pub shared: &'static [&'static [Parameter]],
    /// What is sent along.
    pub body: Option<Body>,
    /// What comes back where nothing is wrong.
    pub answers: &'static [Answer],
    /// What a 404 says, where there may be no such thing.
    pub missing: Option<&'static str>,
    /// Operations that go on with something of the answer.
    pub links: &'static [Link],
}

impl Operation {
    /// One that only reads; the rest is filled in with `..`.
    #[must_use]
    pub const fn get(path: &'static str) -> Self {
        Self::of("get", path)
    }

    /// One that changes something.
    #[must_use]
    pub const fn post(path: &'static str) -> Self {
        Self::of("post", path)
    }

    /// One that asks about the events of a tenant in a range of time.
    #[must_use]
    pub const fn analytic(path: &'static str) -> Self {
        Self { shared: &Scope::PARAMETERS, ..Self::get(path) }
    }

    /// Whether its answer can be had as a file.
    #[must_use]
    pub fn has_files(&self) -> bool {
        let mut parameters = self.parameters.iter().chain(self.shared.iter().copied().flatten());
        parameters.any(|one| one.name == Format::PARAMETER.name)
    }

    const fn of(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            id: "",
            tag: Tag::Analytics,
            summary: "",
            description: "",
            parameters: &[],
            shared: &[],
            body: None,
            answers: &[],
            missing: None,
            links: &[],
        }
    }
}

/// A chapter of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// What a tenant's analysts ask.
    Analytics,
    /// What is sent to it.
    Ingest,
    /// What was rejected.
    DeadLetters,
    /// What is of no one tenant.
    Operation,
    /// This document.
    Document,
}

impl Tag {
    /// Every chapter in its order, with its name and what it is about.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (
            Self::Analytics,
            "analytics",
            "How a tenant's customers feel, about what, since when. All ask about events of a range of time, and take \
             the same filters: all that are given must hold.",
        ),
        (Self::Ingest, "ingest", "Events that are sent to the API, for the connector to store."),
        (
            Self::DeadLetters,
            "dead letters",
            "What of a tenant's was rejected and why; to be looked at, tried again, and forgotten.",
        ),
        (Self::Operation, "operation", "For those who run it: probes, metrics, the audit of what is stored."),
        (Self::Document, "document", "This document."),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(tag, ..)| *tag == self).map_or("", |(_, name, _)| name)
    }
}

/// What is sent along.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// Whether it may be left out.
    pub is_required: bool,
    /// What it is for.
    pub meaning: &'static str,
    /// Its content, by media type.
    pub content: &'static [(&'static str, MakeSchema)],
    /// One to show, JSON.
    pub example: &'static str,
}

/// What comes back.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it is; empty where the doc comment of its type says so.
    pub meaning: &'static str,
    /// Its content, by media type.
    pub content: &'static [(&'static str, MakeSchema)],
}

impl Answer {
    /// A 200.
    #[must_use]
    pub const fn ok(content: &'static [(&'static str, MakeSchema)]) -> Self {
        Self { status: 200, meaning: "", content }
    }
}

/// The media type of most answers.
pub const JSON: &str = "application/json";

/// The schema of a type; its place is among the document's components.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Text of any form.
pub fn text(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "string"})
}

/// An object of any form.
pub fn any_object(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "object"})
}

/// Bytes as they are.
pub fn bytes(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({})
}

/// An operation that goes on with something of the answer.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// What it is called.
    pub name: &'static str,
    /// The id of that operation.
    pub operation: &'static str,
    /// Its parameters, each with a runtime expression of OpenAPI.
    pub parameters: &'static [(&'static str, &'static str)],
}
