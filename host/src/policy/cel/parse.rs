//! Reads a condition: tokens become a tree of bounded height.

use super::super::limits::{CONDITION_MAX, DEPTH_MAX};
use super::Problem;
use super::syntax::{Node, Operator, Syntax};
use super::token::{Kind, Token, tokens};

/// Reads the text of a condition.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > CONDITION_MAX {
        return Err(Problem::new(0, format!("the condition is longer than {CONDITION_MAX} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.kind() {
        Kind::End => Ok(node),
        Kind::Word(word) if word.eq_ignore_ascii_case("and") => Err(parser.unexpected("`&&`")),
        Kind::Word(word) if word.eq_ignore_ascii_case("or") => Err(parser.unexpected("`||`")),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    /// `a ? b : c`, or anything that binds tighter.
    fn expression(&mut self) -> Result<Node, Problem> {
        self.deeper(|parser| {
            let condition = parser.binary(1)?;
            let at = parser.at();
            if !parser.accept("?") {
                return Ok(condition);
            }
            let then = parser.binary(1)?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            node(at, Syntax::Choose(Box::new([condition, then, otherwise])))
        })
    }

    /// Operands between operators that bind at least so tightly.
    fn binary(&mut self, level: u8) -> Result<Node, Problem> {
        let mut left = self.unary()?;
        loop {
            let found = match self.kind() {
                Kind::Sign(sign) => Operator::read(sign),
                Kind::Word(word) => Operator::read(word),
                _ => None,
            };
            let Some((operator, tightness)) = found.filter(|(_, tightness)| *tightness >= level) else {
                return Ok(left);
            };
            let at = self.at();
            self.next += 1;
            let right = self.binary(tightness + 1)?;
            left = join(at, operator, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<Node, Problem> {
        let at = self.at();
        if self.accept("!") {
            let operand = self.deeper(Self::unary)?;
            return node(at, Syntax::Not(Box::new(operand)));
        }
        if self.accept("-") {
            if let Kind::Number(number) = self.kind() {
                let number = number.clone().negated().map_err(|error| Problem::new(at, error.to_string()))?;
                self.next += 1;
                let literal = node(at, Syntax::Number(number))?;
                return self.members(literal);
            }
            let operand = self.deeper(Self::unary)?;
            return node(at, Syntax::Negate(Box::new(operand)));
        }
        let primary = self.primary()?;
        self.members(primary)
    }

    /// What follows an operand: `.field`, `.method(…)` and `[index]`.
    fn members(&mut self, mut operand: Node) -> Result<Node, Problem> {
        loop {
            let mut at = self.at();
            let syntax = if self.accept(".") {
                at = self.at();
                let name = self.field_name()?;
                let target = Box::new(operand);
                if self.accept("(") {
                    let arguments = self.list(")")?;
                    operand = node(at, Syntax::Call { target: Some(target), name, arguments })?;
                    continue;
                }
                Syntax::Select(target, name)
            } else if self.accept("[") {
                let index = self.expression()?;
                self.expect("]")?;
                Syntax::Index(Box::new([operand, index]))
            } else {
                return Ok(operand);
            };
            operand = node(at, syntax)?;
        }
    }

    fn primary(&mut self) -> Result<Node, Problem> {
        let at = self.at();
        let syntax = match self.kind() {
            Kind::Number(number) => Syntax::Number(number.clone()),
            Kind::Text(text) => Syntax::Text(text.clone()),
            Kind::Word(word) if word == "true" => Syntax::Bool(true),
            Kind::Word(word) if word == "false" => Syntax::Bool(false),
            Kind::Word(word) if word == "null" => Syntax::Null,
            Kind::Word(word) if word == "in" => return Err(self.unexpected("an operand")),
            Kind::Word(word) => Syntax::Name(word.clone()),
            Kind::Sign("(") => {
                self.next += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Sign("[") => {
                self.next += 1;
                let items = self.list("]")?;
                return node(at, Syntax::List(items));
            }
            Kind::Sign("{") => {
                self.next += 1;
                let entries = self.entries()?;
                return node(at, Syntax::Map(entries));
            }
            _ => return Err(self.unexpected("an operand")),
        };
        self.next += 1;
        if let Syntax::Name(name) = &syntax
            && self.accept("(")
        {
            let name = name.clone();
            let arguments = self.list(")")?;
            return node(at, Syntax::Call { target: None, name, arguments });
        }
        node(at, syntax)
    }

    /// Expressions between commas, up to and with the closing sign. The last may have a comma behind it.
    fn list(&mut self, close: &'static str) -> Result<Vec<Node>, Problem> {
        let mut nodes = Vec::new();
        while !self.accept(close) {
            nodes.push(self.expression()?);
            if !self.accept(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(nodes)
    }

    fn entries(&mut self) -> Result<Vec<(Node, Node)>, Problem> {
        let mut entries = Vec::new();
        while !self.accept("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(entries)
    }

    fn field_name(&mut self) -> Result<String, Problem> {
        let Kind::Word(word) = self.kind() else { return Err(self.unexpected("the name of a field")) };
        let word = word.clone();
        self.next += 1;
        Ok(word)
    }

    /// Reads something a level deeper, if there may be one.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, Problem>) -> Result<Node, Problem> {
        if self.depth >= DEPTH_MAX {
            return Err(too_deep(self.at()));
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// The next token. The last one is never passed.
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.next).or(self.tokens.last())
    }

    fn kind(&self) -> &Kind {
        self.token().map_or(&Kind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.token().map_or(0, |token| token.at)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = matches!(self.kind(), Kind::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Problem> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        Problem::new(self.at(), format!("{} is here, where {wanted} is needed", self.kind().described()))
    }
}

/// An operation on two operands. Chains of `&&` and of `||` grow in width, not in height.
fn join(at: usize, operator: Operator, left: Node, right: Node) -> Result<Node, Problem> {
    if !matches!(operator, Operator::And | Operator::Or) {
        return node(at, Syntax::Binary(operator, Box::new([left, right])));
    }
    let parts = match left {
        Node { syntax: Syntax::Chain(same, mut parts), .. } if same == operator => {
            parts.push(right);
            parts
        }
        other => vec![other, right],
    };
    node(at, Syntax::Chain(operator, parts))
}

fn node(at: usize, syntax: Syntax) -> Result<Node, Problem> {
    let height = syntax.height();
    if height > DEPTH_MAX { Err(too_deep(at)) } else { Ok(Node { at, height, syntax }) }
}

fn too_deep(at: usize) -> Problem {
    Problem::new(at, format!("the condition is nested deeper than {DEPTH_MAX} levels"))
}
