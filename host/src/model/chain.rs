//! The audit chain: each row is hashed with the hash of the row before it, so that none can be changed unseen.

use std::fmt;

use sha2::{Digest, Sha256};

/// What the first row of a chain has for the hash of the row before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What every encoding begins with: a later encoding has another name, so that the two never give the same bytes.
const FORMAT: &[u8] = b"gloveport audit row 1\n";

/// One row, as it is stored. Texts, so that a row that somebody tampered with can be named instead of refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The tenant whose chain it is of.
    pub project: String,
    /// Its place in the chain: 1, 2, 3, …
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who: [`super::Actor::as_str`].
    pub actor: String,
    /// What: [`super::Action::name`].
    pub action: String,
    /// Identifier, or name, of what it was done to.
    pub subject: String,
    /// SHA-256 of the component that was concerned.
    pub component: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Who approved.
    pub approver: Option<String>,
    /// A small JSON object; digests in place of what is secret or long.
    pub detail: String,
    /// Hash of the row before it; [`GENESIS`] for the first.
    pub previous: String,
    /// Hash of this row.
    pub hash: String,
}

impl Entry {
    /// What is hashed: the format's name, then each field but the hash in the order of the struct. A field is the byte
    /// 0 if it is absent, else the byte 1, its length as 8 bytes and its bytes; numbers are their 8 bytes; all big
    /// endian. So no two different rows give the same bytes.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(FORMAT);
        let mut put = |field: Option<&[u8]>| {
            let Some(field) = field else { return bytes.push(0) };
            bytes.push(1);
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        put(Some(self.project.as_bytes()));
        put(Some(&self.seq.to_be_bytes()));
        put(Some(&self.at.to_be_bytes()));
        put(Some(self.actor.as_bytes()));
        put(Some(self.action.as_bytes()));
        put(Some(self.subject.as_bytes()));
        put(self.component.as_deref().map(str::as_bytes));
        put(self.rule.as_deref().map(str::as_bytes));
        put(self.approver.as_deref().map(str::as_bytes));
        put(Some(self.detail.as_bytes()));
        put(Some(self.previous.as_bytes()));
        bytes
    }

    /// What its hash must be: SHA-256 of [`Entry::encoded`], in lower-case hex.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.encoded()))
    }
}

/// The end of a chain: how many rows there are, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last row; 0 if there is none.
    pub seq: i64,
    /// Its hash; [`GENESIS`] if there is none.
    pub hash: String,
}

impl Head {
    /// The end of a chain without rows.
    pub fn genesis() -> Self {
        Self { seq: 0, hash: GENESIS.into() }
    }
}

/// Checks a project's rows one by one, in their order.
#[derive(Clone, Debug)]
pub struct Chain {
    project: String,
    head: Head,
}

impl Chain {
    /// At the beginning of a project's chain.
    pub fn of(project: &str) -> Self {
        Self { project: project.into(), head: Head::genesis() }
    }

    /// Whose chain it is.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// How far it was checked.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Takes the next row.
    ///
    /// # Errors
    ///
    /// If it is not the next row, or not as it was written.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Broken> {
        let expected = self.head.seq + 1;
        if entry.seq > expected {
            return Err(self.broken(expected, Flaw::Missing { next: entry.seq }));
        }
        if entry.seq < expected || entry.project != self.project {
            return Err(self.broken(entry.seq, Flaw::OutOfPlace { after: self.head.seq }));
        }
        if entry.previous != self.head.hash {
            return Err(self.broken(entry.seq, Flaw::Unlinked));
        }
        if entry.digest() != entry.hash {
            return Err(self.broken(entry.seq, Flaw::Changed));
        }
        self.head = Head { seq: entry.seq, hash: entry.hash.clone() };
        Ok(())
    }

    /// Makes sure that the chain ends where `head`, which is kept apart from the rows, says.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn end(&self, head: &Head) -> Result<(), Broken> {
        let own = self.head.seq;
        if head.seq > own {
            return Err(self.broken(own + 1, Flaw::Cut { rows: head.seq }));
        }
        if head.seq < own {
            return Err(self.broken(head.seq + 1, Flaw::BehindHead { rows: head.seq }));
        }
        if head.hash != self.head.hash {
            return Err(self.broken(own, Flaw::NotTheHead));
        }
        Ok(())
    }

    fn broken(&self, seq: i64, flaw: Flaw) -> Broken {
        Broken { project: self.project.clone(), seq, flaw }
    }
}

