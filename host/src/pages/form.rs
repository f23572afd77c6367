//! The form that is drawn from an auth pattern's fields, and reading it back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use askama::Template;

use super::shell::Look;
use crate::connect::{Asked, Visit};
use crate::model::{Fault, Field, Scope, Secret, Timestamp};

/// Before the names of the pattern's fields, so that none is taken for one of the page's own.
const PREFIX: &str = "field.";

/// Name of the field that holds the form's token.
pub(super) const TOKEN: &str = "form";

/// A link's page.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct FormPage<'a> {
    look: &'a Look,
    title: String,
    connector: &'a str,
    identifier: &'a str,
    consent: Option<Consent>,
    problem: Option<String>,
    mistakes: Vec<Mistake>,
    form_token: String,
    fields: Vec<FieldView<'a>>,
    until: String,
    until_words: String,
}

/// What a user says yes to.
struct Consent {
    /// Where the browser is sent; `None` where a field of the form decides that.
    host: Option<String>,
    scopes: Vec<ScopeView>,
}

/// A scope in words.
struct ScopeView {
    title: String,
    description: Option<String>,
}

/// A link to a field with something wrong.
struct Mistake {
    id: String,
    label: String,
    message: String,
}

struct FieldView<'a> {
    id: String,
    name: String,
    label: &'a str,
    hint: Option<&'a str>,
    secret: bool,
    required: bool,
    pattern: Option<&'a str>,
    /// Of a public field only: a secret is never sent back.
    value: String,
    mistake: Option<String>,
    described_by: String,
    focused: bool,
}

/// A form as it was sent.
pub(super) struct Sent {
    pub(super) token: String,
    pub(super) values: BTreeMap<String, Secret>,
    /// The values of public fields, to be shown again.
    pub(super) shown: BTreeMap<String, String>,
}

/// What was wrong with a form.
pub(super) struct Wrong<'a> {
    pub(super) fault: &'a Fault,
    pub(super) shown: &'a BTreeMap<String, String>,
}

impl<'a> FormPage<'a> {
    /// The page of a link, empty or with what was wrong.
    pub(super) fn of(look: &'a Look, visit: &'a Visit, form_token: String, wrong: Option<Wrong<'_>>) -> Self {
        let connector = visit.installed.connector.title.as_str();
        // What the operator gave the connection is not asked of users.
        let asked = visit.pattern.fields.iter().filter(|field| !visit.connection.credentials.contains_key(&field.name));
        let mut fields: Vec<_> = asked.enumerate().map(|(at, field)| view(at, field)).collect();
        let mut problem = None;
        // Where nothing is wrong yet, a person begins at the top, with who asks for what.
        let is_wrong = wrong.is_some();
        if let Some(Wrong { fault, shown }) = wrong {
            for field in &mut fields {
                let name = field.name.strip_prefix(PREFIX).unwrap_or_default();
                if let Some(value) = shown.get(name) {
                    field.value.clone_from(value);
                }
                field.mistake = mistake(fault, name);
            }
            problem = Some(problem_of(fault, connector));
        }
        let first = fields.iter().position(|field| field.mistake.is_some()).unwrap_or(0);
        for (at, field) in fields.iter_mut().enumerate() {
            field.focused = is_wrong && at == first;
            let parts = [("hint", field.hint.is_some()), ("mistake", field.mistake.is_some())];
            let ids = parts.iter().filter(|(_, there)| *there).map(|(part, _)| format!("{}-{part}", field.id));
            field.described_by = ids.collect::<Vec<_>>().join(" ");
        }
        let mistakes = fields.iter().filter_map(|field| {
            let message = field.mistake.clone()?;
            Some(Mistake { id: field.id.clone(), label: field.label.to_owned(), message })
        });
        let (until, until_words) = times(visit.request.expires_at);
        Self {
            look,
            title: format!("Connect {connector}"),
            connector,
            identifier: &visit.account.identifier,
            consent: visit.asks().map(consent),
            problem,
            mistakes: mistakes.collect(),
            form_token,
            fields,
            until,
            until_words,
        }
    }
}

/// Reads a form of these fields. Values that are no field of the pattern are left out.
pub(super) fn read(body: &[u8], fields: &[Field]) -> Sent {
    let mut sent = Sent { token: String::new(), values: BTreeMap::new(), shown: BTreeMap::new() };
    for (name, value) in url::form_urlencoded::parse(body) {
        if name == TOKEN {
            sent.token = value.into_owned();
            continue;
        }
        let Some(field) = name.strip_prefix(PREFIX).and_then(|name| fields.iter().find(|field| field.name == name))
        else {
            continue;
        };
        let value = if field.secret { value.into_owned() } else { value.trim().to_owned() };
        if value.is_empty() {
            continue;
        }
        if !field.secret {
            sent.shown.insert(field.name.clone(), value.clone());
        }
        sent.values.insert(field.name.clone(), Secret::new(value));
    }
    sent
}

