//! Who asks, and what they may see. `guard` stands before every route; what it lets through is pinned to the
//! tenant of the credential.
//!
//! A route is public (`/healthz`, `/readyz`), of one tenant (`{tenant}` in its path, or `/metrics/summary`), or
//! else for operators: a route that nobody thought of is closed, not open.

use std::time::SystemTime;

pub mod api_key;
pub mod audit_log;
pub mod credentials;
pub mod guard;
pub mod headers;
pub mod limits;
pub mod pinned;
pub mod spanned;
pub mod token;

#[cfg(test)]
mod tests;

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read what is of the tenant.
    View,
    /// Change it too.
    Manage,
    /// Read what is of no one tenant: `/v1/audit` and `/metrics`.
    Operate,
}

impl Role {
    /// The role of this name; none where there is no such role.
    pub fn named(name: &str) -> Option<Self> {
        [Self::View, Self::Manage, Self::Operate].into_iter().find(|role| role.name() == name)
    }

    /// Its name in credentials.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "analytics.view",
            Self::Manage => "analytics.manage",
            Self::Operate => "analytics.operate",
        }
    }
}

/// Until when the credential of a request is valid; beside the request where that is known.
#[derive(Debug, Clone, Copy)]
pub struct ValidUntil(pub SystemTime);

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// For the log: the subject of a token, the name of an API key.
    pub name: String,
    /// Whose data it may see; none for operators of no tenant.
    pub tenant: Option<String>,
    /// What it may do.
    pub roles: Vec<Role>,
    /// When the credential expires; none where it does not.
    pub expires: Option<SystemTime>,
}

impl Caller {
    /// Whether it may do this. Who manages may also look.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role) || (role == Role::View && self.roles.contains(&Role::Manage))
    }
}
