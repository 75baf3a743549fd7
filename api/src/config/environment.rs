//! What surrounds the file: environment variables, and the secrets that `${{ secrets.NAME }}` names.

use std::collections::HashMap;

use super::Error;

/// Variables and secrets. A secret comes from the secrets file, else from the variable of its name.
#[derive(Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    secrets: HashMap<String, String>,
}

impl Environment {
    /// The environment of this process, with the text of the secrets file if there is one.
    ///
    /// # Errors
    /// A line of the secrets file that is not `NAME=value`, nor blank, nor a `#` comment, or a name that
    /// is there twice.
    pub fn of_process(secrets_file: Option<&str>) -> Result<Self, Error> {
        // A variable that is not Unicode cannot be one of ours.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::new(variables, secrets_file)
    }

    /// An environment made of these variables, with the text of the secrets file if there is one.
    ///
    /// # Errors
    /// As [`Environment::of_process`].
    pub fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        secrets_file: Option<&str>,
    ) -> Result<Self, Error> {
        let mut secrets = HashMap::new();
        for (line, content) in (1..).zip(secrets_file.unwrap_or_default().lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            // The errors must not quote the line: it may be a secret.
            let (name, value) =
                content.split_once('=').ok_or(Error::SecretsLine { line, reason: "expected NAME=value" })?;
            if secrets.insert(name.trim().to_owned(), value.trim().to_owned()).is_some() {
                return Err(Error::SecretsLine { line, reason: "this name is there twice" });
            }
        }
        Ok(Self { variables: variables.into_iter().collect(), secrets })
    }

    /// The variable's value; an empty one counts as not set.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(String::as_str).or_else(|| self.variable(name))
    }
}
