//! The tables: made where they are missing, checked for what the delivery depends on.

use clickhouse::Row;
use serde::Deserialize;

use super::{Error, Sink, event_block};
use crate::config::sections::PartitionBy;
use crate::layers::Layer;

/// The numbered files of `deploy/clickhouse/`, in order.
const FILES: [(&str, &str); 8] = [
    ("0001_tables.sql", include_str!("../../../../deploy/clickhouse/0001_tables.sql")),
    ("0002_fence.sql", include_str!("../../../../deploy/clickhouse/0002_fence.sql")),
    ("0003_dead_letters.sql", include_str!("../../../../deploy/clickhouse/0003_dead_letters.sql")),
    ("0004_audit.sql", include_str!("../../../../deploy/clickhouse/0004_audit.sql")),
    ("0005_identities.sql", include_str!("../../../../deploy/clickhouse/0005_identities.sql")),
    ("0006_annotation.sql", include_str!("../../../../deploy/clickhouse/0006_annotation.sql")),
    ("0007_rollups.sql", include_str!("../../../../deploy/clickhouse/0007_rollups.sql")),
    ("0008_merges.sql", include_str!("../../../../deploy/clickhouse/0008_merges.sql")),
];

/// The tables that are written under a token.
const WRITTEN_UNDER_TOKEN: [&str; 3] = ["voc_events", "voc_dead_letters", "voc_origins"];

/// Lists the tables of the database, as [`Engine`]s.
pub(super) const ENGINES: &str =
    "SELECT name, engine, engine_full FROM system.tables WHERE database = currentDatabase()";

/// A table, and how it is stored.
#[derive(Row, Deserialize)]
pub(super) struct Engine {
    pub(super) name: String,
    engine: String,
    engine_full: String,
}

/// The columns of the table of events, as [`Present`].
pub(super) const PRESENT: &str =
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'voc_events'";

/// A column as the table has it.
#[derive(Row, Deserialize)]
pub(super) struct Present {
    name: String,
    r#type: String,
}

impl Sink {
    /// Makes the database and the tables, and checks that they remember insert tokens and take what is written.
    ///
    /// # Errors
    /// [`Error`], where ClickHouse refuses, a table has no window, or a column another type.
    pub async fn prepare(&self) -> Result<(), Error> {
        let database = format!("CREATE DATABASE IF NOT EXISTS {}", identifier(&self.database));
        self.persist("create the database", || self.client.query_raw(&database).execute()).await?;
        let client = self.client();
        for (file, text) in FILES {
            let text = text.replace("{{partition_by}}", partition_key(self.partition_by));
            let text = text.replace("{{fence}}", &fence(&self.database));
            for statement in statements(&text).filter(|statement| self.is_made(statement)) {
                let action = format!("apply {file}");
                self.persist(&action, || client.query_raw(statement).execute()).await?;
            }
        }
        let tables: Vec<Engine> =
            self.persist("describe its tables", || client.query_raw(ENGINES).fetch_all()).await?;
        if let Some(table) = without_window(&tables) {
            return Err(Error::NoWindow { table: table.name.clone() });
        }
        let present: Vec<Present> =
            self.persist("describe its columns", || client.query_raw(PRESENT).fetch_all()).await?;
        check_types(&present)?;
        self.readiness.ready();
        Ok(())
    }

    /// Whether a statement belongs to what is not left out.
    fn is_made(&self, statement: &str) -> bool {
        (self.without.has(Layer::Fence) || !statement.contains("ADD CONSTRAINT"))
            && (self.without.has(Layer::Views) || !statement.contains("CREATE MATERIALIZED VIEW"))
    }
}

/// The first table that is written under a token and does not remember it.
pub(super) fn without_window(tables: &[Engine]) -> Option<&Engine> {
    let mut written = tables.iter().filter(|table| WRITTEN_UNDER_TOKEN.contains(&table.name.as_str()));
    written.find(|table| !table.engine.starts_with("Replicated") && window(&table.engine_full) == 0)
}

