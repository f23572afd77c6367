//! Fields of a connection's credential that named secrets fill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Problem;
use super::check_name;
use crate::catalog::Installed;
use crate::model::Connection;
use crate::oauth;

/// Where a field of a credential comes from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct FromSecret {
    /// Name of a secret: looked up at each call for whoever calls, a user's own before the organization's and the
    /// project's. Of an OAuth client it is the project's.
    pub(in super::super) secret: String,
}

/// Field of the auth pattern to where its value comes from.
pub(super) type Filled = BTreeMap<String, FromSecret>;

/// What is stored of it. Whether there are such secrets is asked when they are needed: they may come later.
pub(super) fn checked(
    installed: &Installed,
    pattern: &str,
    filled: Filled,
) -> Result<BTreeMap<String, String>, Problem> {
    let pattern = installed.connector.auth_pattern(pattern);
    for (field, FromSecret { secret }) in &filled {
        check_name(secret)?;
        if !pattern.and_then(|pattern| pattern.field(field)).is_some_and(|field| field.secret) {
            let detail = "`credentials` takes secret fields of the auth pattern, and one of its names is none";
            return Err(Problem::bad_request(detail));
        }
        if pattern.is_some_and(|pattern| oauth::goes_to_endpoint(&pattern.kind, field)) {
            let detail = "`credentials` takes no field that goes to the provider's token endpoint: accounts hold those";
            return Err(Problem::bad_request(detail));
        }
    }
    Ok(filled.into_iter().map(|(field, FromSecret { secret })| (field, secret)).collect())
}

/// As it is told.
pub(super) fn body(connection: &Connection) -> Filled {
    let told = |(field, secret): (&String, &String)| (field.clone(), FromSecret { secret: secret.clone() });
    connection.credentials.iter().map(told).collect()
}
