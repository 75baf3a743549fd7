//! The configuration: the sections `clickhouse` and `api` of `Connector.yaml`.
//!
//! Parsed, then overridden by the environment, then validated. Unknown keys in the two sections are
//! errors that name the key and the line; all other sections belong to the connector and are ignored,
//! and so are their secrets, but for what [`ingest`] shares with it where events are taken.

pub mod access;
pub mod cache;
mod environment;
pub mod ingest;
mod sections;
#[cfg(test)]
mod tests;

pub use environment::Environment;

/// What the API needs to know to run.
#[derive(Debug)]
pub struct Config {
    /// Where the analytics are read.
    pub clickhouse: ClickHouse,
    /// Where they are served.
    pub api: Api,
}

/// The ClickHouse server, spoken to over its HTTP interface.
pub struct ClickHouse {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// Port of the HTTP interface, 1 to 65535.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password, empty for none.
    pub password: String,
    /// The database that holds the tables.
    pub database: String,
}

impl ClickHouse {
    /// The address of the HTTP interface, without credentials.
    pub fn url(&self) -> String {
        if self.host.contains(':') {
            format!("http://[{}]:{}", self.host, self.port)
        } else {
            format!("http://{}:{}", self.host, self.port)
        }
    }
}

/// Never shows the password.
impl std::fmt::Debug for ClickHouse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClickHouse")
            .field("url", &self.url())
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// The API's own address.
#[derive(Debug)]
pub struct Api {
    /// Address to listen on; `0.0.0.0` for every interface.
    pub host: String,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Who may ask.
    pub access: access::Access,
    /// How much may be asked.
    pub limits: access::Limits,
    /// What is kept of the answers.
    pub cache: cache::Cache,
    /// Whether and where events are taken.
    pub ingest: ingest::Ingest,
}

/// Why the API cannot start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not YAML, or one of our sections has an unknown key or a wrong shape.
    #[error("{0}")]
    Yaml(String),
    /// A value of the file is not allowed.
    #[error("{key} at line {line}: {reason}")]
    Value {
        /// The key with its section, such as `api.port`.
        key: &'static str,
        /// Line in the file, from 1.
        line: u64,
        /// What is wrong with the value.
        reason: String,
    },
    /// A value of the environment is not allowed.
    #[error("environment variable {name}: {reason}")]
    Variable {
        /// Name of the variable.
        name: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// The keys of `api.access` do not go together.
    #[error("api.access: {0}")]
    Access(&'static str),
    /// The keys of `api.ingest` do not go together, or those do not that it shares with the connector.
    #[error("api.ingest: {0}")]
    Ingest(String),
    /// A line of the secrets file cannot be read.
    #[error("line {line}: {reason}")]
    SecretsLine {
        /// Line in the secrets file, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Config {
    /// Reads the two sections out of the text of a `Connector.yaml`.
    ///
    /// # Errors
    /// Names the key and the line, or the environment variable, that is at fault.
    pub fn parse(yaml: &str, environment: &Environment) -> Result<Self, Error> {
        let sections: sections::Sections = sections::parse(yaml)?;
        let (clickhouse, api) = (sections.clickhouse.unwrap_or_default(), sections.api.unwrap_or_default());
        let text = |key, variable, value, default| {
            sections::Setting { key, variable, value, default }.resolve(environment)
        };
        let resolver = sections::Resolver(environment);
        let access = access::Access::resolve(api.access.unwrap_or_default(), resolver)?;
        let limits = access::Limits::resolve(api.limits.unwrap_or_default(), access.open, resolver)?;
        let cache = cache::Cache::resolve(api.cache.unwrap_or_default(), resolver)?;
        let ingest = ingest::Ingest::resolve(api.ingest.unwrap_or_default(), yaml, resolver)?;
        Ok(Self {
            clickhouse: ClickHouse {
                host: text("clickhouse.host", "CLICKHOUSE_HOST", clickhouse.host, "localhost")?.host()?,
                port: text("clickhouse.port", "CLICKHOUSE_PORT", clickhouse.port, "8123")?.port(1)?,
                user: text("clickhouse.user", "CLICKHOUSE_USER", clickhouse.user, "default")?.text,
                password: text("clickhouse.password", "CLICKHOUSE_PASSWORD", clickhouse.password, "")?.text,
                database: text("clickhouse.database", "CLICKHOUSE_DB", clickhouse.database, "default")?.text,
            },
            api: Api {
                host: text("api.host", "", api.host, "127.0.0.1")?.host()?,
                port: text("api.port", "HTTP_PORT", api.port, "8000")?.port(0)?,
                access,
                limits,
                cache,
                ingest,
            },
        })
    }
}
