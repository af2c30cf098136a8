//! Operations: an address with a method, what answers there, and what is said about it. The addresses that are
//! served and the description of the interface (`openapi.rs`) are made of the same list, so neither can have
//! what the other has not.

use actix_web::{FromRequest, Handler, Resource, Responder, Route, web};

/// An address with one method.
pub struct Operation {
    /// Without its last slash; both are served (protocol B.0).
    pub path: &'static str,
    pub verb: Verb,
    pub about: About,
    pub route: Route,
}

/// GET answers HEAD too, where HEAD has no answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Head,
    Post,
    Put,
    Delete,
}

impl Verb {
    /// As OpenAPI writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    /// A route that this method reaches.
    pub fn route(self) -> Route {
        use actix_web::guard;
        let route = web::route();
        match self {
            Self::Get => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Head => route.guard(guard::Head()),
            Self::Post => route.guard(guard::Post()),
            Self::Put => route.guard(guard::Put()),
            Self::Delete => route.guard(guard::Delete()),
        }
    }
}

/// Whom an operation speaks to, which is whom its errors are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Errors in the JSON envelope.
    Programs,
    /// Errors as pages.
    Readers,
    /// Pages of staff.
    Staff,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Nothing,
    /// JSON with these keys, all of which may be missing.
    Json(&'static [&'static str]),
    /// A form with these fields.
    Form(&'static [&'static str]),
    /// A file with fields.
    File,
    /// Bytes that somebody signed.
    Signed,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    Json,
    Text,
    Page,
    Script,
    Events,
    File,
}

/// What is said about an operation.
#[derive(Clone, Debug)]
pub struct About {
    pub summary: &'static str,
    pub audience: Audience,
    /// Names in the query.
    pub query: &'static [&'static str],
    pub body: Body,
    pub answers: Vec<(u16, Holds)>,
}

impl About {
    fn new(summary: &'static str, audience: Audience) -> Self {
        Self { summary, audience, query: &[], body: Body::Nothing, answers: Vec::new() }
    }

    /// For programs: JSON.
    pub fn api(summary: &'static str) -> Self {
        // The database may be away for a moment.
        Self::new(summary, Audience::Programs).refuses(&[503])
    }

    /// For readers: a page.
    pub fn page(summary: &'static str) -> Self {
        Self::new(summary, Audience::Readers).refuses(&[503])
    }

    /// For staff.
    pub fn staff(summary: &'static str) -> Self {
        Self::new(summary, Audience::Staff).refuses(&[503])
    }

    #[must_use]
    pub fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// Takes a body, and refuses one that it cannot read.
    #[must_use]
    pub fn takes(self, body: Body) -> Self {
        Self { body, ..self }.refuses(&[400, 408, 413, 415])
    }

    #[must_use]
    pub fn gives(mut self, status: u16, holds: Holds) -> Self {
        self.answers.push((status, holds));
        self
    }

    /// Errors, in the form of the audience.
    #[must_use]
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        let holds = if self.audience == Audience::Programs { Holds::Json } else { Holds::Page };
        for status in statuses {
            if !self.answers.contains(&(*status, holds)) {
                self.answers.push((*status, holds));
            }
        }
        self
    }
}

/// An operation and what answers it.
pub fn operation<F, Args>(verb: Verb, path: &'static str, handler: F, about: About) -> Operation
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Operation { path, verb, about, route: verb.route().to(handler) }
}

/// Addresses in the order of their first route, each with and without its last slash.
///
/// Two resources of each: one with two patterns would be matched by a regular expression each time.
pub fn resources(list: impl Fn() -> Vec<(&'static str, Route)>, otherwise: fn(Resource) -> Resource) -> Vec<Resource> {
    let gather = |slash: &'static str| {
        let mut paths: Vec<(&'static str, Vec<Route>)> = Vec::new();
        for (path, route) in list() {
            match paths.iter_mut().find(|(known, _)| *known == path) {
                Some((_, routes)) => routes.push(route),
                None => paths.push((path, vec![route])),
            }
        }
        paths.into_iter().map(move |(path, routes)| {
            otherwise(routes.into_iter().fold(web::resource(format!("{path}{slash}")), Resource::route))
        })
    };
    // Routes cannot be cloned, so the list is made twice.
    gather("/").zip(gather("")).flat_map(|(one, other)| [one, other]).collect()
}

/// Resources of operations.
pub fn mounted(operations: fn() -> Vec<Operation>, otherwise: fn(Resource) -> Resource) -> Vec<Resource> {
    resources(|| operations().into_iter().map(|one| (one.path, one.route)).collect(), otherwise)
}
