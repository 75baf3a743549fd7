//! What can be asked for by name: a closed list each, so that no name of a request reaches a statement.

use super::parameter::{OneOf, Parameter, Schema, names};
use super::{Params, bad_together};
use crate::error::Error;

/// What events are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// What happened.
    Type,
    /// The channel of a call.
    Channel,
    /// The direction of a call.
    Direction,
    /// The agent of a call, an action or a tool invocation.
    Agent,
    /// The language in which a text was read.
    Language,
    /// The label of its sentiment.
    Label,
    /// The action of an agent.
    Action,
    /// The tool that was invoked.
    Tool,
    /// What was measured of the quality of service.
    QosMetric,
}

impl Dimension {
    /// Every dimension with its name, which is that of its filter, too.
    pub const ALL: [(&'static str, Self); 9] = [
        ("type", Self::Type),
        ("channel", Self::Channel),
        ("direction", Self::Direction),
        ("agent", Self::Agent),
        ("language", Self::Language),
        ("label", Self::Label),
        ("action", Self::Action),
        ("tool", Self::Tool),
        ("qos_metric", Self::QosMetric),
    ];

    /// Their names.
    pub const NAMES: [&'static str; Self::ALL.len()] = names(&Self::ALL);

    /// Takes a parameter that names one.
    ///
    /// # Errors
    /// A 400 if there is no such dimension.
    pub fn optional(params: &Params, parameter: &OneOf) -> Result<Option<Self>, Error> {
        let given = parameter.read(params)?;
        Ok(Self::ALL.into_iter().find(|(name, _)| Some(*name) == given).map(|(_, one)| one))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

/// What is measured of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How many there are.
    Count,
    /// Mean score of those that have one.
    Sentiment,
    /// Share of negative ones among those that have a score.
    NegativeShare,
    /// Mean duration of calls and actions, in milliseconds.
    Duration,
    /// Share of successful ones among the tool invocations that say so.
    ToolSuccess,
    /// Mean latency of tool invocations, in milliseconds.
    Latency,
    /// Mean value of one metric of the quality of service, in its own unit.
    QosValue,
}

/// What a metric's value is, and so how sure a small sample makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of events, exact.
    Count,
    /// A share of events, 0 to 1.
    Share,
    /// A mean over events.
    Mean,
}

impl Metric {
    /// Name of the parameter.
    pub const NAME: &'static str = "metric";

    const ALL: [(&'static str, Self); 7] = [
        ("count", Self::Count),
        ("sentiment", Self::Sentiment),
        ("negative_share", Self::NegativeShare),
        ("duration", Self::Duration),
        ("tool_success", Self::ToolSuccess),
        ("latency", Self::Latency),
        ("qos_value", Self::QosValue),
    ];

    /// Their names.
    pub const NAMES: [&'static str; Self::ALL.len()] = names(&Self::ALL);

    /// The parameter.
    pub const PARAMETER: Parameter = Parameter {
        name: Self::NAME,
        meaning: "What is measured: `count`, the number of events; `sentiment`, the mean score from -1 to 1; \
            `negative_share`, the share of negative events among those that have a score, 0 to 1; `duration`, the mean \
            duration of calls and actions in milliseconds; `tool_success`, the share of successful tool invocations \
            among those that say so, 0 to 1; `latency`, the mean latency of tool invocations in milliseconds; \
            `qos_value`, the mean of one metric of the quality of service in its own unit, which needs that metric \
            as the filter or the group `qos_metric` (else 422).",
        is_required: false,
        schema: Schema::OneOf(&Self::NAMES, Some("count")),
        example: "",
    };

    /// Takes the parameter `metric`, the count where it is not given.
    ///
    /// # Errors
    /// A 400 if there is no such metric.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let given = params.one_of(Self::NAME, &Self::NAMES)?;
        Ok(Self::ALL.into_iter().find(|(name, _)| Some(*name) == given).map_or(Self::Count, |(_, one)| one))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }

    /// What its value is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Count => Kind::Count,
            Self::NegativeShare | Self::ToolSuccess => Kind::Share,
            Self::Sentiment | Self::Duration | Self::Latency | Self::QosValue => Kind::Mean,
        }
    }

    /// A mean of milliseconds and percents says nothing: values of one QoS metric at a time.
    ///
    /// # Errors
    /// A 422 where values of several would be mixed.
    pub fn unmixed(self, is_one_qos_metric: bool) -> Result<(), Error> {
        if self == Self::QosValue && !is_one_qos_metric {
            let message = "metric qos_value needs the filter qos_metric, or groups by qos_metric";
            return Err(bad_together(Self::NAME, message.to_owned()));
        }
        Ok(())
    }
}
