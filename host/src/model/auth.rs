//! Auth patterns: how a credential gets into a request, as data that the host executes.

/// One way to authorize a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPattern {
    /// Unique within the connector, for example `api_key`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What the host does with the fields.
    pub kind: AuthKind,
    /// What a user fills in.
    pub fields: Vec<Field>,
}

impl AuthPattern {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// How the credential is applied to a request. Names are those of fields of the pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// `Authorization: Bearer <field>` (RFC 6750 section 2.1).
    Bearer {
        /// The field that holds the token.
        field: String,
    },
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// The field that holds the key.
        field: String,
        /// Where it goes.
        placement: Placement,
        /// Name of the header, parameter or cookie.
        name: String,
        /// Put before the key, for example `Token `.
        prefix: String,
    },
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The field that holds the user name.
        username: String,
        /// The field that holds the password; without it `filler` stands in.
        password: Option<String>,
        /// What goes where a password would, for providers that take a key as user name.
        filler: String,
    },
    /// No credential.
    None,
}

impl AuthKind {
    /// As it is written in the manifest and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::ApiKey { .. } => "api_key",
            Self::Basic { .. } => "basic",
            Self::None => "none",
        }
    }
}

/// Where an API key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// A cookie.
    Cookie,
}

/// Something a user fills in to connect an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Key in the credential or in the account's public fields.
    pub name: String,
    /// For people.
    pub label: String,
    /// Where to find it, for people.
    pub hint: Option<String>,
    /// A secret is sealed and never shown; anything else is a public field of the account.
    pub secret: bool,
    /// Whether connecting fails without it.
    pub required: bool,
}
