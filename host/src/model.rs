//! The words of the project as types: no I/O, no framework, no wire format.

mod account;
mod approval;
mod audit;
mod auth;
mod authorization;
mod caller;
mod chain;
mod clock;
mod connection;
mod connector;
mod endpoint;
mod execution;
mod fault;
mod grant;
mod hidden;
mod host_pattern;
mod id;
mod loopback;
mod modifier;
mod named_secret;
mod offers;
pub mod part;
mod path_template;
mod redirect_uri;
mod resource_uri;
mod scope;
mod secret;
mod shown_tools;
mod surface;
mod template;
mod text_template;
mod timestamp;
mod tool;
mod url_template;
mod webhook;
mod words;

pub use account::{Account, AccountState, AccountToken, TransitionError};
pub use approval::{Approval, ApprovalState};
pub use audit::{Action, Actor, By};
pub use auth::{
    AuthKind, AuthPattern, AwsSigV4, BodyInsertion, Choice, ClientAuth, ClientCredentials, Encoding, Escaping, Field,
    FieldPattern, FieldPatternError, HeaderTemplate, Hmac, HmacHash, JwtAlgorithm, JwtBearer, JwtClaims,
    KEY_FINGERPRINT, KeyEncoding, Lookup, OAuth1a, OAuth1aSignature, OAuth2, Placement, Registration, Scope, Session,
    SessionRequest, SignedJwt, TextSource, TokenBody, TokenPlacement, TokenResponse,
};
pub use authorization::{AccountEvent, AccountEventKind, AuthFailure, AuthRequest, AuthStep, Verify};
pub use caller::{BoundProfile, Caller, CallerToken, Role};
pub use chain::{Broken, Chain, Entry, Flaw, GENESIS, Head};
pub use clock::{Clock, Random};
pub use connection::Connection;
pub use connector::{Connector, Import, TestCall};
pub use endpoint::{McpInstance, Shows, ToolsShown};
pub use execution::{Execution, ExecutionStatus, Latency, Through};
pub use fault::{Code, Culprit, Fault, InputError};
pub use grant::{McpGrant, McpRequest, McpStep};
pub use hidden::is_hidden;
pub use host_pattern::{HostPattern, HostPatternError};
pub use id::{
    AccountId, ApprovalId, AuthRequestId, ClientId, ConnectionId, ExecutionId, KeyId, McpClientId, McpGrantId,
    McpInstanceId, McpRequestId, MessageId, ModifierId, OAuthClientId, PolicyId, ProfileId, ProjectId, RequestId,
    RevocationId, SecretId, WebhookId,
};
pub use loopback::is_loopback;
pub use modifier::{ToolPattern, When};
pub use named_secret::{ClientSecretFrom, NamedSecret, SecretOwner, SecretSource};
pub use offers::{Prompt, PromptArgument, Prompts, Resource, Resources};
pub use path_template::{PathTemplate, PathTemplateError};
pub use redirect_uri::is_redirect_uri;
pub use resource_uri::{ResourceUriError, check_uri, check_uri_template, owner_of_uri, told_uri, uri_fits};
pub use scope::{CallerScope, Scopes};
pub use secret::Secret;
pub use shown_tools::ShownTools;
pub use surface::Surface;
pub use template::{Preset, PresetError, RenderError, Variable};
pub use text_template::{TextPiece, TextTemplate, TextTemplateError};
pub use timestamp::Timestamp;
pub use tool::{Effect, Route, Tool};
pub use url_template::{HostTemplate, UrlTemplate, UrlTemplateError};
pub use webhook::{Delivery, DeliveryState, Event, Webhook};
