//! A flat table: columns by name, and where they come from.

use crate::params::format::Format;

/// With what a text begins that a spreadsheet takes for a formula, or that has our own mark.
const MARKED: &str = r"('=', '+', '-', '@', '\t', '\r', '\n', '\'')";

/// The statement of an export, in parts.
#[derive(Debug)]
pub(in crate::query) struct Table {
    columns: Vec<Column>,
    from: String,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    expression: String,
    is_free_text: bool,
}

impl Table {
    /// Without columns; `from` is all that follows them.
    pub(super) fn from(from: String) -> Self {
        Self { columns: Vec::new(), from }
    }

    /// With a number, a time, or a text that we have written.
    pub(super) fn with(mut self, name: &'static str, expression: impl Into<String>) -> Self {
        self.columns.push(Column { name, expression: expression.into(), is_free_text: false });
        self
    }

    /// With numbers that have the names of what they are.
    pub(super) fn with_all<const N: usize>(self, names: [&'static str; N]) -> Self {
        names.into_iter().fold(self, |table, name| table.with(name, name))
    }

    /// With a text that anybody may have written.
    pub(super) fn with_text(mut self, name: &'static str, expression: impl Into<String>) -> Self {
        self.columns.push(Column { name, expression: expression.into(), is_free_text: true });
        self
    }

    /// The statement. In CSV, and there alone, a text that a spreadsheet would run as a formula begins with `'`; so
    /// does one that begins with `'`, so that taking the first one off gives what it was.
    pub(super) fn sql(&self, format: Format) -> String {
        let column = |Column { name, expression, is_free_text }: &Column| match format {
            Format::Csv if *is_free_text => format!(
                "if(substring({expression}, 1, 1) IN {MARKED}, concat('\\'', {expression}), {expression}) AS `{name}`"
            ),
            _ => format!("{expression} AS `{name}`"),
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("SELECT {} {}", columns.join(", "), self.from)
    }
}

/// The number, unless it is none.
pub(super) fn finite(expression: &str) -> String {
    format!("if(isFinite({expression}), {expression}, NULL)")
}