fn consent(asked: Asked) -> Consent {
    let view = |scope: Scope| ScopeView { title: scope.title, description: scope.description };
    Consent { host: asked.host, scopes: asked.scopes.into_iter().map(view).collect() }
}

fn view(at: usize, field: &Field) -> FieldView<'_> {
    FieldView {
        id: format!("field-{at}"),
        name: format!("{PREFIX}{}", field.name),
        label: &field.label,
        hint: field.hint.as_deref(),
        secret: field.secret,
        required: field.required,
        pattern: field.pattern.as_deref(),
        value: if field.secret { String::new() } else { field.default.clone().unwrap_or_default() },
        mistake: None,
        described_by: String::new(),
        focused: false,
    }
}

/// What is wrong with this field.
fn mistake(fault: &Fault, name: &str) -> Option<String> {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    let found = fault.errors.iter().find(|error| {
        error.path.strip_prefix("/credentials/").or(error.path.strip_prefix("/fields/")) == Some(escaped.as_str())
    })?;
    Some(found.message.clone())
}

/// What went wrong, in the words of this page: a fault's own are for whoever calls the API.
fn problem_of(fault: &Fault, connector: &str) -> String {
    use crate::model::{Code, Culprit};
    match (fault.code, fault.culprit) {
        (Code::InvalidInput, Culprit::Caller) if !fault.errors.is_empty() => {
            "Nothing was stored yet: please look at what you filled in.".into()
        }
        (Code::InvalidInput, Culprit::Caller) => {
            format!("{connector} does not accept what you filled in. Nothing was stored: check it and try again.")
        }
        (Code::UpstreamError | Code::UpstreamTimeout | Code::RateLimited, _) => {
            format!("{connector} could not be asked just now. Nothing was stored: try again in a moment.")
        }
        _ => "It could not be connected. Nothing was stored: try again, or tell whoever sent you the link.".into(),
    }
}

/// The value of a form's field, of the first one with this name.
pub(super) fn field<'a>(body: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    url::form_urlencoded::parse(body).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// A time for machines and for people.
pub(super) fn times(at: Timestamp) -> (String, String) {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    (format!("{time:.0}"), time.strftime("%H:%M UTC on %-d %B %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Culprit, InputError};

    fn field(name: &str, secret: bool) -> Field {
        Field {
            name: name.into(),
            label: name.into(),
            hint: None,
            secret,
            required: true,
            pattern: None,
            default: None,
        }
    }

    #[test]
    fn a_form_is_read_by_its_fields_and_nothing_else() {
        let fields = [field("token", true), field("domain", false), field("form", false)];
        let body = b"form=t1&field.token=+a%26b+&field.domain=+acme+&field.other=x&domain=y&field.form=&field.";
        let sent = read(body, &fields);
        assert_eq!(sent.token, "t1");
        assert_eq!(sent.values.keys().collect::<Vec<_>>(), ["domain", "token"]);
        assert_eq!(sent.values["token"].len(), " a&b ".len(), "a secret is taken as it is");
        assert_eq!(sent.shown, BTreeMap::from([("domain".to_owned(), "acme".to_owned())]));
        assert!(read(b"\xff%ff&&==&a", &fields).values.is_empty());
    }

    #[test]
    fn mistakes_are_found_by_the_field_that_they_are_about() {
        let mut fault = Fault::new(Code::InvalidInput, Culprit::Caller, "");
        let error = |path: &str| InputError { path: path.into(), message: path.into() };
        fault.errors = vec![error("/credentials/a~1b"), error("/fields/c"), error("/other/d")];
        assert_eq!(mistake(&fault, "a/b").as_deref(), Some("/credentials/a~1b"));
        assert_eq!(mistake(&fault, "c").as_deref(), Some("/fields/c"));
        assert_eq!(mistake(&fault, "d"), None);
    }

    #[test]
    fn times_are_for_people_and_machines() {
        let (machine, people) = times(Timestamp(1_795_255_200_123));
        assert_eq!((machine.as_str(), people.as_str()), ("2026-11-21T10:00:00Z", "10:00 UTC on 21 November 2026"));
    }
}
