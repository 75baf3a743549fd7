//! `${{ secrets.NAME }}`: from the secrets file, else from the environment.

use std::collections::BTreeMap;

use super::error::{Error, Fault};
use super::tree::{Node, Value};

/// The secrets that a configuration may name.
pub(super) struct Secrets<'a> {
    pub(super) file: BTreeMap<String, String>,
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// Reads a secrets file: `NAME=value` lines, `#` comments, blank lines. The value is everything after
/// the first `=`, without the white space around it; quotes belong to the value.
pub(super) fn parse(path: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    let mut secrets = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        // The message must not quote the line: it may be a secret.
        let syntax =
            |message: &str| Error::Syntax { path: path.to_owned(), line, message: message.to_owned() };
        let (name, value) = content.split_once('=').ok_or_else(|| syntax("expected NAME=value"))?;
        let name = name.trim();
        if !is_name(name) {
            return Err(syntax("a secret's name has only letters, digits and _, and no digit first"));
        }
        if secrets.insert(name.to_owned(), value.trim().to_owned()).is_some() {
            return Err(syntax(&format!("secret {name} is there twice")));
        }
    }
    Ok(secrets)
}

/// Renders every `${{ secrets.NAME }}` in the tree's scalars.
///
/// # Errors
/// A secret that is neither in the file nor in the environment, or another expression.
pub(super) fn render(node: &mut Node, path: &str, secrets: &Secrets<'_>) -> Result<(), Fault> {
    match &mut node.value {
        Value::Null => Ok(()),
        Value::List(items) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(index, item)| render(item, &format!("{path}[{index}]"), secrets)),
        Value::Map(entries) => entries.iter_mut().try_for_each(|(key, item)| {
            let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
            render(item, &path, secrets)
        }),
        Value::Scalar(text) => {
            if text.contains("${{") {
                *text = substitute(text, secrets).map_err(|message| Fault::at(node.place, path, message))?;
                node.secret = true;
            }
            Ok(())
        }
    }
}

fn substitute(text: &str, secrets: &Secrets<'_>) -> Result<String, String> {
    let mut rendered = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").ok_or("`${{` without its `}}`")?;
        let name =
            expression.trim().strip_prefix("secrets.").filter(|name| is_name(name)).ok_or_else(|| {
                format!("unknown expression `{}`, expected secrets.NAME", expression.trim())
            })?;
        let value =
            secrets.file.get(name).or_else(|| secrets.environment.get(name)).ok_or_else(|| {
                format!("secret {name} is neither in the secrets file nor in the environment")
            })?;
        rendered.push_str(before);
        rendered.push_str(value);
        rest = after;
    }
    rendered.push_str(rest);
    Ok(rendered)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
