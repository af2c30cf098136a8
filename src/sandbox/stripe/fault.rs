//! Refusals, in Stripe's form.

use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Fault {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub decline_code: Option<&'static str>,
    pub param: Option<String>,
    pub message: String,
}

pub type Answer<T> = Result<T, Fault>;

impl Fault {
    fn of(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, decline_code: None, param: None, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..Self::of(400, "invalid_request_error", message) }
    }

    pub fn missing(param: &str) -> Self {
        Self { code: Some("parameter_missing"), ..Self::invalid(format!("Missing required param: {param}."), param) }
    }

    pub fn unknown_parameter(param: &str) -> Self {
        Self { code: Some("parameter_unknown"), ..Self::invalid(format!("Received unknown parameter: {param}"), param) }
    }

    pub fn no_such(kind: &str, id: &str) -> Self {
        let fault = Self::invalid(format!("No such {kind}: '{id}'"), "id");
        Self { status: 404, code: Some("resource_missing"), ..fault }
    }

    /// Named by a parameter rather than by the address.
    pub fn no_such_param(kind: &str, id: &str, param: &str) -> Self {
        let fault = Self::invalid(format!("No such {kind}: '{id}'"), param);
        Self { code: Some("resource_missing"), ..fault }
    }

    pub fn exists(message: impl Into<String>) -> Self {
        Self { code: Some("resource_already_exists"), ..Self::of(400, "invalid_request_error", message) }
    }

    pub fn declined() -> Self {
        Self {
            code: Some("card_declined"),
            decline_code: Some("generic_decline"),
            ..Self::of(402, "card_error", "Your card was declined.")
        }
    }

    pub fn no_address(method: &str, path: &str) -> Self {
        Self::of(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path})."))
    }

    pub fn no_key() -> Self {
        Self::of(401, "invalid_request_error", "You did not provide an API key.")
    }

    pub fn other_request() -> Self {
        let message =
            "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Self::of(400, "idempotency_error", message)
    }

    pub fn too_many() -> Self {
        Self { code: Some("rate_limit"), ..Self::of(429, "invalid_request_error", "Too many requests.") }
    }

    pub fn own() -> Self {
        Self::of(500, "api_error", "Something went wrong on our side.")
    }

    pub fn to_json(&self) -> Value {
        json!({"error": {
            "type": self.kind,
            "code": self.code,
            "decline_code": self.decline_code,
            "param": self.param,
            "message": self.message,
        }})
    }
}
