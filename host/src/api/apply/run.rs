//! One application of files, thing by thing, within its transaction.

use std::collections::{BTreeSet, HashMap};

use super::current::{self, Current};
use super::fields::{different, hidden};
use super::prepare::Prepared;
use super::put::{self, Told};
use super::remove::remove;
use super::resources::{Key, Placed, refused};
use super::{Action, ChangeBody, InputError, Kind};
use crate::api::{ApiState, Problem};
use crate::identity;
use crate::model::Caller;
use crate::store::{AppliedRow, Joint};

/// What is under way.
pub(super) struct Run {
    state: ApiState,
    caller: Caller,
    joint: Joint,
    set: String,
    /// What was made of files before, by kind and what it is called.
    made: HashMap<(String, String), AppliedRow>,
    named: BTreeSet<(Kind, String)>,
    changes: Vec<ChangeBody>,
    /// Names of connectors that are not what they were.
    connectors: Vec<String>,
    /// Whether there is anything to keep.
    is_different: bool,
}

/// What came of it.
pub(super) struct Done {
    /// To be committed, or not.
    pub(super) joint: Joint,
    /// What was done.
    pub(super) changes: Vec<ChangeBody>,
    /// Names of connectors that are not what they were.
    pub(super) connectors: Vec<String>,
    /// Whether there is anything to keep.
    pub(super) is_different: bool,
}

impl Run {
    /// Begins, with the state within the transaction.
    pub(super) async fn new(state: ApiState, caller: Caller, joint: Joint, set: String) -> Result<Self, Problem> {
        let made = state.host.store.applied(&caller.project).await?;
        let made = made.into_iter().map(|row| ((row.kind.clone(), row.name.clone()), row)).collect();
        let (named, changes, connectors) = Default::default();
        Ok(Self { state, caller, joint, set, made, named, changes, connectors, is_different: false })
    }

    /// Does all of it.
    pub(super) async fn go(
        &mut self,
        placed: Vec<Placed>,
        prepared: HashMap<String, Prepared>,
        prune: bool,
    ) -> Result<(), Problem> {
        self.put_all(placed, prepared).await?;
        if prune { self.prune().await } else { Ok(()) }
    }

