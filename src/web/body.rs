//! Reading bodies under a cap and under deadlines: actix has neither for a body that stalls.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::error::ApiError;
use crate::config::{Http, millis};

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    Late,
    Broken,
}

/// Reads a whole body of at most `http.body_bytes`. One that says it is longer is refused unread.
pub async fn read(request: &HttpRequest, payload: Payload, http: &Http) -> Result<Bytes, BodyError> {
    read_up_to(request, payload, http, http.body_bytes).await
}

/// The same for a body that may have another size.
pub async fn read_up_to(
    request: &HttpRequest,
    mut payload: Payload,
    http: &Http,
    most: u64,
) -> Result<Bytes, BodyError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(BodyError::TooLarge);
    }
    let end = Instant::now() + millis(http.body_total_ms);
    let mut body = BytesMut::new();
    loop {
        let due = end.min(Instant::now() + millis(http.body_idle_ms));
        match timeout_at(due, payload.next()).await {
            Err(_) => return Err(BodyError::Late),
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(piece))) if body.len() + piece.len() > most => {
                return Err(BodyError::TooLarge);
            }
            Ok(Some(Ok(piece))) => body.extend_from_slice(&piece),
        }
    }
}

/// Whether the body is of a media type, whatever its parameters.
pub fn is_type(request: &HttpRequest, media_type: &str) -> bool {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

/// How deep JSON may be nested (`reliability.md` I10).
const DEEPEST: usize = 32;

/// Reads a JSON body.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload, http: &Http) -> Result<T, ApiError> {
    if !is_type(request, "application/json") {
        return Err(ApiError::unsupported_media_type());
    }
    let bytes = read(request, payload, http).await?;
    if depth(&bytes) > DEEPEST {
        return Err(ApiError::malformed_json("The body is nested too deeply.".to_owned()));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::malformed_json(format!(
            "The body cannot be read at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(),
            BodyError::Late => Self::body_late(),
            BodyError::Broken => Self::malformed_json("The body broke off.".to_owned()),
        }
    }
}

/// The deepest nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                open += 1;
                deepest = deepest.max(open);
            }
            (false, b'}' | b']') => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The fields of an `application/x-www-form-urlencoded` body, in their order.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_nesting_outside_strings() {
        assert_eq!(depth(br#"{"a":[1,{"b":"[[[[\"[["}]}"#), 3);
        assert_eq!(depth("[".repeat(1000).as_bytes()), 1000);
        assert_eq!(depth(b""), 0);
    }

    #[test]
    fn reads_repeated_fields() {
        let form = Form::parse(b"email=a%40b.example&newsletter=One&newsletter=Two+words");
        assert_eq!(form.get("email"), Some("a@b.example"));
        assert_eq!(form.all("newsletter").collect::<Vec<_>>(), ["One", "Two words"]);
        assert_eq!(form.get("missing"), None);
    }
}
