//! What goes along with a credential, and what is asked once there is one.

/// A header that goes along with the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    /// Its name.
    pub name: String,
    /// Its value: a template over all fields of the account, secret ones included (`Bearer {{token}}`). A header whose
    /// fields are all empty is left out.
    pub value: String,
}

/// A place within a body where the credential goes. The guest writes the marker, the host the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyInsertion {
    /// Bodies of this media type only, for example `text/xml`.
    pub content_type: String,
    /// What stands in the body where the credential goes.
    pub marker: String,
    /// The field that is put there, escaped as the media type has it; `access_token` for the token that the host got.
    pub field: String,
}

/// A request that is sent as the account once it is authorized, to fill its public fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// A GET of this URL: a template over the account's public fields.
    pub url: String,
    /// What becomes a public field: JSON Pointer into the answer, field. With a choice the pointers are into the item.
    pub fields: Vec<(String, String)>,
    /// Where the answer has several things to choose from, of which the user takes one.
    pub choice: Option<Choice>,
}

/// What a user chooses from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// JSON Pointer to the list.
    pub items: String,
    /// JSON Pointer into an item: what is shown.
    pub label: String,
    /// The question, for people.
    pub title: String,
}
