//! Checks calls: the functions, methods and macros that a condition may use.

use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};

use super::super::limits::REGEX_SIZES;
use super::check::{Checked, Checker, fit};
use super::kinds::{Kinds, Type};
use super::plan::{Conversion, Each, Macro, Part, Plan, Search};
use super::syntax::{Node, Syntax};
use super::{Problem, time};

/// What to write instead of a regular expression that is too big.
const TOO_BIG: &str = r"it is too big; repeats of repeats are, and `\w` and `\d` hold all scripts: write `[0-9]`";

/// Checks a call of a function, a method of `target`, or a macro.
pub(super) fn call<'n>(
    checker: &mut Checker<'n>,
    at: usize,
    target: Option<&'n Node>,
    name: &str,
    arguments: &'n [Node],
) -> Result<Checked, Problem> {
    match (target, arguments) {
        (None, _) => function(checker, at, name, arguments),
        (Some(of), [variable, rest @ ..]) if macro_named(name).is_some() => each(checker, at, of, name, variable, rest),
        (Some(of), _) => method(checker, at, of, name, arguments),
    }
}

fn function<'n>(checker: &mut Checker<'n>, at: usize, name: &str, arguments: &'n [Node]) -> Result<Checked, Problem> {
    let [argument] = arguments else {
        let known =
            matches!(name, "has" | "size" | "dyn" | "int" | "uint" | "double" | "string" | "timestamp" | "duration");
        return Err(if known { arity(at, name, "one argument") } else { unknown_function(at, name) });
    };
    let number = Kinds::NUMBER.or(Kinds::TEXT);
    let (conversion, wanted, result) = match name {
        "has" => return has(checker, argument),
        "size" => return size(checker, argument),
        "dyn" => return checker.part(argument).map(|(plan, _)| (plan, Type::of(Kinds::ANY))),
        "double" => (Conversion::Number, number, Kinds::NUMBER),
        "int" | "uint" => (Conversion::Whole, number, Kinds::NUMBER),
        "string" => (Conversion::Text, number.or(Kinds::BOOL), Kinds::TEXT),
        "timestamp" => (Conversion::Time, Kinds::TEXT.or(Kinds::TIME), Kinds::TIME),
        "duration" => (Conversion::Duration, Kinds::TEXT.or(Kinds::DURATION), Kinds::DURATION),
        _ => return Err(unknown_function(at, name)),
    };
    if let Some(constant) = constant(conversion, argument)? {
        return Ok((constant, Type::of(result)));
    }
    let plan = checker.typed(argument, wanted, &format!("`{name}`"))?;
    Ok((Plan::Convert(conversion, Box::new(plan)), Type::of(result)))
}

/// A timestamp or duration that is written out is read at once.
fn constant(conversion: Conversion, argument: &Node) -> Result<Option<Plan>, Problem> {
    let Syntax::Text(text) = &argument.syntax else { return Ok(None) };
    let (plan, wanted) = match conversion {
        Conversion::Time => (time::timestamp(text).map(Plan::Time), "a timestamp such as 2026-01-31T08:00:00Z"),
        Conversion::Duration => (time::duration(text).map(Plan::Duration), "a duration such as 1h30m"),
        _ => return Ok(None),
    };
    plan.map(Some).ok_or_else(|| Problem::new(argument.at, format!("this is not {wanted}")))
}

fn has<'n>(checker: &mut Checker<'n>, argument: &'n Node) -> Result<Checked, Problem> {
    let (plan, _) = checker.part(argument)?;
    let Plan::Field(of, name) = plan else {
        return Err(Problem::new(argument.at, "`has` asks for a field, as in `has(payload.amount)`"));
    };
    Ok((Plan::HasField(of, name), Type::of(Kinds::BOOL)))
}

fn size<'n>(checker: &mut Checker<'n>, of: &'n Node) -> Result<Checked, Problem> {
    let plan = checker.typed(of, Kinds::TEXT.or(Kinds::LIST).or(Kinds::MAP), "`size`")?;
    Ok((Plan::Size(Box::new(plan)), Type::of(Kinds::NUMBER)))
}

fn method<'n>(
    checker: &mut Checker<'n>,
    at: usize,
    of: &'n Node,
    name: &str,
    arguments: &'n [Node],
) -> Result<Checked, Problem> {
    if let Some(part) = Part::read(name) {
        return time_part(checker, at, of, (name, part), arguments);
    }
    let quoted = format!("`{name}`");
    match (name, arguments) {
        ("size", []) => size(checker, of),
        ("lowerAscii" | "upperAscii", []) => {
            let text = Box::new(checker.typed(of, Kinds::TEXT, &quoted)?);
            let plan = if name == "lowerAscii" { Plan::Lower(text) } else { Plan::Upper(text) };
            Ok((plan, Type::of(Kinds::TEXT)))
        }
        ("matches", [pattern]) => {
            let text = Box::new(checker.typed(of, Kinds::TEXT, &quoted)?);
            let (regex, weight) = regex(pattern)?;
            Ok((Plan::Matches(text, regex, weight), Type::of(Kinds::BOOL)))
        }
        ("contains" | "startsWith" | "endsWith", [part]) => {
            let search = match name {
                "contains" => Search::Contains,
                "startsWith" => Search::StartsWith,
                _ => Search::EndsWith,
            };
            let text = checker.typed(of, Kinds::TEXT, &quoted)?;
            let part = checker.typed(part, Kinds::TEXT, &quoted)?;
            Ok((Plan::Search(search, Box::new([text, part])), Type::of(Kinds::BOOL)))
        }
        ("size" | "lowerAscii" | "upperAscii", _) => Err(arity(at, name, "no argument")),
        ("matches" | "contains" | "startsWith" | "endsWith", _) => Err(arity(at, name, "one argument")),
        ("all" | "exists" | "exists_one" | "filter" | "map", []) => Err(arity(at, name, "a variable and a condition")),
        _ => Err(unknown_function(at, name)),
    }
}

