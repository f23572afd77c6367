//! The fields of a call's account: public ones as they are, sealed ones opened one by one.

use super::signed;
use crate::call::resolve::Resolved;
use crate::call::{Host, faults};
use crate::egress::{Text, Values};
use crate::model::{AuthKind, AuthPattern, Code, Culprit, Fault, Secret, TextTemplate};
use crate::oauth::ACCESS_TOKEN;
use crate::store::CallContext;
use crate::vault::Binding;

/// The fields of one account, by the pattern that they belong to.
pub(super) struct Fields<'a> {
    pub(super) host: &'a Host,
    pub(super) resolved: &'a Resolved,
    pub(super) pattern: &'a AuthPattern,
}

impl Fields<'_> {
    /// A field's value: opened if it was sealed or a named secret fills it, or the public one.
    pub(super) fn open(&self, field: &str) -> Result<Secret, Fault> {
        // An optional field that was left empty is an empty value, as in a form.
        Ok(self.sealed(field)?.unwrap_or_else(|| Secret::new(self.public(field))))
    }

    /// A public field's value, or nothing.
    pub(super) fn public(&self, field: &str) -> String {
        self.resolved.context.account.fields.get(field).cloned().unwrap_or_default()
    }

    /// A field's value as what it is. The token of a pattern in which the host signs is signed here.
    pub(super) fn text(&self, field: &str) -> Result<Text, Fault> {
        if let (ACCESS_TOKEN, AuthKind::SignedJwt(jwt)) = (field, &self.pattern.kind) {
            return signed::token(self, jwt).map(Text::Secret);
        }
        Ok(self.sealed(field)?.map_or_else(|| Text::Public(self.public(field)), Text::Secret))
    }

    /// The values of several fields.
    pub(super) fn values<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<Values, Fault> {
        names.map(|name| Ok((name.to_owned(), self.text(name)?))).collect()
    }

    /// A template over public fields, filled in.
    pub(super) fn rendered(&self, template: &str) -> Result<String, Fault> {
        let template = TextTemplate::parse(template).map_err(|error| stale(error.to_string()))?;
        let text = template.render(|name, into| {
            into.push_str(&self.public(name));
            Ok::<_, Fault>(())
        })?;
        Ok(text.to_string())
    }

    fn sealed(&self, field: &str) -> Result<Option<Secret>, Fault> {
        let (vault, resolved) = (&self.host.vault, self.resolved);
        let CallContext { account, sealed, .. } = &*resolved.context;
        if let Some(sealed) = sealed.get(field) {
            let hosts = account.hosts_of(field);
            let binding = Binding { project: &account.project, owner: account.id.as_str(), field, hosts };
            return vault.open(&binding, sealed).map(Some).map_err(|error| faults::vault(&error));
        }
        resolved.secrets.open(vault, field, &account.hosts).transpose()
    }
}

pub(super) fn stale(reason: String) -> Fault {
    Fault::new(Code::AccountNotActive, Culprit::Caller, format!("{reason}: connect the account again"))
}
