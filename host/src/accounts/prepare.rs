//! Checks what a user filled in against the auth pattern, and seals it for the hosts that it may go to.

use std::collections::BTreeMap;

use url::Url;

use super::AccountError;
use crate::model::{
    Account, AccountState, AccountToken, AuthPattern, Clock, Connection, Connector, Field, FieldPattern, HostPattern,
    HostTemplate, InputError, Secret, UrlTemplate,
};
use crate::oauth;
use crate::vault::{Binding, Vault};

/// A credential field longer than this is no credential: private keys of 8,192 bits are shorter.
const MAX_FIELD: usize = 16 * 1024;

/// What a user filled in.
#[derive(Debug)]
pub struct Candidate {
    /// Values of the pattern's fields, secret and public ones.
    pub credentials: BTreeMap<String, Secret>,
    /// Further public fields.
    pub fields: BTreeMap<String, String>,
}

impl Candidate {
    /// Nothing: all that the account needs comes from elsewhere.
    pub fn empty() -> Self {
        Self { credentials: BTreeMap::new(), fields: BTreeMap::new() }
    }
}

/// An account that may be stored, and its sealed credential by field.
#[derive(Debug)]
pub struct Prepared {
    /// The account, active.
    pub account: Account,
    /// Field to sealed text.
    pub sealed: BTreeMap<String, String>,
}

/// Secret fields that stay as they are, sealed, when an account is changed in part.
pub type Kept = BTreeMap<String, String>;

/// Makes `account` (new, or as it was) an active one with this credential, and what is kept of the one before. Nothing is
/// stored.
///
/// What is kept stays bound to its hosts: a change of fields that would send it elsewhere is refused (lesson 5).
pub fn prepare(
    vault: &Vault,
    clock: &Clock,
    connection: &Connection,
    connector: &Connector,
    pattern: &AuthPattern,
    mut account: Account,
    (candidate, mut kept): (Candidate, Kept),
) -> Result<Prepared, AccountError> {
    kept.retain(|field, _| !candidate.credentials.contains_key(field));
    let (public, secrets) =
        sort_fields(pattern, candidate, |field| kept.contains_key(field) || connection.credentials.contains_key(field))
            .map_err(AccountError::Invalid)?;
    account.fields = public;
    let before = account.clone();
    account.hosts = allowed_hosts(connector, connection, &account.fields)
        .and_then(|hosts| {
            rendered_base_url(connector, connection, &once_filled(pattern, &account.fields)).map(|_| hosts)
        })
        .map_err(|message| AccountError::Invalid(vec![InputError { path: "/credentials".into(), message }]))?;
    let mut token = if kept.is_empty() { AccountToken::none() } else { account.token };
    let of_pattern = oauth::field_hosts(pattern, &account.hosts, &account.fields)
        .map_err(|message| AccountError::Invalid(vec![InputError { path: "/credentials".into(), message }]))?;
    token.field_hosts.retain(|field, _| kept.contains_key(field));
    token.field_hosts.extend(of_pattern);
    account.token = AccountToken { error: None, ..token };
    if kept.keys().any(|field| account.hosts_of(field) != before.hosts_of(field)) {
        return Err(AccountError::Moved { fields: kept.into_keys().collect() });
    }
    account.state = AccountState::connected(account.state);
    account.updated_at = clock.now();
    let mut sealed = kept;
    for (field, secret) in secrets {
        let hosts = account.hosts_of(&field);
        let binding = Binding { project: &account.project, owner: account.id.as_str(), field: &field, hosts };
        sealed.insert(field.clone(), vault.seal(&binding, &secret)?);
    }
    Ok(Prepared { account, sealed })
}

/// The fields as they could be once the provider's answers have filled what nobody fills in: what a user wrote can be checked
/// before there is an answer.
fn once_filled(pattern: &AuthPattern, fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<_, _> = pattern.filled_fields().into_iter().map(|name| (name.into(), "0".into())).collect();
    all.extend(fields.clone());
    all
}

/// The template of where a connection's requests go.
pub fn base_url_text<'a>(connector: &'a Connector, connection: &'a Connection) -> &'a str {
    connection.base_url.as_deref().unwrap_or(&connector.base_url)
}

/// What relative targets of this account are joined to.
pub fn rendered_base_url(
    connector: &Connector,
    connection: &Connection,
    fields: &BTreeMap<String, String>,
) -> Result<Url, String> {
    let template = UrlTemplate::parse(base_url_text(connector, connection)).map_err(|error| error.to_string())?;
    template.render(fields).map_err(|error| error.to_string())
}

