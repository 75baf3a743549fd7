//! What can be asked for by name: a closed list each, so that no name of a request reaches a statement.

use super::{Params, bad};
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

    /// Takes the parameter of this name.
    ///
    /// # Errors
    /// A 400 if there is no such dimension.
    pub fn optional(params: &Params, name: &'static str) -> Result<Option<Self>, Error> {
        let given = params.one_of(name, &Self::ALL.map(|(name, _)| name))?;
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

    /// Takes the parameter `metric`, the count where it is not given.
    ///
    /// # Errors
    /// A 400 if there is no such metric.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let given = params.one_of(Self::NAME, &Self::ALL.map(|(name, _)| name))?;
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
    /// A 400 where values of several would be mixed.
    pub fn unmixed(self, is_one_qos_metric: bool) -> Result<(), Error> {
        if self == Self::QosValue && !is_one_qos_metric {
            let message = "metric qos_value needs the filter qos_metric, or groups by qos_metric";
            return Err(bad(Self::NAME, message.to_owned()));
        }
        Ok(())
    }
}
