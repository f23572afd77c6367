//! The HTTP surface: wire to `call` and back; no decision lives here.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod accounts;
mod apply;
mod approvals;
mod audit;
mod auth_patterns;
mod authorize;
mod batch;
mod clients;
mod connections;
mod connectors;
mod continuing;
mod deliveries;
mod evaluate;
mod execute;
mod executions;
mod export;
mod extract;
mod health;
mod imports;
mod issuers;
mod keys;
mod mcp;
mod modifiers;
mod oauth;
mod offers;
mod openapi;
mod page;
mod policies;
mod problem;
mod profiles;
mod proxy;
mod query_names;
mod results;
mod scopes;
mod secrets;
mod shipped;
mod state;
mod token;
mod tools;
mod trace;
mod upstream;
mod webhooks;

pub use state::ApiState;

use problem::Problem;

/// Bytes of a request's body, unless the route says otherwise: a tool's input (4 MiB) and its envelope.
const MAX_BODY: usize = 5 * 1024 * 1024;

/// Bytes of a component: Python's and JavaScript's, which carry their interpreters, have 12 to 20 MB.
const MAX_COMPONENT: usize = 64 * 1024 * 1024;

/// Bytes of a document of 16 MiB as a JSON text, in which each quote and line end takes two bytes, and its envelope.
const MAX_IMPORT: usize = 24 * 1024 * 1024;

/// Bytes of a modifier: a component of 20 MiB as base64, and its envelope.
const MAX_MODIFIER: usize = 28 * 1024 * 1024;

/// Bytes of files that are applied, with the documents and components that they name.
const MAX_APPLY: usize = 48 * 1024 * 1024;

/// All routes, grouped by who calls them, and the pages beside them.
pub fn router(state: ApiState, pages: Router<ApiState>) -> Router {
    let (router, document) = documented().split_for_parts();
    let names = query_names::of(&document);
    let document = openapi::rendered(document);
    router
        .route("/openapi.json", axum::routing::get(move || openapi::get(document.clone())))
        .fallback(async || Problem::not_found("there is no such route: GET /openapi.json lists them"))
        .method_not_allowed_fallback(async || {
            Problem::invalid_request(StatusCode::METHOD_NOT_ALLOWED, "this route does not take this method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(pages)
        .layer(middleware::from_fn_with_state(names, query_names::check))
        .layer(middleware::from_fn_with_state(state.clone(), trace::trace))
        .with_state(state)
}

/// The document that `/openapi.json` serves.
pub fn document() -> OpenApi {
    let (_, document) = documented().split_for_parts();
    openapi::completed(document)
}

fn documented() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        // Whoever looks after the process.
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        // Whoever wants to be a caller, or to check one.
        .routes(routes!(token::give))
        .routes(routes!(token::keys))
        .routes(routes!(token::revoke::revoke))
        .routes(routes!(token::register::register))
        // Agents.
        .routes(routes!(tools::list))
        .routes(routes!(tools::show))
        .routes(routes!(execute::execute))
        .routes(routes!(execute::try_tool))
        .routes(routes!(batch::execute_batch))
        .routes(routes!(proxy::send))
        .routes(routes!(executions::list))
        .routes(routes!(executions::show))
        .routes(routes!(executions::cancel))
        .routes(routes!(results::result))
        .routes(routes!(continuing::go_on))
        .merge(connected())
        .merge(governed())
        .merge(offered())
}

/// What operators connect: connectors, connections, accounts, secrets.
fn connected() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(
            OpenApiRouter::new()
                .routes(routes!(connectors::install, connectors::list))
                .routes(routes!(shipped::list))
                .layer(DefaultBodyLimit::max(MAX_COMPONENT)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(connectors::show, connectors::remove, imports::put))
                .routes(routes!(imports::parse))
                .routes(routes!(imports::import_again))
                .routes(routes!(upstream::discover))
                .routes(routes!(upstream::accept))
                .layer(DefaultBodyLimit::max(MAX_IMPORT)),
        )
        .merge(OpenApiRouter::new().routes(routes!(apply::apply)).layer(DefaultBodyLimit::max(MAX_APPLY)))
        .routes(routes!(export::export))
        .routes(routes!(connections::create, connections::list))
        .routes(routes!(connections::show, connections::change, connections::remove))
        .routes(routes!(connections::trial::test))
        .routes(routes!(accounts::put, accounts::show, accounts::change::change, accounts::remove))
        .routes(routes!(accounts::refresh))
        .routes(routes!(accounts::disable))
        .routes(routes!(accounts::enable))
        .routes(routes!(accounts::list))
        .routes(routes!(authorize::authorize))
        .routes(routes!(accounts::ready::readiness))
        .routes(routes!(accounts::events::events))
        .routes(routes!(authorize::verify))
        .routes(routes!(accounts::reveal::reveal))
        .routes(routes!(accounts::by_id::show, accounts::by_id::change, accounts::by_id::remove))
        .routes(routes!(secrets::put, secrets::show, secrets::remove))
        .routes(routes!(secrets::list))
}

/// What operators decide, and people who approve.
fn governed() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(policies::create, policies::list))
        .routes(routes!(policies::defaults, policies::set_defaults))
        .routes(routes!(evaluate::evaluate))
        .routes(routes!(policies::show, policies::replace, policies::remove))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(profiles::create, profiles::list))
        .routes(routes!(profiles::show, profiles::put, profiles::remove))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(modifiers::create, modifiers::list))
                .routes(routes!(modifiers::show, modifiers::put, modifiers::remove))
                .layer(DefaultBodyLimit::max(MAX_MODIFIER)),
        )
}

/// Whom operators let in, and whom they tell.
fn offered() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(mcp::configs::create, mcp::configs::list))
        .routes(routes!(mcp::configs::show, mcp::configs::put, mcp::configs::remove))
        .routes(routes!(mcp::instances::ensure))
        .routes(routes!(mcp::instances::list))
        .routes(routes!(mcp::instances::show, mcp::instances::remove))
        .routes(routes!(mcp::instances::rotate))
        .routes(routes!(mcp::instances::auth_state))
        .routes(routes!(mcp::grants::verify))
        .routes(routes!(mcp::grants::list))
        .routes(routes!(mcp::grants::remove))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::remove))
        .routes(routes!(clients::create, clients::list))
        .routes(routes!(clients::show, clients::change, clients::remove))
        .routes(routes!(clients::rotate))
        .routes(routes!(clients::rotate_signing_key))
        .routes(routes!(issuers::list))
        .routes(routes!(issuers::show, issuers::put, issuers::remove))
        .routes(routes!(issuers::callers))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(webhooks::test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::retry))
        .routes(routes!(audit::list))
}