/// The first row of a chain that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Whose chain.
    pub project: String,
    /// The number of the row.
    pub seq: i64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is not there, but a later one is.
    Missing {
        /// The row that is there.
        next: i64,
    },
    /// It stands behind one that comes later, or is there twice.
    OutOfPlace {
        /// The row before it.
        after: i64,
    },
    /// It does not hold the hash of the row before it: one of the two was replaced.
    Unlinked,
    /// It does not fit its own hash.
    Changed,
    /// It and all after it are not there, but the head says that they were.
    Cut {
        /// How many rows the head says there are.
        rows: i64,
    },
    /// It is there, but the head does not know of it.
    BehindHead {
        /// How many rows the head says there are.
        rows: i64,
    },
    /// It is the last one, but its hash is not the head's: it was replaced, or the head was.
    NotTheHead,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, seq, flaw } = self;
        write!(f, "row {seq} of {project} ")?;
        match flaw {
            Flaw::Missing { next } => write!(f, "is missing: the next one is row {next}"),
            Flaw::OutOfPlace { after } => write!(f, "is out of place: it stands behind row {after}"),
            Flaw::Unlinked => f.write_str("does not hold the hash of the row before it: one of the two was replaced"),
            Flaw::Changed => f.write_str("was changed: it does not fit its hash"),
            Flaw::Cut { rows } => write!(f, "is missing, with all that followed: the head says {rows} rows"),
            Flaw::BehindHead { rows } => write!(f, "was added past the head, which says {rows} rows"),
            Flaw::NotTheHead => {
                f.write_str("is the last one, but the head has another hash: one of the two was replaced")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: i64, previous: &str) -> Entry {
        let mut entry = Entry {
            project: "proj_1".into(),
            seq,
            at: 1_760_000_000_000 + seq,
            actor: "host".into(),
            action: "key.created".into(),
            subject: format!("key_{seq}"),
            component: None,
            rule: None,
            approver: None,
            detail: "{}".into(),
            previous: previous.into(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        entry
    }

    fn rows(count: i64) -> Vec<Entry> {
        let mut rows: Vec<Entry> = Vec::new();
        for seq in 1..=count {
            let previous = rows.last().map_or(GENESIS.to_owned(), |last| last.hash.clone());
            rows.push(entry(seq, &previous));
        }
        rows
    }

    fn check(rows: &[Entry]) -> Result<Head, (i64, Flaw)> {
        let mut chain = Chain::of("proj_1");
        for row in rows {
            chain.take(row).map_err(|broken| (broken.seq, broken.flaw))?;
        }
        Ok(chain.head)
    }

    /// The documented encoding, byte by byte: whoever verifies with another program relies on it.
    #[test]
    fn the_encoding_is_as_documented() {
        let entry = Entry { component: Some("c".into()), ..entry(258, "p") };
        let mut expected = FORMAT.to_vec();
        expected.extend(b"\x01\0\0\0\0\0\0\0\x06proj_1");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\x01\x02");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x08");
        expected.extend(1_760_000_000_258_i64.to_be_bytes());
        expected.extend(b"\x01\0\0\0\0\0\0\0\x04host");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x0bkey.created");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x07key_258");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x01c\0\0");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x02{}");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x01p");
        assert_eq!(entry.encoded(), expected);
    }

    #[test]
    fn an_unbroken_chain_gives_its_head() {
        let rows = rows(3);
        let head = check(&rows).unwrap();
        assert_eq!(head, Head { seq: 3, hash: rows[2].hash.clone() });
        assert_eq!(check(&[]).unwrap(), Head::genesis());
    }

    /// What one can do to a chain, and the row that is named.
    #[test]
    fn each_way_to_break_a_chain_is_named() {
        type Tamper = fn(&mut Vec<Entry>);
        let table: [(&str, Tamper, (i64, Flaw)); 10] = [
            ("changed", |rows| rows[1].subject.push('x'), (2, Flaw::Changed)),
            ("none turned empty", |rows| rows[1].rule = Some(String::new()), (2, Flaw::Changed)),
            ("deleted", |rows| drop(rows.remove(1)), (2, Flaw::Missing { next: 3 })),
            ("first deleted", |rows| drop(rows.remove(0)), (1, Flaw::Missing { next: 2 })),
            ("swapped", |rows| rows.swap(1, 2), (2, Flaw::Missing { next: 3 })),
            ("twice", |rows| rows.insert(2, rows[1].clone()), (2, Flaw::OutOfPlace { after: 2 })),
            ("of another project", |rows| rows[2].project.push('x'), (3, Flaw::OutOfPlace { after: 2 })),
            ("replaced with a fitting hash", |rows| rows[1] = changed(&rows[1]), (3, Flaw::Unlinked)),
            ("hash in capitals", |rows| rows[3].hash = rows[3].hash.to_uppercase(), (4, Flaw::Changed)),
            ("renumbered", |rows| (rows[1].seq, rows[1].hash) = (3, String::new()), (2, Flaw::Missing { next: 3 })),
        ];
        for (what, tamper, expected) in table {
            let mut rows = rows(4);
            tamper(&mut rows);
            assert_eq!(check(&rows), Err(expected), "{what}");
        }
    }

    #[test]
    fn an_end_that_differs_from_the_head_is_named() {
        let rows = rows(3);
        let mut chain = Chain::of("proj_1");
        rows.iter().for_each(|row| chain.take(row).unwrap());
        let end = |seq, hash: &str| chain.end(&Head { seq, hash: hash.into() }).map_err(|broken| broken.flaw);
        assert_eq!(end(3, &rows[2].hash), Ok(()));
        assert_eq!(end(4, &rows[2].hash), Err(Flaw::Cut { rows: 4 }));
        assert_eq!(end(2, &rows[1].hash), Err(Flaw::BehindHead { rows: 2 }));
        assert_eq!(end(3, &rows[1].hash), Err(Flaw::NotTheHead));
        assert_eq!(end(0, GENESIS), Err(Flaw::BehindHead { rows: 0 }));
    }

    fn changed(entry: &Entry) -> Entry {
        let mut entry = Entry { actor: "cli".into(), ..entry.clone() };
        entry.hash = entry.digest();
        entry
    }

    /// Reads an encoding back; `None` if it is none. That this can be written is why no two rows are encoded alike.
    fn decoded(bytes: &[u8]) -> Option<Entry> {
        let mut rest = bytes.strip_prefix(FORMAT)?;
        let mut field = || -> Option<Option<Vec<u8>>> {
            let (present, after) = rest.split_first()?;
            rest = after;
            if *present == 0 {
                return Some(None);
            }
            let (length, after) = rest.split_first_chunk::<8>()?;
            let (value, after) = after.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
            rest = after;
            Some(Some(value.to_vec()))
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let number = |bytes: Vec<u8>| Some(i64::from_be_bytes(bytes.try_into().ok()?));
        Some(Entry {
            project: text(field()??)?,
            seq: number(field()??)?,
            at: number(field()??)?,
            actor: text(field()??)?,
            action: text(field()??)?,
            subject: text(field()??)?,
            component: field()?.and_then(text),
            rule: field()?.and_then(text),
            approver: field()?.and_then(text),
            detail: text(field()??)?,
            previous: text(field()??)?,
            hash: String::new(),
        })
    }

    /// Short texts of few characters, the encoding's own bytes among them: likely to collide if anything can.
    fn texts() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof!["\0", "\u{1}", "a", "\0\0\0\0\0\0\0\u{1}", ".*"], 0..4)
            .prop_map(|parts| parts.concat())
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let maybe = || proptest::option::of(texts());
        let head = (texts(), any::<i64>(), any::<i64>(), texts(), texts(), texts());
        (head, maybe(), maybe(), maybe(), texts(), texts()).prop_map(
            |((project, seq, at, actor, action, subject), component, rule, approver, detail, previous)| Entry {
                project,
                seq,
                at,
                actor,
                action,
                subject,
                component,
                rule,
                approver,
                detail,
                previous,
                hash: String::new(),
            },
        )
    }

    proptest! {
        /// A function that has an inverse gives no two rows the same bytes.
        #[test]
        fn every_encoding_reads_back(entry in entries()) {
            prop_assert_eq!(decoded(&entry.encoded()), Some(entry));
        }

        #[test]
        fn different_rows_have_different_bytes(one in entries(), other in entries()) {
            prop_assert_eq!(one == other, one.encoded() == other.encoded());
        }

        /// Moving text from one field to the next changes the bytes, though all texts together stay the same.
        #[test]
        fn text_cannot_move_between_fields(entry in entries(), at in 0..8_usize) {
            let all = format!("{}{}", entry.action, entry.subject);
            let cut = (0..=all.len()).filter(|cut| all.is_char_boundary(*cut)).nth(at).unwrap_or_default();
            let moved = Entry { action: all[..cut].into(), subject: all[cut..].into(), ..entry.clone() };
            prop_assert_eq!(moved == entry, moved.encoded() == entry.encoded());
        }
    }
}
