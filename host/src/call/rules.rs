//! A project's policies as operators handle them: checked when they are stored, and tried without running anything.

use std::sync::Arc;

use super::verdict::{compile, rules};
use super::{Host, custom, faults};
use crate::model::{Caller, Code, Culprit, Effect, Fault, InputError, PolicyId, ProjectId};
use crate::policy::{CallerFacts, Facts, Fallback, Outcome, Rule, RuleError, Rules, Tried, explain};
use crate::store::PolicyRow;

/// What policies say of a call.
#[derive(Clone, Debug)]
pub struct Opinion {
    /// JSON text of the outcome.
    pub outcome: String,
    /// The rule that decided; `None` if it was the outcome for the tool's effect.
    pub rule: Option<PolicyId>,
    /// Why, in words.
    pub why: String,
    /// Each rule up to the one that decided.
    pub tried: Vec<TriedRule>,
}

/// What a rule said.
#[derive(Clone, Debug)]
pub struct TriedRule {
    /// Which; `None` if it is not stored.
    pub rule: Option<PolicyId>,
    /// Whether its condition holds; `None` if that cannot be said.
    pub held: Option<bool>,
    /// Why it cannot be said.
    pub error: Option<String>,
    /// Steps that it took.
    pub cost: u64,
}

/// Checks a rule before it is stored; gives its outcome as it is to be stored.
pub fn check_rule(id: &PolicyId, name: &str, condition: &str, outcome: &str) -> Result<String, Fault> {
    let outcome = Outcome::from_json(outcome).map_err(|error| invalid("/outcome", error))?;
    let stored = outcome.to_json();
    match Rule::new(id.clone(), name, condition, outcome) {
        Ok(_) => Ok(stored),
        Err(error @ RuleError::Condition(_)) => Err(invalid("/condition", error.to_string())),
        Err(error @ RuleError::Name) => Err(invalid("/name", error.to_string())),
        Err(error) => Err(invalid("/outcome", error.to_string())),
    }
}

/// Checks the outcomes where no rule holds before they are stored; gives them as they are to be stored. `None` gives
/// those that hold until an operator sets others.
pub fn check_fallback(fallback: Option<&str>) -> Result<String, Fault> {
    let Some(text) = fallback else { return Ok(Fallback::standard().to_json()) };
    let fallback = Fallback::from_json(text).map_err(|error| invalid("", error))?;
    for (path, outcome) in [("/read", &fallback.read), ("/write", &fallback.write), ("/destroy", &fallback.destroy)] {
        outcome.check().map_err(|error| invalid(path, error.to_string()))?;
    }
    Ok(fallback.to_json())
}

fn invalid(path: &str, message: String) -> Fault {
    let errors = vec![InputError { path: path.into(), message }];
    Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, "this is not a policy") }
}

/// Rules and outcomes that are only thought of, in place of the stored ones.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    rules: Option<Vec<PolicyRow>>,
    fallback: Option<String>,
}

/// A rule that is only thought of.
#[derive(Clone, Copy, Debug)]
pub struct DraftRule<'a> {
    /// For people.
    pub name: &'a str,
    /// CEL.
    pub condition: &'a str,
    /// JSON text.
    pub outcome: &'a str,
}

