//! The services that come with the program, for whoever looks for one to install.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Query};
use super::page::{List, page};
use super::{ApiState, Problem};
use crate::catalog::{SERVICES, Service, ServicePattern};

/// A service that can be installed: `PUT /v1/connectors/{name}` with its name as `catalog`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceBody {
    name: String,
    title: &'static str,
    description: &'static str,
    categories: &'static [&'static str],
    auth: Vec<ServicePatternBody>,
    /// How many tools it has; where there are none, callers write their requests themselves.
    tools: usize,
    /// Where the vendor's own OpenAPI document is, for who wants all of the API.
    document_url: Option<&'static str>,
    /// Whether the project has a connector of this name.
    installed: bool,
}

/// A way to authorize at a service.
#[derive(Debug, Serialize, ToSchema)]
struct ServicePatternBody {
    name: &'static str,
    title: &'static str,
    r#type: &'static str,
}

/// Which services.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ServiceQuery {
    /// Words that stand in a service's name, title, description or categories, each of them.
    search: Option<String>,
    /// One of its categories.
    category: Option<String>,
    /// The type of one of its auth patterns, such as `oauth2`.
    auth: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What can be installed by name.
#[utoipa::path(get, path = "/v1/catalog", tag = "connectors", params(ServiceQuery),
    responses((status = 200, body = List<ServiceBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ServiceQuery>,
) -> Result<axum::Json<List<ServiceBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let installed = state.host.catalog.connectors(&caller.project);
    let installed: BTreeSet<&str> = installed.iter().map(|installed| installed.connector.name.as_str()).collect();
    let words = query.search.as_deref().unwrap_or_default();
    let fits = SERVICES.iter().filter(|one| one.fits(words, query.category.as_deref(), query.auth.as_deref()));
    let bodies = fits.map(|service| body(service, installed.contains(service.name))).collect();
    Ok(axum::Json(List::cut(bodies, page.limit, page.cursor.as_deref(), |body| &body.name)))
}

/// The document of a service.
pub(super) fn document(name: &str) -> Result<String, Problem> {
    let service = Service::find(name)
        .ok_or_else(|| Problem::bad_request(format!("there is no `{name}` in the catalogue: see GET /v1/catalog")))?;
    Ok(service.document.to_owned())
}

fn body(service: &'static Service, installed: bool) -> ServiceBody {
    let pattern = |pattern: &ServicePattern| ServicePatternBody {
        name: pattern.name,
        title: pattern.title,
        r#type: pattern.kind,
    };
    ServiceBody {
        name: service.name.to_owned(),
        title: service.title,
        description: service.description,
        categories: service.categories,
        auth: service.auth.iter().map(pattern).collect(),
        tools: service.tools,
        document_url: service.document_url,
        installed,
    }
}
