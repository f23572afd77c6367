//! Refuses query parameters that the route's description does not name, on every route alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::Problem;

/// A parameter that was mistyped and then ignored would be worse than none: a filter that filters nothing.
pub(super) type QueryNames = Arc<BTreeMap<(String, &'static str), BTreeSet<String>>>;

/// The names that each operation of a document takes.
pub(super) fn of(document: &OpenApi) -> QueryNames {
    let mut all = BTreeMap::new();
    for (path, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("PUT", &item.put),
            ("POST", &item.post),
            ("DELETE", &item.delete),
            ("PATCH", &item.patch),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                all.insert((path.clone(), method), names(operation));
            }
        }
    }
    Arc::new(all)
}

fn names(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    let queried = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => Some(parameter.name.clone()),
        // The generator writes parameters out; one behind a reference would be refused, and a test would see it.
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    queried.collect()
}

/// Lets a request pass whose parameters are known. Only the API itself is strict: what looks after a process may add
/// parameters of its own to the health checks.
pub(super) async fn check(State(names): State<QueryNames>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    if !query.is_empty() && path.starts_with("/v1/") {
        if percent_encoding::percent_decode_str(query).decode_utf8().is_err() {
            // Decoded all the same, it would be another text than the one that was sent.
            return Problem::bad_request("the query has escapes that are not UTF-8").into_response();
        }
        let found = names.iter().find(|((known, method), _)| known == path && *method == request.method().as_str());
        let unknown = |name: &str| found.is_some_and(|(_, names)| !names.contains(name));
        if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| unknown(&name)) {
            let detail = "a query parameter is not one that this route takes: GET /openapi.json lists them";
            return Problem::bad_request(detail).into_response();
        }
    }
    next.run(request).await
}
