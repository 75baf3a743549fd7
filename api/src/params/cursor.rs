//! Where a page of events ends and the next one begins: opaque to callers, who only hand it back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;
use voc_smartmodule::timestamp::STORABLE;

use super::parameter::{Parameter, Schema};
use super::{Params, bad};
use crate::error::Error;

/// The first byte, so that another form can follow.
const FORM: u8 = 1;

/// The last event of a page. It holds no tenant: a page is always bound to that of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its time, in microseconds since 1970.
    pub time: i64,
    /// Its id.
    pub event_id: Uuid,
}

impl Cursor {
    /// Name of the parameter.
    pub const NAME: &'static str = "cursor";

    /// The parameter.
    pub const PARAMETER: Parameter = Parameter {
        name: Self::NAME,
        meaning: "Where the page begins: `next` of the page before, with the same other parameters. Without it, at \
            the newest event.",
        is_required: false,
        schema: Schema::Own(Self::schema),
        example: "AQAGXyu14kAAJ6xDWnqXRkOlZBKpuKGrzQ",
    };

    /// How one looks. The characters that follow are those of 25 bytes: the form, then the first two bytes of a time
    /// from 1910 to 2285, whose first is 0, or 255 before 1970.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        serde_json::json!({"type": "string", "pattern": "^A(QA[A-Za-j]|f_[5-9_-])[A-Za-z0-9_-]{29}[AQgw]$"})
    }

    /// Takes the parameter `cursor`.
    ///
    /// # Errors
    /// A 400 if no page has ended with it.
    pub fn optional(params: &Params) -> Result<Option<Self>, Error> {
        let Some(text) = params.get(Self::NAME) else { return Ok(None) };
        match Self::parse(text) {
            Some(cursor) => Ok(Some(cursor)),
            None => Err(bad(Self::NAME, "cursor must be what an earlier page gave as `next`".to_owned())),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 25] = BASE64.decode(text).ok()?.try_into().ok()?;
        let (form, rest) = bytes.split_first()?;
        let (time, event_id) = rest.split_first_chunk()?;
        let cursor = Self { time: i64::from_be_bytes(*time), event_id: Uuid::from_slice(event_id).ok()? };
        (*form == FORM && STORABLE.contains(&cursor.time)).then_some(cursor)
    }

    /// As callers get it.
    #[must_use]
    pub fn to_text(self) -> String {
        BASE64.encode([&[FORM][..], &self.time.to_be_bytes(), self.event_id.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE64, Cursor};
    use base64::Engine as _;
    use uuid::Uuid;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        for time in [0, -1, 1_793_491_200_000_001] {
            let cursor = Cursor { time, event_id: Uuid::from_u128(0x27ac_435a) };
            assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let good = Cursor { time: 1, event_id: Uuid::nil() }.to_text();
        let far = Cursor { time: i64::MAX, event_id: Uuid::nil() }.to_text();
        let other = BASE64.encode([2; 25]);
        for text in
            ["", "x", "=", &good[1..], &format!("{good}A"), &format!("{good}="), &far, &other, "' OR 1"]
        {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