    /// Makes all things as they are written. All mistakes in things of one kind are told at once; those of the next ones
    /// could come of them.
    async fn put_all(&mut self, placed: Vec<Placed>, mut prepared: HashMap<String, Prepared>) -> Result<(), Problem> {
        let mut errors: Vec<InputError> = Vec::new();
        let mut kind = None;
        for one in placed {
            if kind != Some(one.key.kind) && !errors.is_empty() {
                break;
            }
            kind = Some(one.key.kind);
            let (place, members) = (one.place.clone(), one.key.kind.told_members());
            let ready = prepared.remove(&place);
            match self.put(one, ready).await {
                Ok(()) => {}
                Err(problem) if problem.is_hosts_own() => return Err(problem),
                Err(problem) => errors.extend(problem.within(&place, members)),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(refused(errors)) }
    }

    /// Removes what this set of files made before and no longer names, the last kind first.
    async fn prune(&mut self) -> Result<(), Problem> {
        let mut rows: Vec<(Kind, AppliedRow)> = self
            .made
            .values()
            .filter(|row| row.file_set == self.set)
            .filter_map(|row| Some((Kind::parse(&row.kind)?, row.clone())))
            .filter(|(kind, row)| !self.named.contains(&(*kind, row.name.clone())))
            .collect();
        rows.sort_by(|(one, a), (other, b)| (other, &a.name).cmp(&(one, &b.name)));
        let mut errors = Vec::new();
        for (kind, row) in rows {
            let key = Key::read(kind, &row.name);
            match self.remove(key.clone(), &row).await {
                Ok(()) => {}
                Err(problem) if problem.is_hosts_own() || problem.status() == 403 => return Err(problem),
                Err(problem) => errors.extend(problem.within("", &[]).into_iter().map(|error| {
                    let message = format!("{} `{}` is no longer named: {}", kind.as_str(), key.told(), error.message);
                    InputError { path: String::new(), message }
                })),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(refused(errors)) }
    }

    /// What came of it.
    pub(super) fn done(self) -> Done {
        let Self { joint, changes, connectors, is_different, .. } = self;
        Done { joint, changes, connectors, is_different }
    }

    async fn put(&mut self, one: Placed, prepared: Option<Prepared>) -> Result<(), Problem> {
        let Placed { key, resource, .. } = one;
        self.named.insert((key.kind, key.called()));
        let profile = resource.brings_profile().then(|| Key::named(Kind::Profile, &key.name));
        let profile = match profile {
            Some(profile) => Some((self.find(&profile).await?, profile)),
            None => None,
        };
        let before = self.find(&key).await?;
        self.joint.mark().await?;
        let told = match put::put(&self.state, &self.caller, resource, prepared).await {
            Ok(told) => told,
            Err(problem) => {
                self.joint.undo().await?;
                return Err(problem);
            }
        };
        let after = self.find(&key).await?;
        if before == after {
            // What was written says the same: then it was not written.
            self.joint.undo().await?;
        } else {
            self.joint.keep().await?;
            self.is_different = true;
        }
        let Some(after) = after else { return Err(Problem::conflict("somebody else removed it at the same time")) };
        self.note(&key, before.as_ref(), &after).await?;
        if let Some((before, key)) = profile {
            self.named.insert((key.kind, key.called()));
            if let Some(after) = self.find(&key).await? {
                self.note(&key, before.as_ref(), &after).await?;
            }
        }
        self.tell(&key, before.as_ref(), &after, told);
        Ok(())
    }

    /// Writes down what was made, and whose it is from now on.
    async fn note(&mut self, key: &Key, before: Option<&Current>, after: &Current) -> Result<(), Problem> {
        let known = self.made.get(&(key.kind.as_str().to_owned(), key.called()));
        let is_ours = known.is_some_and(|row| before.is_some_and(|before| before.id == row.made));
        let is_in_this_set = known.is_some_and(|row| row.file_set == self.set);
        // What there is one of is always there: nobody makes it, and nothing removes it.
        let is_made = key.kind != Kind::PolicyDefaults;
        if !is_made || before.is_some() && (!is_ours || is_in_this_set) {
            return Ok(());
        }
        let row = AppliedRow {
            project: self.caller.project.clone(),
            file_set: self.set.clone(),
            kind: key.kind.as_str().to_owned(),
            name: key.called(),
            made: after.id.clone(),
            applied_at: self.state.host.clock.now(),
        };
        self.is_different = true;
        Ok(self.state.host.store.put_applied(&row).await?)
    }

    fn tell(&mut self, key: &Key, before: Option<&Current>, after: &Current, told: Told) {
        let action = match before {
            None => Action::Create,
            Some(before) if before == after => Action::Unchanged,
            Some(_) => Action::Change,
        };
        let nothing = serde_json::Value::Null;
        let mut fields = different(before.map_or(&nothing, |before| &before.value), &after.value);
        if key.kind == Kind::Connection && before.is_some_and(|before| before.hidden != after.hidden) {
            fields.push(hidden("/oauth/client_secret"));
        }
        if key.kind == Kind::Connector && action != Action::Unchanged {
            self.connectors.push(key.name.clone());
        }
        let Told { notes, secret } = told;
        self.changes.push(ChangeBody { kind: key.kind.as_str(), name: key.told(), action, fields, notes, secret });
    }

    async fn remove(&mut self, key: Key, row: &AppliedRow) -> Result<(), Problem> {
        let found = self.find(&key).await?.filter(|found| found.id == row.made);
        let Some(found) = found else {
            // Somebody else removed it, and may have made another one.
            self.is_different = true;
            return Ok(self.state.host.store.delete_applied(row).await?);
        };
        identity::require(&self.caller, key.kind.read())?;
        identity::require(&self.caller, key.kind.write())?;
        self.joint.mark().await?;
        if let Err(problem) = remove(&self.state, &self.caller, &key, &found).await {
            self.joint.undo().await?;
            return Err(problem);
        }
        self.state.host.store.delete_applied(row).await?;
        self.joint.keep().await?;
        self.is_different = true;
        if key.kind == Kind::Connector {
            self.connectors.push(key.name.clone());
        }
        let (kind, name) = (key.kind.as_str(), key.told());
        let (fields, notes) = Default::default();
        self.changes.push(ChangeBody { kind, name, action: Action::Remove, fields, notes, secret: None });
        Ok(())
    }

    async fn find(&self, key: &Key) -> Result<Option<Current>, Problem> {
        current::find(&self.state, &self.caller.project, key).await
    }
}