fn time_part<'n>(
    checker: &mut Checker<'n>,
    at: usize,
    of: &'n Node,
    (name, part): (&str, Part),
    arguments: &'n [Node],
) -> Result<Checked, Problem> {
    let (plan, its) = checker.part(of)?;
    let durations = if part.of_duration() && arguments.is_empty() { Kinds::DURATION } else { Kinds::NONE };
    fit(of.at, its, Kinds::TIME.or(durations), &format!("`{name}`"))?;
    let zone = match arguments {
        [] => TimeZone::UTC,
        [Node { at, syntax: Syntax::Text(zone), .. }] => time::zone(zone).ok_or_else(|| {
            Problem::new(*at, format!("{zone:?} is no time zone: write \"Europe/Berlin\" or \"+02:00\""))
        })?,
        [other] => return Err(Problem::new(other.at, "the time zone is a text in quotes")),
        _ => return Err(arity(at, name, "at most one argument, the time zone")),
    };
    Ok((Plan::Part(part, Box::new(plan), zone), Type::of(Kinds::NUMBER)))
}

/// `of.all(x, …)` and its like.
fn each<'n>(
    checker: &mut Checker<'n>,
    at: usize,
    of: &'n Node,
    name: &str,
    variable: &'n Node,
    rest: &'n [Node],
) -> Result<Checked, Problem> {
    let Some(which) = macro_named(name) else { return Err(unknown_function(at, name)) };
    let Syntax::Name(local) = &variable.syntax else {
        return Err(Problem::new(variable.at, "this is the name of a variable, as `x` in `list.all(x, x > 0)`"));
    };
    let (filter, body) = match rest {
        [body] => (None, body),
        [filter, body] if which == Macro::Map => (Some(filter), body),
        _ => return Err(arity(at, name, "a variable and a condition")),
    };
    let (range, its) = checker.part(of)?;
    let kinds = fit(of.at, its, Kinds::LIST.or(Kinds::MAP), &format!("`{name}`"))?;
    let item = match (kinds.meet(Kinds::LIST), kinds.meet(Kinds::MAP)) {
        (true, false) => its.item(),
        (false, _) => Type::of(Kinds::TEXT),
        (true, true) => its.item().or(Type::of(Kinds::TEXT)),
    };
    checker.locals.push((local, item));
    let checked = each_body(checker, which, name, filter, body);
    checker.locals.pop();
    let (filter, body, result) = checked?;
    let result = if which == Macro::Filter { Type { kinds: Kinds::LIST, items: item.kinds } } else { result };
    Ok((Plan::Each(Box::new(Each { which, range, filter, body })), result))
}

type Body = (Option<Plan>, Plan, Type);

fn each_body<'n>(
    checker: &mut Checker<'n>,
    which: Macro,
    name: &str,
    filter: Option<&'n Node>,
    body: &'n Node,
) -> Result<Body, Problem> {
    let quoted = format!("`{name}`");
    let filter = filter.map(|filter| checker.typed(filter, Kinds::BOOL, &quoted)).transpose()?;
    if which == Macro::Map {
        let (body, its) = checker.part(body)?;
        return Ok((filter, body, Type { kinds: Kinds::LIST, items: its.kinds }));
    }
    Ok((filter, checker.typed(body, Kinds::BOOL, &quoted)?, Type::of(Kinds::BOOL)))
}

fn macro_named(name: &str) -> Option<Macro> {
    Some(match name {
        "all" => Macro::All,
        "exists" => Macro::Exists,
        "exists_one" => Macro::ExistsOne,
        "filter" => Macro::Filter,
        "map" => Macro::Map,
        _ => return None,
    })
}

/// A regular expression is written out: then it is compiled once, and known to be one. It is matched in linear time.
fn regex(pattern: &Node) -> Result<(Regex, usize), Problem> {
    let Syntax::Text(text) = &pattern.syntax else {
        return Err(Problem::new(pattern.at, "a regular expression is a text in quotes"));
    };
    let mut reason = String::new();
    for (size, weight) in REGEX_SIZES {
        match RegexBuilder::new(text).size_limit(size).build() {
            Ok(regex) => return Ok((regex, weight)),
            Err(regex::Error::CompiledTooBig(_)) => reason = TOO_BIG.to_owned(),
            Err(error) => {
                // The last line says what is wrong; those before it draw the pattern.
                let error = error.to_string();
                reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                break;
            }
        }
    }
    Err(Problem::new(pattern.at, format!("not a regular expression: {reason}")))
}

fn arity(at: usize, name: &str, takes: &str) -> Problem {
    Problem::new(at, format!("`{name}` takes {takes}"))
}

fn unknown_function(at: usize, name: &str) -> Problem {
    Problem::new(at, format!("there is no function `{name}`"))
}
