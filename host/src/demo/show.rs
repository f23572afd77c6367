//! What the demo shows: who held the credential, and the same call as the provider and as the caller saw it.

use std::fmt::Write as _;

use super::canary::Canary;
use super::recorded::Recorded;

/// Columns of each side of the comparison: two of them fit into a terminal of 120.
const SIDE: usize = 56;

/// Lines of each side: a screen; longer bodies are cut with a mark.
const SIDE_LINES: usize = 18;

/// Bytes that one party held, and whether it should have held the credential.
#[derive(Debug)]
pub(super) struct Party {
    /// For example `the database`.
    pub(super) name: String,
    /// Everything that it held.
    pub(super) held: Vec<(String, Vec<u8>)>,
    /// The upstream must have it; all others must not.
    pub(super) entitled: bool,
}

/// Whether everything is as it should be, and the table that shows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Only those who are entitled held the credential, and they did.
    pub(super) sealed: bool,
    /// For a terminal.
    pub(super) table: String,
}

/// Looks for the credential in what each party held.
pub(super) fn who_saw(canary: &Canary, parties: &[Party]) -> Verdict {
    let mut sealed = true;
    let mut table = format!("{:<28} {:<12} {}\n", "who", "credential", "where it was looked for");
    for party in parties {
        let found = party.held.iter().find_map(|(place, bytes)| Some((place, canary.find(bytes)?)));
        let searched: usize = party.held.iter().map(|(_, bytes)| bytes.len()).sum();
        // Where there was nothing to search, nothing is shown.
        let right = found.is_some() == party.entitled && searched > 0;
        sealed &= right;
        let (verdict, place) = match found {
            Some((place, (form, at))) => ("PRESENT", format!("{place}, {form}, at byte {at}")),
            None => ("absent", format!("{} bytes in {} places, in clear and encoded", searched, party.held.len())),
        };
        let mark = if right { "" } else { "   <- wrong" };
        // A String takes all that is written to it.
        let _ = writeln!(table, "{:<28} {verdict:<12} {place}{mark}", party.name);
    }
    Verdict { sealed, table }
}

/// Two texts beside each other, each under its title.
pub(super) fn side_by_side(left: (&str, &str), right: (&str, &str)) -> String {
    let columns = [left, right].map(|(title, text)| column(title, text));
    let height = columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut table = String::new();
    for row in 0..height {
        let [left, right] = [0, 1].map(|side| columns[side].get(row).map_or("", String::as_str));
        let line = format!("{left:<SIDE$} | {right}");
        // A String takes all that is written to it.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// A request as the upstream received it, without the headers that every client sends.
pub(super) fn received(request: &Recorded) -> String {
    let told = ["host", "accept-encoding", "content-length"];
    let headers = request.headers.iter().filter(|(name, _)| !told.contains(&name.as_str()));
    let headers: String = headers.map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{} {}\n{headers}\n{}", request.method, request.target, request.text())
}

fn column(title: &str, text: &str) -> Vec<String> {
    let mut lines = vec![title.to_owned(), "-".repeat(SIDE)];
    for line in text.trim_end().lines() {
        let signs: Vec<_> = line.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
        if signs.is_empty() {
            lines.push(String::new());
        }
        lines.extend(signs.chunks(SIDE).map(|part| part.iter().collect()));
    }
    if lines.len() > SIDE_LINES {
        lines.truncate(SIDE_LINES - 1);
        lines.push("…".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::canary::Canary;
    use super::{Party, SIDE_LINES, side_by_side, who_saw};

    fn party(name: &str, held: &str, entitled: bool) -> Party {
        Party { name: name.into(), held: vec![("request 1".into(), held.into())], entitled }
    }

    #[test]
    fn only_the_entitled_may_and_must_hold_it() {
        let canary = Canary::of("tok_1234");
        for (upstream, caller, sealed) in [
            ("Bearer tok_1234", "{}", true),
            ("Bearer tok_1234", "tok_1234", false),
            ("Bearer nothing", "{}", false),
            ("Bearer tok_1234", "", false),
            ("Bearer nothing", "746f6b5f31323334", false),
        ] {
            let verdict = who_saw(&canary, &[party("upstream", upstream, true), party("caller", caller, false)]);
            assert_eq!(verdict.sealed, sealed, "{}", verdict.table);
            assert_eq!(verdict.table.contains("<- wrong"), !sealed, "{}", verdict.table);
        }
    }

    #[test]
    fn columns_stay_in_line() {
        let long = "x".repeat(100);
        let table = side_by_side(("left", &long), ("right", "a\n\nb\u{7}"));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.chars().nth(57) == Some('|')), "{table}");
        assert!(lines[4].ends_with("b"), "{table}");
        assert_eq!(side_by_side(("left", &"x\n".repeat(99)), ("right", "")).lines().count(), SIDE_LINES);
    }
}