/// Whether each column takes what is written as it is.
///
/// # Errors
/// [`Error::Type`] names the first that does not.
pub(super) fn check_types(present: &[Present]) -> Result<(), Error> {
    for (name, written) in event_block::COLUMNS {
        let of_another_type = |column: &&Present| column.name == name && !takes(&column.r#type, written);
        if let Some(column) = present.iter().find(of_another_type) {
            return Err(Error::Type { column: name, found: column.r#type.clone(), written });
        }
    }
    Ok(())
}

/// Whether a column of this type takes every value of the other: with or without a dictionary, NULL or not, and with
/// whatever time zone it is shown in.
fn takes(present: &str, written: &str) -> bool {
    let within = |outer: &str, of: &str| {
        Some(of.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')')?.to_owned())
    };
    let plain = |of: &str| {
        let of = within("LowCardinality", of).unwrap_or_else(|| of.to_owned());
        of.split_once(", ").map(|(of, _zone)| format!("{of})")).unwrap_or(of)
    };
    let (present, written) = (plain(present), plain(written));
    present == written || within("Nullable", &present).is_some_and(|present| present == written)
}

fn partition_key(partition_by: PartitionBy) -> &'static str {
    match partition_by {
        PartitionBy::Bucket => "(cityHash64(tenant_id) % 16, toYYYYMM(ts))",
        PartitionBy::Tenant => "(tenant_id, toYYYYMM(ts))",
    }
}

/// The table of the fence as a constraint names it: with its database (a plain name, as the configuration wants
/// it), since rows may be inserted from another one.
pub(super) fn fence(database: &str) -> String {
    format!("'{database}.voc_fence'")
}

/// A name quoted for SQL, where no parameter can stand.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// The statements of a file: each ends with a semicolon at the end of a line.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

/// The deduplication window in a table's engine definition, 0 where there is none.
fn window(engine: &str) -> u64 {
    let name = "non_replicated_deduplication_window = ";
    let value = engine.find(name).map(|at| &engine[at + name.len()..]).unwrap_or_default();
    let digits = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    value[..digits].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_can_be_repeated() {
        for (file, text) in FILES {
            for statement in statements(text) {
                let code: String =
                    statement.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
                // A column that has the type already, or a setting its value, is left as it is; rows are inserted into an empty table alone.
                let is_repeatable = code.contains("IF NOT EXISTS")
                    || code.contains("MODIFY COLUMN")
                    || code.contains("MODIFY SETTING")
                    || code.contains("(SELECT count() FROM voc_rollup_hours) = 0");
                assert!(is_repeatable, "{file}: {statement}");
            }
        }
    }

    #[test]
    fn finds_the_window_of_a_table() {
        let engine = "MergeTree ORDER BY x SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192";
        assert_eq!(window(engine), 10_000);
        assert_eq!(window("MergeTree ORDER BY x SETTINGS index_granularity = 8192"), 0);
    }

    #[test]
    fn a_column_takes_what_need_not_be_converted() {
        for (present, written, expected) in [
            ("String", "LowCardinality(String)", true),
            ("LowCardinality(Nullable(String))", "String", true),
            ("Nullable(Float64)", "Nullable(Float64)", true),
            ("Float64", "Nullable(Float64)", false),
            ("UInt32", "UInt64", false),
            ("DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')", false),
            ("DateTime64(6)", "DateTime64(6, 'UTC')", true),
            ("DateTime64(6, 'America/Sao_Paulo')", "DateTime64(6, 'UTC')", true),
        ] {
            assert_eq!(takes(present, written), expected, "{written} into {present}");
        }
        let present = ["ts", "mine"].map(|name| Present { name: name.to_owned(), r#type: "Date".to_owned() });
        let error = check_types(&present).unwrap_err();
        let expected = "column ts of voc_events is of type Date, and what is written of type DateTime64(6, 'UTC'): \
            ClickHouse would convert it without saying what that loses";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(identifier("a`b\\"), "`a\\`b\\\\`");
    }
}
