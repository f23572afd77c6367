//! The words and signs of a condition, with their places.

use super::Problem;
use super::number::Number;

/// A word, a sign or a literal.
#[derive(Debug)]
pub(super) struct Token {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Debug)]
pub(super) enum Kind {
    Number(Number<'static>),
    Text(String),
    Word(String),
    Sign(&'static str),
    End,
}

/// Signs, the longer first.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}",
];

/// Splits a condition up. The last token is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut reader = Reader { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blank();
        let at = reader.at;
        let kind = reader.token()?;
        let last = matches!(kind, Kind::End);
        tokens.push(Token { at, kind });
        if last {
            return Ok(tokens);
        }
    }
}

impl Kind {
    /// For an error: what was found.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Number(_) => "a number".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Word(word) => format!("`{word}`"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !test(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Kind, Problem> {
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '"' || first == '\'' {
            return self.text_literal(false);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return self.word();
        }
        for sign in SIGNS {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(Kind::Sign(sign));
            }
        }
        let message = match first {
            '=' => "`=` is no operator here: write `==`".to_owned(),
            '&' => "`&` is no operator here: write `&&`".to_owned(),
            '|' => "`|` is no operator here: write `||`".to_owned(),
            other => format!("{other:?} means nothing here"),
        };
        Err(Problem::new(self.at, message))
    }

    fn word(&mut self) -> Result<Kind, Problem> {
        let at = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if matches!(self.peek(), Some('"' | '\'')) {
            return match word {
                "r" | "R" => self.text_literal(true),
                "b" | "B" | "rb" | "br" | "Rb" | "bR" | "rB" | "Br" | "RB" | "BR" => {
                    Err(Problem::new(at, "bytes are not offered: payloads are JSON and have none"))
                }
                _ => Err(Problem::new(self.at, "an operator is missing before this text")),
            };
        }
        Ok(Kind::Word(word.to_owned()))
    }

    fn number(&mut self) -> Result<Kind, Problem> {
        let at = self.at;
        let hexadecimal = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        let number = if hexadecimal {
            self.at += 2;
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            i128::from_str_radix(digits, 16)
                .map(|coefficient| Number::Short { coefficient, exponent: 0 })
                .map_err(|_| Problem::new(at, "not a hexadecimal number of at most 31 digits"))?
        } else {
            self.decimal();
            Number::parse(&self.text[at..self.at]).map_err(|error| Problem::new(at, error.to_string()))?.into_owned()
        };
        let whole = hexadecimal || !self.text[at..self.at].contains(['.', 'e', 'E']);
        if whole && matches!(self.peek(), Some('u' | 'U')) {
            self.at += 1;
        }
        if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return Err(Problem::new(self.at, "a number ends here, and something else follows at once"));
        }
        Ok(Kind::Number(number))
    }

    /// Moves behind a decimal number. A point that no digit follows belongs to what comes next.
    fn decimal(&mut self) {
        let digit = |c: char| c.is_ascii_digit();
        self.take_while(digit);
        let mut ahead = self.rest().chars();
        if ahead.next() == Some('.') && ahead.next().is_some_and(digit) {
            self.at += 1;
            self.take_while(digit);
        }
        let rest = self.rest();
        let Some(power) = rest.strip_prefix(['e', 'E']) else { return };
        let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        if digits.starts_with(digit) {
            self.at += rest.len() - digits.len();
            self.take_while(digit);
        }
    }

    fn text_literal(&mut self, raw: bool) -> Result<Kind, Problem> {
        let start = self.at;
        let quote = &self.rest()[..1];
        let long = quote.repeat(3);
        let multiline = self.rest().starts_with(&long);
        let end = if multiline { long.as_str() } else { quote };
        self.at += end.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(end) {
                self.at += end.len();
                return Ok(Kind::Text(text));
            }
            match self.peek() {
                None => return Err(Problem::new(start, "this text has no end")),
                Some('\n' | '\r') if !multiline => return Err(Problem::new(start, "this text has no end on its line")),
                Some('\\') if !raw => text.push(self.escape()?),
                Some(c) => {
                    self.at += c.len_utf8();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let at = self.at;
        self.at += 1;
        let wrong = || Problem::new(at, "not an escape: write `\\\\` for a backslash, or a raw text r\"…\"");
        let kind = self.peek().ok_or_else(wrong)?;
        let (digits, radix) = match kind {
            'x' | 'X' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='3' => (3, 8),
            _ => {
                self.at += kind.len_utf8();
                return plain_escape(kind).ok_or_else(wrong);
            }
        };
        if radix == 16 {
            self.at += 1;
        }
        let code = self.rest().get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u32::from_str_radix(code, radix).ok()).ok_or_else(wrong)?;
        self.at += digits;
        char::from_u32(code).ok_or_else(wrong)
    }
}

fn plain_escape(kind: char) -> Option<char> {
    Some(match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' => kind,
        _ => return None,
    })
}
