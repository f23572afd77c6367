//! Types: which kinds of values a part of a condition may have.

use std::fmt;

/// A set of kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

/// What is known of a value before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// What it may be.
    pub(super) kinds: Kinds,
    /// If it is a list, what its items may be; if it is a map, its values.
    pub(super) items: Kinds,
}

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOL: Self = Self(1 << 1);
    pub(super) const NUMBER: Self = Self(1 << 2);
    pub(super) const TEXT: Self = Self(1 << 3);
    pub(super) const TIME: Self = Self(1 << 4);
    pub(super) const DURATION: Self = Self(1 << 5);
    pub(super) const LIST: Self = Self(1 << 6);
    pub(super) const MAP: Self = Self(1 << 7);
    /// What JSON can hold.
    pub(super) const JSON: Self =
        Self(Self::NULL.0 | Self::BOOL.0 | Self::NUMBER.0 | Self::TEXT.0 | Self::LIST.0 | Self::MAP.0);
    /// Anything.
    pub(super) const ANY: Self = Self(u8::MAX);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::NULL, "null"),
        (Self::BOOL, "true or false"),
        (Self::NUMBER, "a number"),
        (Self::TEXT, "a text"),
        (Self::TIME, "a timestamp"),
        (Self::DURATION, "a duration"),
        (Self::LIST, "a list"),
        (Self::MAP, "a map"),
    ];

    /// What either may be.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both may be.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the two have a kind in common.
    pub(super) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANY {
            return f.write_str("anything");
        }
        if *self == Self::NONE {
            return f.write_str("nothing");
        }
        let names: Vec<_> = Self::NAMES.iter().filter(|(kind, _)| self.meet(*kind)).map(|(_, name)| *name).collect();
        f.write_str(&names.join(" or "))
    }
}

impl Type {
    /// Anything that JSON can hold.
    pub(super) const JSON: Self = Self { kinds: Kinds::JSON, items: Kinds::JSON };

    /// A value of one of these kinds, of whose items nothing is known.
    pub(super) const fn of(kinds: Kinds) -> Self {
        Self { kinds, items: Kinds::ANY }
    }

    /// What one of its items may be.
    pub(super) fn item(self) -> Self {
        let json = self.items == Kinds::JSON;
        Self { kinds: self.items, items: if json { Kinds::JSON } else { Kinds::ANY } }
    }

    /// What either may be.
    pub(super) fn or(self, other: Self) -> Self {
        // Only what can hold items says what items may be.
        let holds = |each: Self| each.kinds.meet(Kinds::LIST.or(Kinds::MAP));
        let items = match (holds(self), holds(other)) {
            (true, false) => self.items,
            (false, true) => other.items,
            _ => self.items.or(other.items),
        };
        Self { kinds: self.kinds.or(other.kinds), items }
    }
}
