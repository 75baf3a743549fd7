//! What a request asks for, apart from its body: ClickHouse's parameters and headers.

use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::compression::Coding;
use crate::exception::{Exception, bad_parameter, unsupported};

/// A request without its body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The client's id of the query, or one made up for it.
    pub(crate) query_id: String,
    /// The query, as far as it is not in the body.
    pub(crate) query: String,
    /// The database that names without one belong to.
    pub(crate) database: Option<String>,
    /// The output format of a statement that names none.
    pub(crate) default_format: String,
    /// Settings, and query parameters as `param_name`, in the order they were given.
    pub(crate) settings: Vec<(String, String)>,
    /// User and password, where the client gave any.
    pub(crate) credentials: Option<(String, String)>,
    /// The session to run in.
    pub(crate) session: Option<SessionCall>,
    /// Answer only when the query has ended, with its final status.
    pub(crate) wait_end_of_query: bool,
    /// The statement must not change anything.
    pub(crate) is_get: bool,
    /// How the body is compressed: by HTTP, and under that by ClickHouse's frames.
    pub(crate) body_coding: (Coding, Coding),
    /// How the answer is to be compressed.
    pub(crate) answer_coding: Coding,
}

/// Which session a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionCall {
    pub(crate) id: String,
    /// How long the session lives after this request.
    pub(crate) timeout: Duration,
    /// The session must exist already.
    pub(crate) must_exist: bool,
}

impl Call {
    /// Takes a request apart; the second value is what is left to read, none where a form was the
    /// body.
    ///
    /// # Errors
    /// A parameter makes no sense, or asks for what this server does not have.
    pub(crate) async fn read(request: Request) -> Result<(Self, Option<axum::body::Body>), Exception> {
        let url = request.uri().query().unwrap_or_default();
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(url.as_bytes()).into_owned().collect();
        let headers = request.headers().clone();
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        let is_form =
            text(&headers, "content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"));
        let body = if is_form {
            pairs.extend(form(request).await?);
            None
        } else {
            Some(request.into_body())
        };
        Ok((Self::new(pairs, &headers, is_get)?, body))
    }

    /// Whether the client says that the answer is small, and waits for it as a whole.
    pub(crate) fn is_bounded(&self) -> bool {
        let rows = self.settings.iter().rev().find(|(name, _)| name == "max_result_rows");
        self.wait_end_of_query && rows.is_some_and(|(_, rows)| rows.parse().is_ok_and(|rows: u64| rows > 0))
    }

    fn new(pairs: Vec<(String, String)>, headers: &HeaderMap, is_get: bool) -> Result<Self, Exception> {
        let coding = text(headers, "content-encoding").unwrap_or_default();
        let coding = Coding::from_http(coding).ok_or_else(|| {
            unsupported(format!("Unknown HTTP compression '{coding}'; gzip, deflate and lz4 are known"))
        })?;
        let mut call = Self {
            query_id: String::new(),
            query: String::new(),
            database: text(headers, "x-clickhouse-database").map(str::to_owned),
            default_format: text(headers, "x-clickhouse-format").unwrap_or("TabSeparated").to_owned(),
            settings: Vec::new(),
            credentials: header_credentials(headers)?,
            session: None,
            wait_end_of_query: false,
            is_get,
            body_coding: (coding, Coding::Identity),
            answer_coding: Coding::Identity,
        };
        let (mut user, mut password, mut frames, mut http_compression) = (None, None, false, true);
        let (mut session, mut timeout, mut must_exist) = (None, Duration::from_secs(60), false);
        for (name, value) in pairs {
            match name.as_str() {
                "query" => call.query.push_str(&value),
                "query_id" => call.query_id = value,
                "database" if !value.is_empty() => call.database = Some(value),
                "default_format" if !value.is_empty() => call.default_format = value,
                "user" => user = Some(value),
                "password" => password = Some(value),
                "session_id" => session = Some(value).filter(|id| !id.is_empty()),
                "session_timeout" => timeout = session_timeout(&value)?,
                "session_check" => must_exist = is_on(&name, &value)?,
                "wait_end_of_query" => call.wait_end_of_query = is_on(&name, &value)?,
                "compress" => frames = is_on(&name, &value)?,
                "decompress" if is_on(&name, &value)? => call.body_coding.1 = Coding::Frames,
                // Of no use here: roles and quotas do not exist, and answers are buffered as they are.
                "database"
                | "default_format"
                | "decompress"
                | "buffer_size"
                | "quota_key"
                | "role"
                | "stacktrace"
                | "client_protocol_version"
                | "close_session" => {}
                _ => {
                    if name == "enable_http_compression" {
                        http_compression = is_on(&name, &value)?;
                    }
                    call.settings.push((name, value));
                }
            }
        }
        if call.query_id.is_empty() {
            call.query_id = uuid::Uuid::new_v4().to_string();
        }
        if let Some(user) = user {
            call.credentials = Some((user, password.unwrap_or_default()));
        } else if let Some(password) = password {
            call.credentials = Some(("default".to_owned(), password));
        }
        call.session = session.map(|id| SessionCall { id, timeout, must_exist });
        call.answer_coding = match text(headers, "accept-encoding") {
            _ if frames => Coding::Frames,
            Some(offers) if http_compression => Coding::accepted(offers),
            _ => Coding::Identity,
        };
        Ok(call)
    }
}

