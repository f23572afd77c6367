//! What files hold, as it is sent: lists of what the routes of each kind take.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::kinds::Kind;
use crate::api::Problem;
use crate::api::connections::NewConnection;
use crate::api::mcp::configs::NewMcpConfig;
use crate::api::modifiers::Patterns;
use crate::api::policies::{Defaults, NewPolicy};
use crate::api::profiles::NewProfile;
use crate::api::upstream::ServerBody;
use crate::model::{InputError, SecretOwner};

/// Things that are to be as they are written here.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Resources {
    /// Named secrets, by reference only.
    #[serde(default)]
    secrets: Vec<AppliedSecret>,
    /// Connectors: made of a document, or components.
    #[serde(default)]
    connectors: Vec<AppliedConnector>,
    /// Connections, as `POST /v1/connections` takes them. Whether one is disabled stays as it is.
    #[serde(default)]
    connections: Vec<NewConnection>,
    /// Profiles, as `POST /v1/profiles` takes them.
    #[serde(default)]
    profiles: Vec<NewProfile>,
    /// Policies, as `POST /v1/policies` takes them, told apart by their names.
    #[serde(default)]
    policies: Vec<NewPolicy>,
    /// What holds where no policy does.
    policy_defaults: Option<Defaults>,
    /// Modifiers, as `POST /v1/modifiers` takes them.
    #[serde(default)]
    modifiers: Vec<AppliedModifier>,
    /// MCP configs, as `POST /v1/mcp/configs` takes them.
    #[serde(default)]
    mcp_configs: Vec<NewMcpConfig>,
    /// Webhooks, told apart by their URLs. The secret of a new one is in the answer, and nowhere else.
    #[serde(default)]
    webhooks: Vec<AppliedWebhook>,
}

/// A named secret whose value is somewhere that the host can read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AppliedSecret {
    /// Letters, digits, `-`, `_` and `.`, at most 64.
    pub(super) name: String,
    /// `env:NAME` or `file:/path`, if the host's configuration lets the project read that.
    pub(super) source: String,
    /// The hosts that it may be sent to, such as `api.example.com` or `*.example.com`.
    pub(super) hosts: Vec<String>,
    /// Makes it the secret of one user.
    pub(super) identifier: Option<String>,
    /// Makes it the secret of one organization, or of the user within it.
    pub(super) organization: Option<String>,
}

/// A connector. It has one of `document`, `url`, `mcp`, `component` and `digest`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AppliedConnector {
    /// Lower-case letters, digits and `_`, a letter first, at most 32.
    pub(super) name: String,
    /// OpenAPI 3.0 or 3.1, or declared operations: a text in JSON or YAML, or an object.
    #[schema(value_type = Option<Value>)]
    pub(super) document: Option<Box<RawValue>>,
    /// Where the document is fetched: a public address.
    pub(super) url: Option<String>,
    /// An MCP server. Its tools are what an operator found there and took over: files do not hold those.
    pub(super) mcp: Option<ServerBody>,
    /// Of an import: as `PUT /v1/connectors/{name}` takes them.
    #[schema(value_type = Option<Object>)]
    pub(super) options: Option<Map<String, Value>>,
    /// A component in base64.
    pub(super) component: Option<String>,
    /// SHA-256, in hex, of a component that this host has.
    pub(super) digest: Option<String>,
    /// The imports that a component is granted; all that it asks for if absent.
    pub(super) imports: Option<Vec<String>>,
}

/// A modifier. It has one of `steps`, `component` and `digest`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AppliedModifier {
    /// Letters, digits, `-`, `_` and `.`, at most 64.
    pub(super) name: String,
    /// A name or alias of a tool, or several; `*` stands for any characters.
    pub(super) tools: Patterns,
    /// Names of connections; all of them if absent.
    pub(super) connections: Option<Vec<String>>,
    /// `before` or `after`.
    pub(super) when: String,
    /// 1000 if absent.
    pub(super) position: Option<i64>,
    /// As in a new modifier.
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) steps: Option<Box<RawValue>>,
    /// A component in base64.
    pub(super) component: Option<String>,
    /// SHA-256, in hex, of a component that this host has.
    pub(super) digest: Option<String>,
}

/// A webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AppliedWebhook {
    /// Where notices are posted to.
    pub(super) url: String,
    /// Of what it hears; of everything if absent or empty.
    #[serde(default)]
    pub(super) events: Vec<String>,
}

/// One thing that files hold.
#[derive(Debug)]
pub(super) enum Resource {
    Secret(AppliedSecret),
    Connector(Box<AppliedConnector>),
    Connection(Box<NewConnection>),
    Profile(NewProfile),
    Policy(NewPolicy),
    PolicyDefaults(Defaults),
    Modifier(Box<AppliedModifier>),
    McpConfig(NewMcpConfig),
    Webhook(AppliedWebhook),
}

/// Which thing is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Of a secret.
    pub(super) owner: Option<SecretOwner>,
}

/// Between the parts of what a secret is called among all: none of them has it in it.
const BETWEEN: char = '\n';

