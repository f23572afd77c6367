//! Texts within what a schema allows, of a form that fits their format, pattern or name.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::conjunction::Conjunction;
use super::draw::Draw;

/// Characters of one text. What must be longer is refused: nobody reads it.
const MAX_TEXT: usize = 4_000;

/// Values that are looked for in one description.
const MAX_QUOTED: usize = 16;

/// Bytes of what a value begins with, such as `cus_`.
const MAX_BEGINNING: usize = 32;

/// Times that something of a pattern is repeated which may be repeated for ever.
const REPEATED: u32 = 8;

/// A text; `None` if none is found.
pub(super) fn made(all: &Conjunction<'_>, name: &str, draw: &mut Draw) -> Option<String> {
    let (least, most) = (all.at_least("minLength"), all.at_most("maxLength"));
    if least > MAX_TEXT || least > most {
        return None;
    }
    if let Some(pattern) = all.said("pattern").find_map(serde_json::Value::as_str) {
        return matching(pattern, draw).map(|text| lengthened(text, least, draw));
    }
    let format = all.said("format").find_map(serde_json::Value::as_str);
    let text = format.and_then(|format| formatted(format, name, draw));
    let text = text.or_else(|| described(all, draw)).unwrap_or_else(|| named(name, draw));
    let length = text.chars().count();
    if length > most {
        return Some(text.chars().take(most).collect());
    }
    Some(lengthened(text, least, draw))
}

fn lengthened(mut text: String, least: usize, draw: &mut Draw) -> String {
    let length = text.chars().count();
    if length < least {
        text.push_str(&draw.hex(least - length));
    }
    text
}

/// A text of a format; `None` of those that nobody knows.
fn formatted(format: &str, name: &str, draw: &mut Draw) -> Option<String> {
    Some(match format {
        "date-time" => format!("{}T{}", date(draw), time(draw)),
        "date" => date(draw),
        "time" => time(draw),
        "duration" => format!("PT{}M", draw.below(59) + 1),
        "email" | "idn-email" => format!("ada.{}@example.com", draw.hex(4)),
        "hostname" | "idn-hostname" => "www.example.com".into(),
        "ipv4" => format!("192.0.2.{}", draw.below(254) + 1),
        "ipv6" => format!("2001:db8::{:x}", draw.below(65_535) + 1),
        "uri" | "url" | "iri" => format!("https://example.com/{}/{}", slug(name), draw.hex(6)),
        "uri-reference" | "iri-reference" => format!("/{}/{}", slug(name), draw.hex(6)),
        "uri-template" => format!("https://example.com/{}/{{id}}", slug(name)),
        "uuid" => uuid(draw),
        "json-pointer" => "/example".into(),
        "relative-json-pointer" => "0".into(),
        "regex" => "^example$".into(),
        "byte" => "ZXhhbXBsZQ==".into(),
        _ => return None,
    })
}

/// A day that every month has.
fn date(draw: &mut Draw) -> String {
    format!("2025-{:02}-{:02}", draw.below(12) + 1, draw.below(28) + 1)
}

fn time(draw: &mut Draw) -> String {
    format!("{:02}:{:02}:{:02}Z", draw.below(24), draw.below(60), draw.below(60))
}

/// Of version 4, as most are.
fn uuid(draw: &mut Draw) -> String {
    let [a, b, c, d] = [8, 4, 3, 3].map(|digits| draw.hex(digits));
    format!("{a}-{b}-4{c}-a{d}-{}", draw.hex(12))
}

fn slug(name: &str) -> &str {
    let fits =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits { name } else { "example" }
}

