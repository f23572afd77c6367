//! Links with which users authorize their accounts themselves.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::{WhichAccount, check_names};
use super::extract::{Admin, Json, Path, Query};
use super::{ApiState, Problem, connections};
use crate::connect::{self, ConnectError, LinkRequest};
use crate::model::{AuthRequestId, Code, Culprit, Fault, Verify};

/// How an account is to be authorized.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Authorize {
    /// Where your application confirms who it was, before an account of an OAuth connection becomes active: the user's
    /// browser is sent there with `auth_request_id` and `state`. Its origin is one that this host's operator named.
    user_verify_url: Option<String>,
    /// Handed to that URL as it is.
    state: Option<String>,
    /// Scopes to ask for besides those of the connection.
    scopes: Option<Vec<String>>,
}

/// A link for a user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkBody {
    /// What the user opens. It works once, and is shown this once.
    link: String,
    /// Until when it works.
    expires_at: String,
    /// What `user_verify_url` gets.
    auth_request_id: String,
}

/// Makes a link with which a user authorizes an account; the account is made if it is not there.
///
/// The link works once, for 15 minutes. Looking at it does not use it up.
#[utoipa::path(post, path = "/v1/connections/{name}/accounts/{identifier}/authorize", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount), request_body = Option<Authorize>,
    responses((status = 201, body = LinkBody), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn authorize(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
    body: Option<Json<Authorize>>,
) -> Result<(StatusCode, axum::Json<LinkBody>), Problem> {
    let connection = connections::find(&state, &caller, &name).await?;
    let (organization, label) = (which.organization.unwrap_or_default(), which.label.unwrap_or_default());
    check_names(&identifier, &organization, &label)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    if body.state.is_some() && body.user_verify_url.is_none() {
        return Err(Problem::bad_request("`state` is handed to `user_verify_url`: give that too"));
    }
    let wanted = LinkRequest {
        identifier,
        organization,
        label,
        verify: body.user_verify_url.map(|url| Verify { url, state: body.state }),
        scopes: body.scopes.unwrap_or_default(),
    };
    let link = connect::offer(&state.host, &caller, &connection, wanted).await?;
    let body = LinkBody {
        link: link.url.into(),
        expires_at: link.expires_at.to_rfc3339(),
        auth_request_id: link.id.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Who authorized an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verification {
    /// What your `user_verify_url` got.
    auth_request_id: String,
    /// The user who is signed in to your application in that browser.
    identifier: String,
}

/// Where the user's browser is to be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verified {
    /// A page that tells the user that the account is connected.
    redirect_url: String,
}

/// Confirms who authorized an account: only then it becomes active.
///
/// Take the user from your application's own session, never from the URL. If it is not the one that the link was made
/// for, the answer is 403, what they authorized is thrown away, and the request cannot be confirmed any more.
#[utoipa::path(post, path = "/v1/accounts/verify", tag = "accounts", request_body = Verification,
    responses((status = 200, body = Verified), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn verify(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(body): Json<Verification>,
) -> Result<axum::Json<Verified>, Problem> {
    let id = AuthRequestId::parse(&body.auth_request_id);
    let id = id.ok_or_else(|| Problem::not_found("there is no such authorization"))?;
    let url = connect::verify(&state.host, &caller, &id, &body.identifier).await?;
    Ok(axum::Json(Verified { redirect_url: url.into() }))
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(fault) => fault.into(),
            ConnectError::Store(error) => error.into(),
            ConnectError::Catalog(error) => error.into(),
            error @ (ConnectError::Vault(_) | ConnectError::Ended(..) | ConnectError::Unfinished) => {
                tracing::error!(%error, "an authorization failed on this host");
                Fault::new(Code::Internal, Culprit::Host, "it failed on this host; the log says more").into()
            }
        }
    }
}
