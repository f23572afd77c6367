//! The end of an authorization: what was kept becomes the account's credential.

use std::collections::BTreeMap;

use super::ConnectError;
use super::kept::{self, Kept};
use super::visit::Visit;
use crate::call::{self, Host};
use crate::model::{AuthFailure, OAuthClientId, Secret};
use crate::oauth::{self, Tokens};

/// Puts tokens, fields and secrets on the account, and makes it active. Its identifier stays (AK-209).
pub(super) async fn activate(host: &Host, visit: &Visit, kept: Kept) -> Result<(), ConnectError> {
    let changed = || ConnectError::Ended(AuthFailure::Changed, None);
    let Kept { fields, secrets, client, tokens, .. } = kept;
    let tokens = tokens.ok_or_else(changed)?;
    let expires_at = tokens.expires_at();
    let mut opened = BTreeMap::new();
    for (field, sealed) in &tokens.secrets {
        let name = oauth::token_field(field).ok_or_else(changed)?;
        opened.insert(name, kept::open(host, &visit.request, field, sealed)?);
    }
    let open = |(field, sealed): (&String, &String)| Ok((field.clone(), kept::open(host, &visit.request, field, sealed)?));
    let secrets: BTreeMap<String, Secret> = secrets.iter().map(open).collect::<Result<_, ConnectError>>()?;
    let tokens = Tokens {
        secrets: opened,
        expires_at,
        scopes: Some(tokens.scopes),
        fields,
        client: OAuthClientId::parse(&client),
    };
    let by = visit.caller().by(host.clock.now());
    let activated = call::activate(host, &by, &visit.connection, visit.account.clone(), tokens, secrets).await;
    activated.map(|_| ()).map_err(|fault| ConnectError::Ended(AuthFailure::LookupFailed, Some(fault.detail)))
}