/// One of the values that a description names, as in "`open` or `closed`", or with the beginning that it shows, as in
/// "`re_…`".
fn described(all: &Conjunction<'_>, draw: &mut Draw) -> Option<String> {
    let description = all.said("description").find_map(serde_json::Value::as_str)?;
    let quoted: Vec<&str> = description.split('`').skip(1).step_by(2).take(MAX_QUOTED).collect();
    if let Some(beginning) = quoted.iter().find_map(|text| text.strip_suffix('…')) {
        let fits = !beginning.is_empty() && beginning.len() < MAX_BEGINNING;
        return fits.then(|| format!("{beginning}{}", draw.hex(14)));
    }
    let word = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    // A single one may be anything, such as the name of another member.
    if quoted.len() < 2 || !quoted.iter().all(word) {
        return None;
    }
    draw.one_of(&quoted).map(|text| (*text).to_owned())
}

/// What people expect under such a name.
fn named(name: &str, draw: &mut Draw) -> String {
    let lower = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| lower == *end || lower.ends_with(&format!("_{end}")));
    if ends(&["email", "mail"]) {
        formatted("email", name, draw).unwrap_or_default()
    } else if ends(&["url", "uri", "href", "link"]) {
        formatted("uri", name, draw).unwrap_or_default()
    } else if ends(&["at", "datetime", "timestamp"]) {
        formatted("date-time", name, draw).unwrap_or_default()
    } else if ends(&["date", "day"]) {
        date(draw)
    } else if ends(&["sha", "digest", "hash"]) {
        draw.hex(40)
    } else if ends(&["id", "key", "token", "cursor"]) {
        format!("example_{}", draw.hex(8))
    } else if ends(&["currency"]) {
        "usd".into()
    } else if ends(&["login", "username", "user", "owner"]) {
        "ada".into()
    } else if lower.is_empty() || ends(&["name"]) {
        format!("Example {}", draw.below(100) + 1)
    } else {
        format!("Example {} {}", lower.replace(['_', '-'], " "), draw.below(100) + 1)
    }
}

/// A text that a pattern matches; `None` if it cannot be read. Anchors within it, and what only looks ahead, are not
/// minded: whoever asks checks the text.
fn matching(pattern: &str, draw: &mut Draw) -> Option<String> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    write(&pattern, draw, &mut text)?;
    Some(text)
}

fn write(pattern: &Hir, draw: &mut Draw, text: &mut String) -> Option<()> {
    if text.len() > MAX_TEXT {
        return None;
    }
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(character(class, draw)?),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.max(REPEATED));
            for _ in 0..most {
                let before = text.len();
                write(&repetition.sub, draw, text)?;
                if text.len() == before {
                    break;
                }
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, draw, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, draw, text))?,
        HirKind::Alternation(parts) => write(draw.one_of(parts)?, draw, text)?,
    }
    Some(())
}

/// A character of a class: a letter or a digit, if it has one.
fn character(class: &Class, draw: &mut Draw) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let within = |c: char| ranges.iter().any(|(start, end)| (*start..=*end).contains(&u32::from(c)));
    let usual: Vec<char> = ('a'..='z').chain('0'..='9').chain('A'..='Z').filter(|c| within(*c)).collect();
    match draw.one_of(&usual) {
        Some(c) => Some(*c),
        None => (' '..='~').find(|c| within(*c)).or_else(|| char::from_u32(ranges.first()?.0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_are_matched() {
        for pattern in [
            "^cus_[A-Za-z0-9]{14}$",
            r"^\d{4}-\d{2}$",
            "^(usd|eur)$",
            "^[^a-z]+$",
            "^a?b*c+$",
            "x{3,5}",
            "^#[0-9a-f]{6}$",
            "^é[à-ü]$",
            "",
        ] {
            let text = matching(pattern, &mut Draw::new(1)).unwrap();
            assert!(regex::Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text}");
        }
        for pattern in ["(", "[", "(?=a)b", "(a{1000}){1000}"] {
            assert_eq!(matching(pattern, &mut Draw::new(1)), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in r"[ab\[\](){}|*+?.^$\\d0-9,-]{0,20}", seed: u64) {
            if let Some(text) = matching(&pattern, &mut Draw::new(seed)) {
                prop_assert!(text.len() <= MAX_TEXT + 64);
            }
        }
    }
}