/// The hosts that this account's credential may be sent to: those of the connector, and that of a base URL which the
/// operator set on the connection.
pub fn allowed_hosts(
    connector: &Connector,
    connection: &Connection,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let mut hosts = Vec::with_capacity(connector.hosts.len() + 1);
    for host in &connector.hosts {
        let template = HostTemplate::parse(host).map_err(|error| error.to_string())?;
        hosts.push(template.render(fields).map_err(|error| error.to_string())?.to_string());
    }
    if connection.base_url.is_some() {
        hosts.push(authority(&rendered_base_url(connector, connection, fields)?)?);
    }
    hosts.sort();
    hosts.dedup();
    for host in &hosts {
        HostPattern::parse(host).map_err(|error| error.to_string())?;
    }
    Ok(hosts)
}

/// Those of [`allowed_hosts`] that are known already: hosts that depend on a field which nobody has filled in yet are left
/// out.
pub fn known_hosts(connector: &Connector, connection: &Connection, fields: &BTreeMap<String, String>) -> Vec<String> {
    let rendered = |host: &String| Some(HostTemplate::parse(host).ok()?.render(fields).ok()?.to_string());
    let mut hosts: Vec<String> = connector.hosts.iter().filter_map(rendered).collect();
    if connection.base_url.is_some() {
        hosts.extend(rendered_base_url(connector, connection, fields).ok().and_then(|url| authority(&url).ok()));
    }
    hosts
}

fn authority(url: &Url) -> Result<String, String> {
    let host = url.host_str().ok_or("the URL has no host")?;
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None if url.scheme() == "http" => format!("{host}:80"),
        None => host.to_owned(),
    })
}

/// What a user filled in: public fields and secret ones.
pub type Sorted = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Checks what a user filled in against the pattern's fields, and tells public fields from secret ones. Fields that are
/// there already need not be filled in.
///
/// # Errors
///
/// Every mistake, by the field that it is about.
pub fn sort_fields(
    pattern: &AuthPattern,
    candidate: Candidate,
    has_already: impl Fn(&str) -> bool,
) -> Result<Sorted, Vec<InputError>> {
    let mut errors = Vec::new();
    let mut public = candidate.fields;
    let mut secrets = BTreeMap::new();
    for name in public.keys() {
        if pattern.field(name).is_some_and(|field| field.secret) {
            errors.push(error("fields", name, "this field is secret: send it in `credentials`"));
        }
    }
    for (name, value) in candidate.credentials {
        match pattern.field(&name) {
            None => errors.push(error("credentials", &name, "the auth pattern has no such field")),
            Some(field) if field.secret => {
                secrets.insert(name, value);
            }
            Some(_) => {
                public.insert(name, value.into_public());
            }
        }
    }
    for field in &pattern.fields {
        let given = secrets.contains_key(&field.name) || public.contains_key(&field.name);
        if let (false, Some(default)) = (given, &field.default) {
            public.insert(field.name.clone(), default.clone());
        }
        let value = (secrets.get(&field.name), public.get(&field.name).map(String::as_str));
        if matches!(value, (None, None)) && has_already(&field.name) {
            continue;
        }
        errors.extend(wrong(field, value).map(|message| error("credentials", &field.name, &message)));
    }
    if errors.is_empty() { Ok((public, secrets)) } else { Err(errors) }
}

/// What is wrong with a field's value, which is never repeated.
fn wrong(field: &Field, value: (Option<&Secret>, Option<&str>)) -> Option<String> {
    let length = match value {
        (Some(secret), _) => secret.len(),
        (None, public) => public.unwrap_or_default().len(),
    };
    if length == 0 {
        return field.required.then(|| "this field is required".into());
    }
    if length > MAX_FIELD {
        return Some("this value is too long for a credential".into());
    }
    let text = field.pattern.as_deref()?;
    let fits = match FieldPattern::parse(text) {
        Ok(pattern) => match value {
            (Some(secret), _) => secret.fits(&pattern),
            (None, public) => pattern.fits(public.unwrap_or_default()),
        },
        // It was read when the connector was installed.
        Err(_) => false,
    };
    if fits {
        return None;
    }
    let hint = field.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
    Some(format!("this value does not have the form of `{}`{hint}", field.label))
}

fn error(part: &str, name: &str, message: &str) -> InputError {
    let name = name.replace('~', "~0").replace('/', "~1");
    InputError { path: format!("/{part}/{name}"), message: message.into() }
}
