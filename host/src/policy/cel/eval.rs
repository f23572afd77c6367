//! Evaluates a checked condition over the facts of a call, step by step, within a budget.

mod each;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::super::facts::Facts;
use super::super::limits::{REGEX_UNIT, SEARCH_UNIT, TEXT_UNIT};
use super::compare::{equal, order, spend, text_cost};
use super::kinds::Kinds;
use super::number::{Number, NumberError};
use super::plan::{Conversion, Fact, Part, Plan, Search};
use super::syntax::Operator;
use super::value::Value;
use super::{Failure, time};

/// Whether a condition holds.
pub(super) fn holds(plan: &Plan, facts: &Facts<'_>, budget: &mut u64) -> Result<bool, Failure> {
    Run { facts, budget, locals: Vec::new() }.truth(plan, "a condition")
}

struct Run<'a, 'b> {
    facts: &'a Facts<'a>,
    budget: &'b mut u64,
    locals: Vec<Value<'a>>,
}

impl<'a> Run<'a, '_> {
    fn value(&mut self, plan: &'a Plan) -> Result<Value<'a>, Failure> {
        self.spend(1)?;
        Ok(match plan {
            Plan::Null => Value::Null,
            Plan::Bool(truth) => Value::Bool(*truth),
            Plan::Number(Number::Long(text)) => Value::Number(Number::Long(Cow::Borrowed(text))),
            Plan::Number(number) => Value::Number(number.clone()),
            Plan::Text(text) => Value::Text(Cow::Borrowed(text)),
            Plan::Time(time) => Value::Time(*time),
            Plan::Duration(duration) => Value::Duration(*duration),
            Plan::Fact(fact) => return self.fact(*fact),
            Plan::Local(depth) => return self.local(*depth),
            Plan::List(parts) => {
                let items: Result<_, _> = parts.iter().map(|part| self.value(part)).collect();
                Value::List(Rc::new(items?))
            }
            Plan::Map(parts) => {
                let entries: Result<_, Failure> =
                    parts.iter().map(|(key, part)| Ok((key.as_str(), self.value(part)?))).collect();
                Value::Map(Rc::new(entries?))
            }
            Plan::Field(of, name) => return self.field(of, name),
            Plan::HasField(of, name) => Value::Bool(self.entries(of)?.entry(name).is_some()),
            Plan::Index(parts) => return self.index(&parts[0], &parts[1]),
            Plan::Not(part) => Value::Bool(!self.truth(part, "`!`")?),
            Plan::Negate(part) => return self.negated(part),
            Plan::Chain { decides, parts } => Value::Bool(self.chain(*decides, parts)?),
            Plan::Choose(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                let chosen = if self.truth(condition, "`?`")? { then } else { otherwise };
                return self.value(chosen);
            }
            Plan::Binary(operator, parts) => return self.binary(*operator, &parts[0], &parts[1]),
            Plan::Each(each) => return self.each(each),
            Plan::Size(of) => return self.size(of),
            Plan::Matches(of, regex, weight) => {
                let text = self.text(of, "`matches`")?;
                self.spend(1 + (text.len() / REGEX_UNIT).saturating_mul(*weight))?;
                Value::Bool(regex.is_match(&text))
            }
            Plan::Search(search, parts) => return self.search(*search, &parts[0], &parts[1]),
            Plan::Lower(of) => Value::Text(self.copied(of)?.to_ascii_lowercase().into()),
            Plan::Upper(of) => Value::Text(self.copied(of)?.to_ascii_uppercase().into()),
            Plan::Convert(conversion, of) => return self.converted(*conversion, of),
            Plan::Part(part, of, zone) => match (self.value(of)?, part) {
                (Value::Time(time), part) => Value::Number(time::part_of_time(*part, time, zone)),
                (Value::Duration(duration), part) if part.of_duration() => return part_of(*part, duration),
                (other, _) => return Err(wrong("a part of a time", Kinds::TIME, &other)),
            },
        })
    }

    fn fact(&self, fact: Fact) -> Result<Value<'a>, Failure> {
        let facts = self.facts;
        let text = match fact {
            Fact::Payload => return Value::of_json(facts.payload),
            Fact::Time => {
                return Timestamp::from_millisecond(facts.time.0).map(Value::Time).map_err(|_| Failure::Time);
            }
            Fact::Tool => Some(facts.tool),
            Fact::ActionType => Some(facts.action_type),
            Fact::Connector => facts.connector,
            Fact::Connection => facts.connection,
            Fact::Effect => Some(facts.effect.as_str()),
            Fact::CallerId => Some(facts.caller.id),
            Fact::CallerName => Some(facts.caller.name),
            Fact::CallerRole => Some(facts.caller.role.as_str()),
            Fact::Identifier => facts.identifier,
            Fact::Organization => facts.organization,
            Fact::ChatId => facts.chat_id,
            Fact::TriggerType => facts.trigger_type,
        };
        Ok(Value::of_text(text))
    }

    fn local(&mut self, depth: usize) -> Result<Value<'a>, Failure> {
        let Some(value) = self.locals.get(depth) else { return Ok(Value::Null) };
        if let Value::Text(Cow::Owned(text)) = value {
            spend(self.budget, text_cost(text.len()))?;
        }
        Ok(value.clone())
    }

    fn field(&mut self, of: &'a Plan, name: &str) -> Result<Value<'a>, Failure> {
        let value = self.entries(of)?.entry(name).ok_or_else(|| Failure::Missing { name: name.to_owned() })??;
        self.seen(value)
    }

    fn index(&mut self, of: &'a Plan, index: &'a Plan) -> Result<Value<'a>, Failure> {
        let (of, index) = (self.value(of)?, self.value(index)?);
        let found = match (of.kind(), &index) {
            (Kinds::LIST, Value::Number(number)) => {
                number.index()?.and_then(|position| of.item(position)).ok_or(Failure::Position)?
            }
            // The key may come from the payload: it is not repeated.
            (Kinds::MAP, Value::Text(key)) => {
                of.entry(key).ok_or_else(|| Failure::Missing { name: "[…]".to_owned() })?
            }
            (Kinds::LIST, _) => return Err(wrong("an index of a list", Kinds::NUMBER, &index)),
            (Kinds::MAP, _) => return Err(wrong("an index of a map", Kinds::TEXT, &index)),
            _ => return Err(wrong("`[…]`", Kinds::LIST.or(Kinds::MAP), &of)),
        };
        self.seen(found?)
    }

    fn negated(&mut self, part: &'a Plan) -> Result<Value<'a>, Failure> {
        Ok(match self.value(part)? {
            Value::Number(number) => {
                self.spend(text_cost(number.len()))?;
                Value::Number(number.negated()?)
            }
            Value::Duration(duration) => Value::Duration(duration.checked_neg().ok_or(Failure::Time)?),
            other => return Err(wrong("`-`", Kinds::NUMBER.or(Kinds::DURATION), &other)),
        })
    }

    /// `&&` and `||`, as CEL has them: one part that decides outweighs another's failure, whichever comes first.
    /// That a limit was reached is never outweighed.
    fn chain(&mut self, decides: bool, parts: &'a [Plan]) -> Result<bool, Failure> {
        let mut outcome = Ok(!decides);
        for part in parts {
            match self.truth(part, "`&&` and `||`") {
                Ok(truth) if truth == decides => return Ok(decides),
                Ok(_) => {}
                Err(Failure::Cost) => return Err(Failure::Cost),
                Err(failure) => outcome = outcome.and(Err(failure)),
            }
        }
        outcome
    }

    fn binary(&mut self, operator: Operator, a: &'a Plan, b: &'a Plan) -> Result<Value<'a>, Failure> {
        let (a, b) = (self.value(a)?, self.value(b)?);
        let truth = match operator {
            Operator::Equal => equal(self.budget, &a, &b)?,
            Operator::Differ => !equal(self.budget, &a, &b)?,
            Operator::Less => self.ordered(&a, &b)?.is_lt(),
            Operator::LessOrEqual => self.ordered(&a, &b)?.is_le(),
            Operator::More => self.ordered(&a, &b)?.is_gt(),
            Operator::MoreOrEqual => self.ordered(&a, &b)?.is_ge(),
            Operator::In => self.within(&a, b)?,
            _ => return self.arithmetic(operator, a, b),
        };
        Ok(Value::Bool(truth))
    }

    fn ordered(&mut self, a: &Value<'a>, b: &Value<'a>) -> Result<Ordering, Failure> {
        order(self.budget, a, b)?.ok_or_else(|| match a.kind() {
            kind @ (Kinds::NUMBER | Kinds::TEXT | Kinds::TIME | Kinds::DURATION) => wrong("a comparison", kind, b),
            _ => wrong("a comparison", Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::TIME).or(Kinds::DURATION), a),
        })
    }

    fn within(&mut self, a: &Value<'a>, b: Value<'a>) -> Result<bool, Failure> {
        match (b.kind(), a) {
            (Kinds::LIST, _) => {
                for item in b.into_items() {
                    if equal(self.budget, a, &item?)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Kinds::MAP, Value::Text(key)) => Ok(b.entry(key).is_some()),
            (Kinds::MAP, _) => Ok(false),
            _ => Err(wrong("`in`", Kinds::LIST.or(Kinds::MAP), &b)),
        }
    }

    fn arithmetic(&mut self, operator: Operator, a: Value<'a>, b: Value<'a>) -> Result<Value<'a>, Failure> {
        let overflow = |_| Failure::Time;
        Ok(match (operator, a, b) {
            (Operator::Plus, Value::Number(a), Value::Number(b)) => Value::Number(a.plus(&b)?),
            (Operator::Minus, Value::Number(a), Value::Number(b)) => Value::Number(a.plus(&b.negated()?)?),
            (Operator::Times, Value::Number(a), Value::Number(b)) => Value::Number(a.times(&b)?),
            (Operator::Plus, Value::Text(a), Value::Text(b)) => {
                self.spend(text_cost(a.len() + b.len()))?;
                Value::Text([a, b].concat().into())
            }
            (Operator::Plus, Value::Time(time), Value::Duration(by))
            | (Operator::Plus, Value::Duration(by), Value::Time(time)) => {
                Value::Time(time.checked_add(by).map_err(overflow)?)
            }
            (Operator::Minus, Value::Time(time), Value::Duration(by)) => {
                Value::Time(time.checked_sub(by).map_err(overflow)?)
            }
            (Operator::Minus, Value::Time(a), Value::Time(b)) => Value::Duration(a.duration_since(b)),
            (Operator::Plus, Value::Duration(a), Value::Duration(b)) => {
                Value::Duration(a.checked_add(b).ok_or(Failure::Time)?)
            }
            (Operator::Minus, Value::Duration(a), Value::Duration(b)) => {
                Value::Duration(a.checked_sub(b).ok_or(Failure::Time)?)
            }
            (_, a, b) => {
                return Err(if a.kind() == Kinds::NUMBER {
                    wrong("arithmetic on a number", Kinds::NUMBER, &b)
                } else {
                    wrong("arithmetic", Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::TIME).or(Kinds::DURATION), &a)
                });
            }
        })
    }

    fn size(&mut self, of: &'a Plan) -> Result<Value<'a>, Failure> {
        let of = self.value(of)?;
        let size = match &of {
            Value::Text(text) => {
                self.spend(text_cost(text.len()))?;
                text.chars().count()
            }
            holder if holder.kind().meet(Kinds::LIST.or(Kinds::MAP)) => holder.count(),
            other => return Err(wrong("`size`", Kinds::TEXT.or(Kinds::LIST).or(Kinds::MAP), other)),
        };
        Ok(Value::Number(Number::whole(i64::try_from(size).unwrap_or(i64::MAX))))
    }

    fn search(&mut self, search: Search, of: &'a Plan, part: &'a Plan) -> Result<Value<'a>, Failure> {
        let (text, part) = (self.text(of, "a search")?, self.text(part, "a search")?);
        let part = part.as_ref();
        let found = match search {
            Search::Contains => {
                self.spend(1 + text.len() / SEARCH_UNIT)?;
                text.contains(part)
            }
            Search::StartsWith | Search::EndsWith => {
                self.spend(text_cost(part.len().min(text.len())))?;
                if search == Search::StartsWith { text.starts_with(part) } else { text.ends_with(part) }
            }
        };
        Ok(Value::Bool(found))
    }

    fn converted(&mut self, conversion: Conversion, of: &'a Plan) -> Result<Value<'a>, Failure> {
        let value = self.value(of)?;
        self.spend(text_cost(value.len()))?;
        let wanted = match (conversion, value) {
            (Conversion::Number, number @ Value::Number(_)) => return Ok(number),
            (Conversion::Number | Conversion::Whole, Value::Text(text)) => {
                let number = Number::parse(&text)?.into_owned();
                return whole(conversion, number);
            }
            (Conversion::Whole, Value::Number(number)) => return whole(conversion, number),
            (Conversion::Text, text @ Value::Text(_)) => return Ok(text),
            (Conversion::Text, Value::Bool(truth)) => return Ok(Value::Text(truth.to_string().into())),
            (Conversion::Text, Value::Number(number)) => return Ok(Value::Text(number.written()?.into())),
            (Conversion::Time, time @ Value::Time(_)) => return Ok(time),
            (Conversion::Time, Value::Text(text)) => {
                let wanted = "a timestamp";
                return time::timestamp(&text).map(Value::Time).ok_or(Failure::Text { wanted });
            }
            (Conversion::Duration, duration @ Value::Duration(_)) => return Ok(duration),
            (Conversion::Duration, Value::Text(text)) => {
                let wanted = "a duration";
                return time::duration(&text).map(Value::Duration).ok_or(Failure::Text { wanted });
            }
            (Conversion::Text, other) => wrong("a conversion", Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), &other),
            (Conversion::Number | Conversion::Whole, other) => {
                wrong("a conversion", Kinds::TEXT.or(Kinds::NUMBER), &other)
            }
            (_, other) => wrong("a conversion", Kinds::TEXT, &other),
        };
        Err(wanted)
    }

    fn truth(&mut self, plan: &'a Plan, operation: &'static str) -> Result<bool, Failure> {
        match self.value(plan)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(wrong(operation, Kinds::BOOL, &other)),
        }
    }

    fn text(&mut self, plan: &'a Plan, operation: &'static str) -> Result<Cow<'a, str>, Failure> {
        match self.value(plan)? {
            Value::Text(text) => Ok(text),
            other => Err(wrong(operation, Kinds::TEXT, &other)),
        }
    }

    /// A text that is about to be copied.
    fn copied(&mut self, plan: &'a Plan) -> Result<Cow<'a, str>, Failure> {
        let text = self.text(plan, "a change of case")?;
        self.spend(text_cost(text.len()))?;
        Ok(text)
    }

    fn entries(&mut self, plan: &'a Plan) -> Result<Value<'a>, Failure> {
        match self.value(plan)? {
            map @ (Value::Map(_) | Value::JsonMap(_)) => Ok(map),
            other => Err(wrong("a field", Kinds::MAP, &other)),
        }
    }

    /// Counts what reading a value cost: numbers are read to their end, texts of a payload are not.
    fn seen(&mut self, value: Value<'a>) -> Result<Value<'a>, Failure> {
        let read = match &value {
            Value::Number(number) => number.len(),
            Value::Text(Cow::Owned(text)) => text.len(),
            _ => 0,
        };
        self.spend(1 + read / TEXT_UNIT)?;
        Ok(value)
    }

    fn spend(&mut self, cost: usize) -> Result<(), Failure> {
        spend(self.budget, cost)
    }
}

fn whole(conversion: Conversion, number: Number<'_>) -> Result<Value<'_>, Failure> {
    if conversion == Conversion::Whole && !number.is_whole() {
        return Err(NumberError::Fraction.into());
    }
    Ok(Value::Number(number))
}

fn part_of(part: Part, duration: SignedDuration) -> Result<Value<'static>, Failure> {
    time::part_of_duration(part, duration).map(Value::Number).ok_or(Failure::Time)
}

fn wrong(operation: &'static str, wanted: Kinds, found: &Value<'_>) -> Failure {
    Failure::Kind { operation, wanted: wanted.to_string(), found: found.kind().to_string() }
}