impl Key {
    /// A thing that is known by its name alone.
    pub(super) fn named(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), owner: None }
    }

    /// What it is called among all of its kind: its name, and of a secret whose it is.
    pub(super) fn called(&self) -> String {
        match &self.owner {
            Some(SecretOwner { identifier, organization }) => {
                [self.name.as_str(), identifier, organization].join(&BETWEEN.to_string())
            }
            None => self.name.clone(),
        }
    }

    /// Reads [`Key::called`] back.
    pub(super) fn read(kind: Kind, called: &str) -> Self {
        let mut parts = called.split(BETWEEN).map(str::to_owned);
        let name = parts.next().unwrap_or_default();
        let owner = |identifier, organization| SecretOwner { identifier, organization };
        Self { kind, name, owner: parts.next().zip(parts.next()).map(|(user, of)| owner(user, of)) }
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        match &self.owner {
            Some(SecretOwner { identifier, organization }) if organization.is_empty() && !identifier.is_empty() => {
                format!("{} of {identifier}", self.name)
            }
            Some(SecretOwner { identifier, organization }) if !organization.is_empty() => {
                format!("{} of {identifier} in {organization}", self.name).replace("of  in", "in")
            }
            _ => self.name.clone(),
        }
    }
}

/// A thing, and where it was written.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) key: Key,
    /// A JSON Pointer within the body.
    pub(super) place: String,
    pub(super) resource: Resource,
}

impl Resources {
    /// All of them, in the order in which they are applied.
    ///
    /// # Errors
    /// What is there twice.
    pub(super) fn placed(self) -> Result<Vec<Placed>, Vec<InputError>> {
        let mut placed = Vec::new();
        list(&mut placed, Kind::Secret, self.secrets, Resource::Secret);
        list(&mut placed, Kind::Connector, self.connectors, |one| Resource::Connector(Box::new(one)));
        list(&mut placed, Kind::Connection, self.connections, |one| Resource::Connection(Box::new(one)));
        list(&mut placed, Kind::Profile, self.profiles, Resource::Profile);
        list(&mut placed, Kind::Policy, self.policies, Resource::Policy);
        if let Some(defaults) = self.policy_defaults {
            let place = "/resources/policy_defaults".to_owned();
            let key = Key::named(Kind::PolicyDefaults, "");
            placed.push(Placed { key, place, resource: Resource::PolicyDefaults(defaults) });
        }
        list(&mut placed, Kind::Modifier, self.modifiers, |one| Resource::Modifier(Box::new(one)));
        list(&mut placed, Kind::McpConfig, self.mcp_configs, Resource::McpConfig);
        list(&mut placed, Kind::Webhook, self.webhooks, Resource::Webhook);
        let twice = twice(&placed);
        if twice.is_empty() { Ok(placed) } else { Err(twice) }
    }
}

impl Resource {
    fn key(&self, kind: Kind) -> Key {
        let name: &str = match self {
            Self::Secret(one) => return Key { owner: Some(one.owner()), ..Key::named(kind, &one.name) },
            Self::Connector(one) => &one.name,
            Self::Connection(one) => &one.name,
            Self::Profile(one) => &one.name,
            Self::Policy(one) => &one.name,
            Self::PolicyDefaults(_) => "",
            Self::Modifier(one) => &one.name,
            Self::McpConfig(one) => &one.name,
            Self::Webhook(one) => &one.url,
        };
        Key::named(kind, name)
    }
}

impl Resource {
    /// Whether it is a config that makes the profile of its name.
    pub(super) fn brings_profile(&self) -> bool {
        matches!(self, Self::McpConfig(one) if one.connections.is_some())
    }
}

impl AppliedSecret {
    /// Whose it is.
    pub(super) fn owner(&self) -> SecretOwner {
        SecretOwner {
            identifier: self.identifier.clone().unwrap_or_default(),
            organization: self.organization.clone().unwrap_or_default(),
        }
    }
}

fn list<T>(placed: &mut Vec<Placed>, kind: Kind, given: Vec<T>, of: impl Fn(T) -> Resource) {
    for (index, one) in given.into_iter().enumerate() {
        let resource = of(one);
        let key = resource.key(kind);
        placed.push(Placed { key, place: format!("/resources/{}/{index}", kind.member()), resource });
    }
}

/// What is there twice, and profiles that MCP configs of the same name bring with them.
fn twice(placed: &[Placed]) -> Vec<InputError> {
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for Placed { key, place, resource } in placed {
        if !seen.insert((key.kind, key.called())) {
            let message = format!("there is another {} `{}`", key.kind.as_str(), key.told());
            errors.push(InputError { path: place.clone(), message });
        }
        let profile = (Kind::Profile, key.name.clone());
        if matches!(resource, Resource::McpConfig(one) if one.connections.is_some()) && seen.contains(&profile) {
            let message = format!("the profile `{}` is written on its own: leave `connections` out here", key.name);
            errors.push(InputError { path: format!("{place}/connections"), message });
        }
    }
    errors
}

/// The refusal of a whole for what is wrong with its parts.
pub(super) fn refused(errors: Vec<InputError>) -> Problem {
    use crate::model::{Code, Culprit, Fault};
    let detail = match errors.as_slice() {
        [one] => format!("{}: nothing was applied", one.message),
        more => format!("{} things are wrong: nothing was applied", more.len()),
    };
    Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }.into()
}
