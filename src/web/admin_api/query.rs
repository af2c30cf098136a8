//! What stands in the address of a call, and the form of its answer (protocol D.1, D.2).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::web::answer;
use crate::web::body::Form;
use crate::web::error::{ApiError, ApiResult};

/// The most that one page holds.
const MOST: i64 = 100;
/// Pages after this are not counted to.
const LAST_PAGE: i64 = 1_000_000;

/// The options of a call.
pub struct Options {
    pub page: i64,
    pub limit: i64,
    form: Form,
}

impl Options {
    pub fn of(request: &HttpRequest) -> ApiResult<Self> {
        let form = Form::parse(request.query_string().as_bytes());
        let wrong = |name: &'static str| ApiError::invalid(format!("Validation ({name}) failed for {name}"), name);
        let page = match form.get("page") {
            Some(text) => {
                text.parse().ok().filter(|page| (1..=LAST_PAGE).contains(page)).ok_or_else(|| wrong("page"))?
            }
            None => 1,
        };
        let limit = match form.get("limit") {
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).unwrap_or(MOST),
            None => 15,
        };
        Ok(Self { page, limit, form })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name).filter(|text| !text.is_empty())
    }

    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Whether a thing is asked for beside the plain record.
    pub fn includes(&self, names: &[&str]) -> bool {
        self.get("include").is_some_and(|list| list.split(',').any(|one| names.contains(&one.trim())))
    }

    /// The records with only the fields that are asked for.
    pub fn chosen(&self, records: Vec<Value>) -> Vec<Value> {
        let Some(fields) = self.get("fields") else { return records };
        let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
        let keep = |record: Value| match record {
            Value::Object(map) => {
                Value::Object(map.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect())
            }
            other => other,
        };
        records.into_iter().map(keep).collect()
    }

    /// `meta.pagination` of a page.
    pub fn meta(&self, total: i64) -> Value {
        let pages = (total.max(1) + self.limit - 1) / self.limit;
        json!({"pagination": {
            "page": self.page, "limit": self.limit, "pages": pages, "total": total,
            "next": (self.page < pages).then_some(self.page + 1), "prev": (self.page > 1).then_some(self.page - 1),
        }})
    }
}

const NOT_KEPT: HeaderValue =
    HeaderValue::from_static("no-cache, private, no-store, must-revalidate, max-stale=0, post-check=0, pre-check=0");

/// An answer that nobody keeps.
pub fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, NOT_KEPT));
    answer::json_in(&mut response, body)
}

/// Something was made: where it is now.
pub fn created(app: &App, path: &str, id: &str, body: &Value) -> HttpResponse {
    let mut response = answer(StatusCode::CREATED, body);
    if let Ok(address) = HeaderValue::from_str(&format!("{}ghost/api/admin/{path}/{id}/", app.settings.url)) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

/// Whoever keeps pages of the site is told to ask anew (D.12).
pub fn with_change(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(HeaderName::from_static("x-cache-invalidate"), HeaderValue::from_static("/*"));
    response
}

pub fn gone() -> HttpResponse {
    HttpResponse::NoContent().insert_header((CACHE_CONTROL, NOT_KEPT)).finish()
}

/// The one object under a body's root key.
pub fn root(body: Value, name: &str) -> ApiResult<Map<String, Value>> {
    let missing = || ApiError::bad_request(format!("No root key ('{name}') provided."));
    let Value::Object(mut body) = body else { return Err(missing()) };
    match body.remove(name) {
        Some(Value::Array(mut list)) if !list.is_empty() => match list.swap_remove(0) {
            Value::Object(one) => Ok(one),
            _ => Err(missing()),
        },
        _ => Err(missing()),
    }
}

/// A text of a body, if it is there; anything else under its name is refused.
pub fn text(body: &Map<String, Value>, name: &'static str, most: usize) -> ApiResult<Option<String>> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text.clone())),
        Some(_) => Err(failed(name)),
    }
}

/// The same, where `null` takes the text away.
pub fn nullable(body: &Map<String, Value>, name: &'static str, most: usize) -> ApiResult<Option<Option<String>>> {
    match body.get(name) {
        Some(Value::Null) => Ok(Some(None)),
        _ => Ok(text(body, name, most)?.map(Some)),
    }
}

pub fn flag(body: &Map<String, Value>, name: &'static str) -> ApiResult<Option<bool>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(is)) => Ok(Some(*is)),
        Some(_) => Err(failed(name)),
    }
}

pub fn whole(body: &Map<String, Value>, name: &'static str) -> ApiResult<Option<i64>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| failed(name)),
    }
}

pub fn failed(property: &'static str) -> ApiError {
    ApiError::invalid(format!("Validation failed for {property}."), property)
}

/// The protocol says first what could not be done, and why beside it.
pub fn cannot(error: ApiError, what: &str) -> ApiError {
    let prefix = match error.kind {
        "NotFoundError" => "Resource not found error",
        "ValidationError" => "Validation error",
        "BadRequestError" => "Request not understood error",
        "NoPermissionError" => "Permission error",
        _ => return error,
    };
    let context = match &error.context {
        Some(context) => format!("{} {context}", error.message),
        None => error.message.clone(),
    };
    ApiError { message: format!("{prefix}, cannot {what}."), context: Some(context), ..error }
}
