//! In which format an answer is wanted: JSON, or a file of rows.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use headers_accept::Accept;
use mediatype::MediaType;

use super::parameter::{Parameter, Schema};
use super::{Params, bad, decode};
use crate::error::Error;

/// Media types that may be asked for; ours first, because of equally welcome ones the first is taken.
const ACCEPTED: [(&str, Option<Format>); 6] = [
    ("application/json", None),
    ("text/csv", Some(Format::Csv)),
    ("text/csv; charset=utf-8", Some(Format::Csv)),
    ("application/x-ndjson", Some(Format::Ndjson)),
    ("application/vnd.apache.parquet", Some(Format::Parquet)),
    ("application/vnd.apache.arrow.stream", Some(Format::Arrow)),
];

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a line of names.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow, its stream format.
    Arrow,
}

impl Format {
    const NAME: &'static str = "format";

    /// The parameter.
    pub const PARAMETER: Parameter = Parameter {
        name: Self::NAME,
        meaning: "What the answer is: JSON, or a file with a row for each entry. Without it, what the header `accept` \
            prefers.",
        is_required: false,
        schema: Schema::OneOf(&["json", "csv", "ndjson", "parquet", "arrow"], Some("json")),
        example: "",
    };

    /// Every format of files.
    pub const FILES: [Self; 4] = [Self::Csv, Self::Ndjson, Self::Parquet, Self::Arrow];

    const ALL: [(&'static str, Self); 4] =
        [("csv", Self::Csv), ("ndjson", Self::Ndjson), ("parquet", Self::Parquet), ("arrow", Self::Arrow)];

    const JSON: &'static str = "json";

    /// Takes the parameter `format`, else what the header `accept` prefers. None is JSON: where nothing is said, where
    /// JSON is as welcome as another, and where nothing that is accepted can be had.
    ///
    /// # Errors
    /// A 400 if there is no such format. That the parameter is there twice is for the resource to say.
    pub fn of_request(parts: &Parts) -> Result<Option<Self>, Error> {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let is_format = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            decode(name).is_some_and(|name| name == Self::NAME)
        };
        let Some(pair) = pairs.into_iter().find(is_format) else { return Ok(Self::accepted(&parts.headers)) };
        let params = Params::parse(Some(pair), &[Self::PARAMETER])?;
        Self::named(params.get(Self::NAME).unwrap_or_default())
    }

    fn named(name: &str) -> Result<Option<Self>, Error> {
        if name == Self::JSON {
            return Ok(None);
        }
        match Self::ALL.into_iter().find(|(known, _)| *known == name) {
            Some((_, format)) => Ok(Some(format)),
            None => {
                Err(bad(Self::NAME, "format must be one of json, csv, ndjson, parquet, arrow".to_owned()))
            }
        }
    }

    /// A header that cannot be read is none.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
        let accept: Accept = lines.join(", ").parse().ok()?;
        let known: Vec<MediaType<'static>> =
            ACCEPTED.iter().filter_map(|(kind, _)| MediaType::parse(kind).ok()).collect();
        let chosen = accept.negotiate(&known)?;
        let place = known.iter().position(|kind| kind == chosen)?;
        ACCEPTED.get(place).and_then(|(_, format)| *format)
    }

    /// The header `content-type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The media type alone.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.content_type().split(';').next().unwrap_or_default()
    }

    /// How a file of it is named.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrows",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::{Error, Format};

    #[track_caller]
    fn read(query: &str, accept: &str) -> Result<Option<Format>, Error> {
        let request = Request::get(format!("/v1/tenants/a/events{query}")).header("accept", accept);
        Format::of_request(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_parameter_decides_and_without_it_the_header() {
        for (query, accept, format) in [
            ("", "", None),
            ("", "*/*", None),
            ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
            ("", "application/json, text/csv", None),
            ("", "application/*, text/csv;q=0.9", None),
            ("", "image/png", None),
            ("", "not a media type", None),
            ("?formats=csv", "", None),
            ("?format=json", "text/csv", None),
            ("?format=csv", "application/json", Some(Format::Csv)),
            ("?a=b&f%6Frmat=ndjson", "", Some(Format::Ndjson)),
            ("", "text/csv", Some(Format::Csv)),
            ("", "TEXT/CSV; charset=utf-8", Some(Format::Csv)),
            ("", "text/*", Some(Format::Csv)),
            ("", "application/json;q=0.5, application/x-ndjson", Some(Format::Ndjson)),
            ("", "application/vnd.apache.parquet, */*;q=0.1", Some(Format::Parquet)),
            ("", "application/vnd.apache.arrow.stream", Some(Format::Arrow)),
            ("", "text/csv;q=0, application/vnd.apache.arrow.stream;q=0.1", Some(Format::Arrow)),
        ] {
            assert_eq!(read(query, accept).unwrap(), format, "{query} {accept}");
        }
    }

    #[test]
    fn another_format_is_refused() {
        for query in ["?format=", "?format=CSV", "?format=xlsx", "?format=csv%00", "?format=%FF"] {
            match read(query, "text/csv") {
                Err(Error::BadParameter { parameter, .. }) => {
                    assert_eq!(parameter.as_deref(), Some("format"));
                }
                other => panic!("{query} gave {other:?}"),
            }
        }
    }
}
