//! Bytes as they are below a layer of escaping, with the way back to where each one came from.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes below some layers of escaping.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// What this is the inside of.
    outer: Option<&'a View<'a>>,
    /// Position here and position in the outer view, behind each escape that was undone, in rising order. Between two
    /// of them both run in step.
    steps: Vec<(usize, usize)>,
}

impl<'a> View<'a> {
    /// The bytes as they came.
    pub(super) fn raw(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), outer: None, steps: Vec::new() }
    }

    /// What is to be searched.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The raw bytes that a part of this view came from, escapes and all.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.raw_position(range.start)..self.raw_position(range.end)
    }

    /// Without `%41`; `None` if there is none.
    pub(super) fn without_percent_escapes(&'a self) -> Option<View<'a>> {
        self.without(b'%', percent_escape)
    }

    /// Without `\u0041`, `\/` and their like; `None` if there is none that could stand within a credential.
    pub(super) fn without_json_escapes(&'a self) -> Option<View<'a>> {
        self.without(b'\\', json_escape)
    }

    /// Undoes each escape that `read` knows after `introducer`.
    fn without(&'a self, introducer: u8, read: fn(&[u8]) -> Escape) -> Option<View<'a>> {
        let mut bytes = Vec::new();
        let mut steps = Vec::new();
        // `copied` is the end of what was taken over already.
        let (mut at, mut copied) = (0, 0);
        while let Some(next) = memchr::memchr(introducer, &self.bytes[at..]) {
            let start = at + next;
            let escape = read(&self.bytes[start..]);
            at = start + escape.length;
            let Some(character) = escape.character else { continue };
            if steps.is_empty() {
                bytes.reserve(self.bytes.len());
            }
            bytes.extend_from_slice(&self.bytes[copied..start]);
            character.append_to(&mut bytes);
            steps.push((bytes.len(), at));
            copied = at;
        }
        if steps.is_empty() {
            return None;
        }
        bytes.extend_from_slice(&self.bytes[copied..]);
        Some(View { bytes: Cow::Owned(bytes), outer: Some(self), steps })
    }

    fn raw_position(&self, position: usize) -> usize {
        let before = self.steps.partition_point(|(here, _)| *here <= position);
        let outer_position = match before.checked_sub(1).and_then(|index| self.steps.get(index)) {
            Some((here, outer)) => outer + (position - here),
            None => position,
        };
        self.outer.map_or(outer_position, |outer| outer.raw_position(outer_position))
    }
}

/// What an introducer begins.
struct Escape {
    /// How many bytes it and what belongs to it take; at least one.
    length: usize,
    /// What it stands for, if that can be in a credential: no control character.
    character: Option<Character>,
}

#[derive(Clone, Copy)]
enum Character {
    Byte(u8),
    Char(char),
}

impl Character {
    fn append_to(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => bytes.push(byte),
            Self::Char(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl Escape {
    fn of_byte(length: usize, byte: u8) -> Self {
        Self { length, character: (!byte.is_ascii_control()).then_some(Character::Byte(byte)) }
    }

    /// One that stands for something that no credential has, or that is none.
    fn other(length: usize) -> Self {
        Self { length, character: None }
    }
}

fn percent_escape(bytes: &[u8]) -> Escape {
    match hex(bytes, 1, 2) {
        Some(byte) => Escape::of_byte(3, byte as u8),
        None => Escape::other(1),
    }
}

fn json_escape(bytes: &[u8]) -> Escape {
    match bytes.get(1) {
        Some(b'u') => unicode_escape(bytes),
        Some(b'x') => hex(bytes, 2, 2).map_or(Escape::other(1), |byte| Escape::of_byte(4, byte as u8)),
        Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => Escape::of_byte(2, *byte),
        Some(b'b' | b'f' | b'n' | b'r' | b't') => Escape::other(2),
        _ => Escape::other(1),
    }
}

/// `\u0041`, or two of them for a character beyond the first 65,536.
fn unicode_escape(bytes: &[u8]) -> Escape {
    let Some(first) = hex(bytes, 2, 4) else { return Escape::other(1) };
    if let Some(character) = char::from_u32(first) {
        let character = (!character.is_control()).then_some(Character::Char(character));
        return Escape { length: 6, character };
    }
    let second = bytes.get(6..8).filter(|next| *next == b"\\u").and_then(|_| hex(bytes, 8, 4));
    let pair = second.filter(|low| (0xdc00..0xe000).contains(low) && first < 0xdc00);
    match pair.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00))) {
        Some(character) => Escape { length: 12, character: Some(Character::Char(character)) },
        None => Escape::other(6),
    }
}

fn hex(bytes: &[u8], start: usize, count: usize) -> Option<u32> {
    let digits = bytes.get(start..start + count)?;
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}
