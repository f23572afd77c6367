//! Checks a condition before it is stored, and turns it into a plan: whatever can never work is told with its place.

use super::Problem;
use super::calls::call;
use super::kinds::{Kinds, Type};
use super::plan::{Fact, Plan};
use super::syntax::{Node, Operator, Syntax};

/// A part of a plan and what it may be.
pub(super) type Checked = (Plan, Type);

/// Checks a condition.
pub(super) fn check(node: &Node) -> Result<Plan, Problem> {
    let (plan, its) = Checker { locals: Vec::new() }.part(node)?;
    if its.kinds.meet(Kinds::BOOL) {
        return Ok(plan);
    }
    Err(Problem::new(node.at, format!("a condition is true or false, and this is {}", its.kinds)))
}

/// The variables of the macros around a part.
pub(super) struct Checker<'n> {
    pub(super) locals: Vec<(&'n str, Type)>,
}

impl<'n> Checker<'n> {
    /// Checks a part of any type.
    pub(super) fn part(&mut self, node: &'n Node) -> Result<Checked, Problem> {
        match &node.syntax {
            Syntax::Null => Ok((Plan::Null, Type::of(Kinds::NULL))),
            Syntax::Bool(truth) => Ok((Plan::Bool(*truth), Type::of(Kinds::BOOL))),
            Syntax::Number(number) => Ok((Plan::Number(number.clone()), Type::of(Kinds::NUMBER))),
            Syntax::Text(text) => Ok((Plan::Text(text.clone()), Type::of(Kinds::TEXT))),
            Syntax::Name(name) => self.name(node.at, name),
            Syntax::List(items) => self.list(items),
            Syntax::Map(entries) => self.map(entries),
            Syntax::Select(of, field) => self.field(of, node.at, field),
            Syntax::Index(nodes) => self.index(node.at, &nodes[0], &nodes[1]),
            Syntax::Call { target, name, arguments } => call(self, node.at, target.as_deref(), name, arguments),
            Syntax::Not(operand) => {
                let operand = self.typed(operand, Kinds::BOOL, "`!`")?;
                Ok((Plan::Not(Box::new(operand)), Type::of(Kinds::BOOL)))
            }
            Syntax::Negate(operand) => {
                let (plan, its) = self.part(operand)?;
                let kinds = fit(operand.at, its, Kinds::NUMBER.or(Kinds::DURATION), "`-`")?;
                Ok((Plan::Negate(Box::new(plan)), Type::of(kinds)))
            }
            Syntax::Binary(operator, nodes) => self.binary(node.at, *operator, &nodes[0], &nodes[1]),
            Syntax::Chain(operator, nodes) => {
                let parts: Result<_, _> =
                    nodes.iter().map(|part| self.typed(part, Kinds::BOOL, "`&&` and `||`")).collect();
                Ok((Plan::Chain { decides: *operator == Operator::Or, parts: parts? }, Type::of(Kinds::BOOL)))
            }
            Syntax::Choose(nodes) => {
                let [condition, then, otherwise] = nodes.as_ref();
                let condition = self.typed(condition, Kinds::BOOL, "`?`")?;
                let (then, one) = self.part(then)?;
                let (otherwise, other) = self.part(otherwise)?;
                Ok((Plan::Choose(Box::new([condition, then, otherwise])), one.or(other)))
            }
        }
    }

    /// Checks a part that an operation needs to be of one of these kinds.
    pub(super) fn typed(&mut self, node: &'n Node, wanted: Kinds, operation: &str) -> Result<Plan, Problem> {
        let (plan, its) = self.part(node)?;
        fit(node.at, its, wanted, operation)?;
        Ok(plan)
    }

    fn name(&self, at: usize, name: &str) -> Result<Checked, Problem> {
        if let Some(depth) = self.locals.iter().rposition(|(local, _)| *local == name) {
            return Ok((Plan::Local(depth), self.locals[depth].1));
        }
        if let Some((_, fact)) = Fact::NAMED.iter().find(|(known, _)| *known == name) {
            return Ok((Plan::Fact(*fact), type_of(*fact)));
        }
        if name == "caller" {
            return Err(Problem::new(at, "`caller` is not a value: write `caller.id`, `caller.name` or `caller.role`"));
        }
        let known: Vec<_> = Fact::NAMED.iter().map(|(known, _)| *known).collect();
        let message = format!("there is no `{name}`: a rule knows caller, {}; texts stand in quotes", known.join(", "));
        Err(Problem::new(at, message))
    }