impl Draft {
    /// Checks rules, tried in their order, and the outcomes where none holds (JSON text). What is `None` is as it is
    /// stored.
    pub fn checked(
        host: &Host,
        project: &ProjectId,
        rules: Option<&[DraftRule<'_>]>,
        fallback: Option<&str>,
    ) -> Result<Self, Fault> {
        let row = |(at, rule): (usize, &DraftRule<'_>)| {
            let id = PolicyId::new(&host.clock, &host.random);
            let outcome = check_rule(&id, rule.name, rule.condition, rule.outcome)
                .map_err(|fault| below(&format!("/rules/{at}"), fault))?;
            let now = host.clock.now();
            Ok::<_, Fault>(PolicyRow {
                id,
                project: project.clone(),
                position: i64::try_from(at).unwrap_or(i64::MAX),
                name: rule.name.to_owned(),
                condition: rule.condition.to_owned(),
                outcome,
                created_at: now,
                updated_at: now,
            })
        };
        let rules = rules.map(|rules| rules.iter().enumerate().map(row).collect()).transpose()?;
        let checked = |text| check_fallback(Some(text)).map_err(|fault| below("/defaults", fault));
        Ok(Self { rules, fallback: fallback.map(checked).transpose()? })
    }

    /// Whether a rule is one of these, and so is stored nowhere.
    pub(super) fn holds(&self, rule: &PolicyId) -> bool {
        self.rules.iter().flatten().any(|row| row.id == *rule)
    }

    /// All that holds of a call: these in place of the stored ones.
    pub(super) async fn rules(&self, host: &Host, project: &ProjectId) -> Result<Arc<Rules>, Fault> {
        if self.rules.is_none() && self.fallback.is_none() {
            return rules(host, project).await;
        }
        let mut set = host.store.policies(project).await.map_err(faults::store)?;
        if let Some(rules) = &self.rules {
            set.rules.clone_from(rules);
        }
        if let Some(fallback) = &self.fallback {
            set.fallback = Some(fallback.clone());
        }
        compile(set).map(Arc::new).map_err(|reason| invalid("", reason))
    }
}

fn below(path: &str, mut fault: Fault) -> Fault {
    for error in &mut fault.errors {
        error.path.insert_str(0, path);
    }
    fault
}

/// A call that is only thought of.
#[derive(Clone, Debug)]
pub struct Supposed {
    /// Name or alias of a tool, or an action type that no tool has.
    pub tool: String,
    /// Name of the connection.
    pub connection: Option<String>,
    /// As which user.
    pub identifier: Option<String>,
    /// The user's organization.
    pub organization: Option<String>,
    /// JSON.
    pub input: serde_json::Value,
    /// The conversation.
    pub chat_id: Option<String>,
    /// What set it off.
    pub trigger_type: Option<String>,
}

/// What policies would say of a call, and what each rule said up to the one that decided. Nothing runs and nothing is
/// recorded.
pub async fn suppose(host: &Host, caller: &Caller, supposed: &Supposed, draft: &Draft) -> Result<Opinion, Fault> {
    let found = host.catalog.tool(&caller.project, &supposed.tool);
    if found.is_none() && !custom::is_action_type(&supposed.tool) {
        let detail = format!("there is no tool `{}`", faults::quoted(&supposed.tool));
        return Err(Fault::new(Code::NotFound, Culprit::Caller, detail));
    }
    // What no tool has is an action type, which writes as far as anybody knows.
    let tool = found.as_ref().map(|(installed, tool)| &installed.tools[*tool].tool);
    let facts = Facts {
        tool: tool.map_or(&supposed.tool, |tool| &tool.name),
        action_type: &supposed.tool,
        connector: found.as_ref().map(|(installed, _)| installed.connector.name.as_str()),
        connection: supposed.connection.as_deref(),
        effect: tool.map_or(Effect::Write, |tool| tool.effect),
        caller: CallerFacts { id: caller.key.as_str(), name: &caller.name, role: caller.role },
        identifier: supposed.identifier.as_deref(),
        organization: supposed.organization.as_deref(),
        payload: &supposed.input,
        chat_id: supposed.chat_id.as_deref(),
        trigger_type: supposed.trigger_type.as_deref(),
        time: host.clock.now(),
    };
    let (decision, tried) = explain(&*draft.rules(host, &caller.project).await?, &facts);
    let tried = tried.into_iter().map(|Tried { rule, held, cost }| TriedRule {
        rule: Some(rule).filter(|rule| !draft.holds(rule)),
        held: held.as_ref().ok().copied(),
        error: held.err().map(|failure| failure.to_string()),
        cost,
    });
    Ok(Opinion {
        outcome: decision.outcome.to_json(),
        rule: decision.rule.filter(|rule| !draft.holds(rule)),
        why: decision.why.to_string(),
        tried: tried.collect(),
    })
}
