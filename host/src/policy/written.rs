//! Outcomes as they are written: in the database and on the wire.

use serde::{Deserialize, Serialize};

use super::rule::{Approver, Ask, At, Fallback, Outcome};

/// An outcome as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Allow {},
    Deny { reason: String },
    Ask(WrittenAsk),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAsk {
    /// `admin`, or the id or name of a key.
    #[serde(default = "admins")]
    approvers: Vec<String>,
    #[serde(default = "at_write")]
    at: String,
    #[serde(default = "a_day")]
    expires_after_ms: u64,
    #[serde(default = "yes")]
    each_write: bool,
}

fn admins() -> Vec<String> {
    vec![ADMIN.into()]
}

fn at_write() -> String {
    At::AtWrite.as_str().into()
}

fn a_day() -> u64 {
    24 * 60 * 60 * 1_000
}

fn yes() -> bool {
    true
}

const ADMIN: &str = "admin";

impl Outcome {
    /// JSON text: `{"outcome": "allow"}`, `{"outcome": "deny", "reason": …}` or `{"outcome": "ask", "approvers": …,
    /// "at": "before" | "at_write", "expires_after_ms": …, "each_write": …}`.
    pub fn to_json(&self) -> String {
        let written = match self {
            Self::Allow => Written::Allow {},
            Self::Deny { reason } => Written::Deny { reason: reason.clone() },
            Self::Ask(ask) => Written::Ask(WrittenAsk::of(ask)),
        };
        // Texts, numbers and lists of them: there is nothing that JSON could not hold.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads [`Outcome::to_json`] back. What an `ask` leaves out is as for tools that destroy: an administrator, at the
    /// first write, a day, each write anew.
    ///
    /// # Errors
    /// One sentence that says where it is not one. Limits are checked by [`Outcome::check`].
    pub fn from_json(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text).map_err(|error| error.to_string())? {
            Written::Allow {} => Ok(Self::Allow),
            Written::Deny { reason } => Ok(Self::Deny { reason }),
            Written::Ask(ask) => ask.read().map(Self::Ask),
        }
    }
}

impl Ask {
    /// JSON text of an ask alone.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&WrittenAsk::of(self)).unwrap_or_default()
    }

    /// Reads [`Ask::to_json`] back.
    ///
    /// # Errors
    /// One sentence that says where it is not one.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<WrittenAsk>(text).map_err(|error| error.to_string())?.read()
    }
}

impl Fallback {
    /// JSON text: an object with `read`, `write` and `destroy`.
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"read":{},"write":{},"destroy":{}}}"#,
            self.read.to_json(),
            self.write.to_json(),
            self.destroy.to_json()
        )
    }

    /// Reads [`Fallback::to_json`] back; what is left out is as in [`Fallback::standard`].
    ///
    /// # Errors
    /// One sentence that says where it is not one.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Three {
            read: Option<serde_json::Value>,
            write: Option<serde_json::Value>,
            destroy: Option<serde_json::Value>,
        }
        let three: Three = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let standard = Self::standard();
        let or = |value: Option<serde_json::Value>, standard: Outcome| match value {
            Some(value) => Outcome::from_json(&value.to_string()),
            None => Ok(standard),
        };
        Ok(Self {
            read: or(three.read, standard.read)?,
            write: or(three.write, standard.write)?,
            destroy: or(three.destroy, standard.destroy)?,
        })
    }
}

impl WrittenAsk {
    fn of(ask: &Ask) -> Self {
        let name = |approver: &Approver| match approver {
            Approver::Admin => ADMIN.to_owned(),
            Approver::Key(key) => key.clone(),
        };
        Self {
            approvers: ask.approvers.iter().map(name).collect(),
            at: ask.at.as_str().into(),
            expires_after_ms: ask.expires_after_ms,
            each_write: ask.each_write,
        }
    }

    fn read(self) -> Result<Ask, String> {
        let approver = |name: String| if name == ADMIN { Approver::Admin } else { Approver::Key(name) };
        Ok(Ask {
            approvers: self.approvers.into_iter().map(approver).collect(),
            at: At::parse(&self.at).ok_or("`at` must be before or at_write")?,
            expires_after_ms: self.expires_after_ms,
            each_write: self.each_write,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_read_back_and_others_do_not() {
        let ask = Ask {
            approvers: vec![Approver::Admin, Approver::Key("ops".into())],
            at: At::Before,
            expires_after_ms: 60_000,
            each_write: false,
        };
        for outcome in [Outcome::Allow, Outcome::Deny { reason: "no \"x\"".into() }, Outcome::Ask(ask)] {
            assert_eq!(Outcome::from_json(&outcome.to_json()), Ok(outcome));
        }
        let standard = Fallback::standard();
        assert_eq!(Fallback::from_json(&standard.to_json()), Ok(standard.clone()));
        assert_eq!(Fallback::from_json("{}"), Ok(standard.clone()));
        assert_eq!(Outcome::from_json(r#"{"outcome":"ask"}"#), Ok(standard.destroy));
        for text in [
            "",
            "{}",
            r#"{"outcome":"maybe"}"#,
            r#"{"outcome":"allow","reason":"x"}"#,
            r#"{"outcome":"deny"}"#,
            r#"{"outcome":"ask","at":"later"}"#,
            r#"{"outcome":"ask","expires_after_ms":-1}"#,
            r#"{"outcome":"ask","approver":"admin"}"#,
        ] {
            assert!(Outcome::from_json(text).is_err(), "{text}");
        }
        assert!(Fallback::from_json(r#"{"delete":{"outcome":"allow"}}"#).is_err());
    }
}