    fn list(&mut self, nodes: &'n [Node]) -> Result<Checked, Problem> {
        let mut items = Kinds::NONE;
        let mut plans = Vec::with_capacity(nodes.len());
        for node in nodes {
            let (plan, its) = self.part(node)?;
            items = items.or(its.kinds);
            plans.push(plan);
        }
        Ok((Plan::List(plans), Type { kinds: Kinds::LIST, items }))
    }

    fn map(&mut self, nodes: &'n [(Node, Node)]) -> Result<Checked, Problem> {
        let mut items = Kinds::NONE;
        let mut entries: Vec<(String, Plan)> = Vec::with_capacity(nodes.len());
        for (key, value) in nodes {
            let Syntax::Text(name) = &key.syntax else {
                return Err(Problem::new(key.at, "the keys of a map are texts in quotes"));
            };
            if entries.iter().any(|(known, _)| known == name) {
                return Err(Problem::new(key.at, "this key is there twice"));
            }
            let (plan, its) = self.part(value)?;
            items = items.or(its.kinds);
            entries.push((name.clone(), plan));
        }
        Ok((Plan::Map(entries), Type { kinds: Kinds::MAP, items }))
    }

    /// `of.field`, or a fact about the caller.
    fn field(&mut self, of: &'n Node, at: usize, field: &str) -> Result<Checked, Problem> {
        if let Syntax::Name(name) = &of.syntax
            && name == "caller"
            && !self.locals.iter().any(|(local, _)| local == name)
        {
            let fact = Fact::OF_CALLER.iter().find(|(known, _)| *known == field);
            let message = format!("there is no `caller.{field}`: there are `id`, `name` and `role`");
            let (_, fact) = fact.ok_or_else(|| Problem::new(at, message))?;
            return Ok((Plan::Fact(*fact), type_of(*fact)));
        }
        let (plan, its) = self.part(of)?;
        fit(at, its, Kinds::MAP, "a field")?;
        Ok((Plan::Field(Box::new(plan), field.to_owned()), its.item()))
    }

    fn index(&mut self, at: usize, of: &'n Node, index: &'n Node) -> Result<Checked, Problem> {
        let (of, its) = self.part(of)?;
        let kinds = fit(at, its, Kinds::LIST.or(Kinds::MAP), "`[…]`")?;
        let key = |holds, by| if kinds.meet(holds) { by } else { Kinds::NONE };
        let wanted = key(Kinds::LIST, Kinds::NUMBER).or(key(Kinds::MAP, Kinds::TEXT));
        let index = self.typed(index, wanted, "an index")?;
        Ok((Plan::Index(Box::new([of, index])), its.item()))
    }

    fn binary(&mut self, at: usize, operator: Operator, a: &'n Node, b: &'n Node) -> Result<Checked, Problem> {
        let ((left, one), (right, other)) = (self.part(a)?, self.part(b)?);
        words_fit(&left, b)?;
        words_fit(&right, a)?;
        let sign = format!("`{}`", operator.sign());
        let kinds = match operator {
            Operator::Equal | Operator::Differ => comparable(at, &sign, one.kinds, other.kinds)?,
            Operator::Less | Operator::LessOrEqual | Operator::More | Operator::MoreOrEqual => {
                let ordered = Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::TIME).or(Kinds::DURATION);
                let one = fit(a.at, one, ordered, &sign)?;
                let other = fit(b.at, other, ordered, &sign)?;
                comparable(at, &sign, one, other)?
            }
            Operator::In => {
                let holder = fit(b.at, other, Kinds::LIST.or(Kinds::MAP), &sign)?;
                let keys = if holder.meet(Kinds::MAP) { Kinds::TEXT } else { Kinds::NONE };
                let items = if holder.meet(Kinds::LIST) { other.items } else { Kinds::NONE };
                // Nothing is in an empty list, which is a pointless condition and not a wrong one.
                let nothing = items == Kinds::NONE && keys == Kinds::NONE;
                if nothing { Kinds::BOOL } else { comparable(at, &sign, one.kinds, items.or(keys))? }
            }
            Operator::Divide | Operator::Remainder => {
                let message = "there is no division, which is not exact: multiply the other side instead";
                return Err(Problem::new(at, message));
            }
            _ => arithmetic(operator, one.kinds, other.kinds).ok_or_else(|| {
                let message = format!("{sign} cannot be between {} and {}", one.kinds, other.kinds);
                Problem::new(at, message)
            })?,
        };
        let items = if kinds.meet(Kinds::LIST) { one.items.or(other.items) } else { Kinds::ANY };
        Ok((Plan::Binary(operator, Box::new([left, right])), Type { kinds, items }))
    }
}