/// The fields of a form: `query`, parameters, settings.
async fn form(request: Request) -> Result<Vec<(String, String)>, Exception> {
    let wrong = |error: &dyn std::fmt::Display| bad_parameter(format!("The form cannot be read: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| wrong(&error))?;
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| wrong(&error))? {
        if field.file_name().is_some() {
            return Err(unsupported("External data (files in a form) is not supported"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        fields.push((name, field.text().await.map_err(|error| wrong(&error))?));
    }
    Ok(fields)
}

fn header_credentials(headers: &HeaderMap) -> Result<Option<(String, String)>, Exception> {
    if let Some(basic) =
        text(headers, header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Basic "))
    {
        let wrong = || bad_parameter("The Authorization header is not user:password in base64");
        let plain = BASE64_STANDARD.decode(basic.trim()).map_err(|_| wrong())?;
        let plain = String::from_utf8(plain).map_err(|_| wrong())?;
        let (user, password) = plain.split_once(':').ok_or_else(wrong)?;
        return Ok(Some((user.to_owned(), password.to_owned())));
    }
    let (user, key) = (text(headers, "x-clickhouse-user"), text(headers, "x-clickhouse-key"));
    let given = user.is_some() || key.is_some();
    Ok(given.then(|| (user.unwrap_or("default").to_owned(), key.unwrap_or_default().to_owned())))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn is_on(name: &str, value: &str) -> Result<bool, Exception> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" | "" => Ok(false),
        _ => Err(bad_parameter(format!("'{value}' is not a value for '{name}': 0 or 1"))),
    }
}

fn session_timeout(value: &str) -> Result<Duration, Exception> {
    let seconds = value.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
    let seconds = seconds
        .ok_or_else(|| bad_parameter(format!("session_timeout is '{value}', not 1 to 3600 seconds")))?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str, headers: &[(&'static str, &'static str)]) -> Result<Call, Exception> {
        let pairs = form_urlencoded::parse(url.as_bytes()).into_owned().collect();
        let headers =
            headers.iter().map(|(name, value)| ((*name).try_into().unwrap(), (*value).try_into().unwrap()));
        Call::new(pairs, &headers.collect(), false)
    }

    #[test]
    fn parameters_are_told_from_settings() {
        let call = call("query=SELECT+1&max_threads=1&param_x=a%09b&database=d&query_id=q", &[]).unwrap();
        assert_eq!((call.query.as_str(), call.query_id.as_str()), ("SELECT 1", "q"));
        assert_eq!(call.database.as_deref(), Some("d"));
        let settings =
            [("max_threads", "1"), ("param_x", "a\tb")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(call.settings, settings);
    }

    #[test]
    fn the_url_s_credentials_win_over_the_headers_ones() {
        let basic = ("authorization", "Basic dTpwOnE=");
        assert_eq!(call("", &[basic]).unwrap().credentials, Some(("u".into(), "p:q".into())));
        assert_eq!(call("user=a", &[basic]).unwrap().credentials, Some(("a".into(), String::new())));
        assert_eq!(
            call("", &[("x-clickhouse-key", "k")]).unwrap().credentials,
            Some(("default".into(), "k".into()))
        );
        assert_eq!(call("", &[]).unwrap().credentials, None);
    }

    #[test]
    fn answers_are_compressed_only_where_asked_for() {
        let gzip = ("accept-encoding", "gzip");
        assert_eq!(call("", &[gzip]).unwrap().answer_coding, Coding::Gzip);
        assert_eq!(call("enable_http_compression=0", &[gzip]).unwrap().answer_coding, Coding::Identity);
        assert_eq!(call("compress=1", &[gzip]).unwrap().answer_coding, Coding::Frames);
        assert_eq!(call("decompress=1", &[]).unwrap().body_coding, (Coding::Identity, Coding::Frames));
    }

    #[test]
    fn nonsense_is_named() {
        assert!(call("session_timeout=0", &[]).is_err());
        assert!(
            call("compress=maybe", &[])
                .unwrap_err()
                .to_string()
                .contains("'maybe' is not a value for 'compress'")
        );
        assert!(call("", &[("content-encoding", "zstd")]).unwrap_err().to_string().contains("zstd"));
    }
}
