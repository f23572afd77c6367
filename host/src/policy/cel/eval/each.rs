//! Macros: `all`, `exists`, `exists_one`, `filter` and `map`.

use std::rc::Rc;

use super::super::Failure;
use super::super::kinds::Kinds;
use super::super::plan::{Each, Macro, Plan};
use super::super::value::Value;
use super::{Run, wrong};

impl<'a> Run<'a, '_> {
    /// Runs the body for each item of a list, or each key of a map.
    pub(super) fn each(&mut self, each: &'a Each) -> Result<Value<'a>, Failure> {
        let range = self.value(&each.range)?;
        if !range.kind().meet(Kinds::LIST.or(Kinds::MAP)) {
            return Err(wrong("a macro", Kinds::LIST.or(Kinds::MAP), &range));
        }
        match each.which {
            Macro::All => self.quantified(range, false, &each.body),
            Macro::Exists => self.quantified(range, true, &each.body),
            Macro::Map => self.mapped(range, each),
            Macro::Filter => Ok(Value::List(Rc::new(self.filtered(range, &each.body)?))),
            Macro::ExistsOne => Ok(Value::Bool(self.filtered(range, &each.body)?.len() == 1)),
        }
    }

    /// `all` and `exists`: as [`Run::chain`] over the items.
    fn quantified(&mut self, range: Value<'a>, decides: bool, body: &'a Plan) -> Result<Value<'a>, Failure> {
        let mut outcome = Ok(Value::Bool(!decides));
        for item in range.into_items() {
            let item = self.seen(item?)?;
            match self.with_local(item, |run| run.truth(body, "a macro")).1 {
                Ok(truth) if truth == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(Failure::Cost) => return Err(Failure::Cost),
                Err(failure) => outcome = outcome.and(Err(failure)),
            }
        }
        outcome
    }

    fn filtered(&mut self, range: Value<'a>, body: &'a Plan) -> Result<Vec<Value<'a>>, Failure> {
        let mut found = Vec::new();
        for item in range.into_items() {
            let item = self.seen(item?)?;
            let (item, taken) = self.with_local(item, |run| run.truth(body, "a macro"));
            if taken? {
                found.extend(item);
            }
        }
        Ok(found)
    }

    fn mapped(&mut self, range: Value<'a>, each: &'a Each) -> Result<Value<'a>, Failure> {
        let mut found = Vec::new();
        for item in range.into_items() {
            let item = self.seen(item?)?;
            let (_, value) = self.with_local(item, |run| match &each.filter {
                Some(filter) if !run.truth(filter, "a macro")? => Ok(None),
                _ => run.value(&each.body).map(Some),
            });
            found.extend(value?);
        }
        Ok(Value::List(Rc::new(found)))
    }

    /// Runs something with one more variable, and gives the variable's value back.
    fn with_local<T>(&mut self, item: Value<'a>, run: impl FnOnce(&mut Self) -> T) -> (Option<Value<'a>>, T) {
        self.locals.push(item);
        let result = run(self);
        (self.locals.pop(), result)
    }
}