/// The kinds that a part has and an operation takes.
pub(super) fn fit(at: usize, its: Type, wanted: Kinds, operation: &str) -> Result<Kinds, Problem> {
    if its.kinds.meet(wanted) {
        return Ok(its.kinds.and(wanted));
    }
    Err(Problem::new(at, format!("{operation} needs {wanted}, and this is {}", its.kinds)))
}

fn comparable(at: usize, sign: &str, one: Kinds, other: Kinds) -> Result<Kinds, Problem> {
    if one.meet(other) {
        return Ok(Kinds::BOOL);
    }
    Err(Problem::new(at, format!("{sign} is between {one} and {other}, which are never the same kind")))
}

/// What `+`, `-` and `*` may give, if anything.
fn arithmetic(operator: Operator, one: Kinds, other: Kinds) -> Option<Kinds> {
    const ROWS: [(Operator, Kinds, Kinds, Kinds); 9] = [
        (Operator::Plus, Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER),
        (Operator::Plus, Kinds::TEXT, Kinds::TEXT, Kinds::TEXT),
        (Operator::Plus, Kinds::TIME, Kinds::DURATION, Kinds::TIME),
        (Operator::Plus, Kinds::DURATION, Kinds::TIME.or(Kinds::DURATION), Kinds::TIME.or(Kinds::DURATION)),
        (Operator::Minus, Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER),
        (Operator::Minus, Kinds::TIME, Kinds::TIME, Kinds::DURATION),
        (Operator::Minus, Kinds::TIME, Kinds::DURATION, Kinds::TIME),
        (Operator::Minus, Kinds::DURATION, Kinds::DURATION, Kinds::DURATION),
        (Operator::Times, Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER),
    ];
    let rows = ROWS.iter().filter(|(each, a, b, _)| *each == operator && one.meet(*a) && other.meet(*b));
    rows.map(|(.., result)| *result).reduce(Kinds::or)
}

/// A fact that is one of a few words is never another: a rule with a misspelt word would be silent for ever.
fn words_fit(plan: &Plan, other: &Node) -> Result<(), Problem> {
    let Plan::Fact(fact) = plan else { return Ok(()) };
    let Some(words) = fact.words() else { return Ok(()) };
    let texts = match &other.syntax {
        Syntax::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(other),
    };
    for node in texts {
        if let Syntax::Text(text) = &node.syntax
            && !words.contains(&text.as_str())
        {
            return Err(Problem::new(node.at, format!("this is never {text:?}, only one of {}", words.join(", "))));
        }
    }
    Ok(())
}

fn type_of(fact: Fact) -> Type {
    match fact {
        Fact::Payload => Type::JSON,
        Fact::Time => Type::of(Kinds::TIME),
        Fact::Tool | Fact::ActionType | Fact::Effect | Fact::CallerId | Fact::CallerName | Fact::CallerRole => {
            Type::of(Kinds::TEXT)
        }
        Fact::Connector
        | Fact::Connection
        | Fact::Identifier
        | Fact::Organization
        | Fact::ChatId
        | Fact::TriggerType => Type::of(Kinds::TEXT.or(Kinds::NULL)),
    }
}
