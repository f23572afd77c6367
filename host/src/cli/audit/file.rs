//! The chain in a file: one row a line, in JSON, byte for byte as it was hashed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{CliError, Finding, Stop};
use crate::model::{Chain, Entry};

/// Bytes of one line. Rows have about half a kilobyte; a file that is none of ours is not read into memory.
const MAX_LINE: u64 = 1024 * 1024;

/// One row, as it stands in the file. The order of the members is part of the format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    project: String,
    seq: i64,
    /// Milliseconds since 1970.
    at: i64,
    actor: String,
    action: String,
    subject: String,
    component: Option<String>,
    rule: Option<String>,
    approver: Option<String>,
    /// JSON as a text: it was hashed as one.
    detail: String,
    previous: String,
    hash: String,
}

/// A file that is being written, and is only there when it is complete.
pub(super) struct Copy {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Copy {
    /// Makes the file, for its owner only. One that is there stays as it is.
    pub(super) fn make(path: PathBuf) -> Result<Self, CliError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => Ok(Self { path, file: BufWriter::new(file) }),
            Err(source) => Err(CliError::File { path, source }),
        }
    }

    /// Adds a row.
    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), CliError> {
        let written = match text(entry) {
            Some(text) => writeln!(self.file, "{text}"),
            None => Err(io::ErrorKind::InvalidData.into()),
        };
        written.map_err(|source| CliError::File { path: self.path.clone(), source })
    }

    /// Makes sure that it is on disk.
    pub(super) fn keep(mut self) -> Result<(), CliError> {
        let kept = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        kept.map_err(|source| CliError::File { path: self.path, source })
    }

    /// Removes it: half a chain would look like a whole one.
    pub(super) fn discard(self) {
        // The command fails already, and says why.
        let _ = fs::remove_file(&self.path);
    }
}

/// Checks a file as [`Copy`] writes it. If there are `heads`, each chain in it must end with one of them, and each of
/// them must be such an end.
pub(super) fn verify(path: &Path, heads: &[String], progress: &mut impl FnMut()) -> Result<Vec<Chain>, Stop> {
    let fails = |source| CliError::File { path: path.to_owned(), source };
    let mut lines = BufReader::new(File::open(path).map_err(fails)?);
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    for number in 1_u64.. {
        let mut line = Vec::new();
        lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(fails)?;
        if line.is_empty() {
            break;
        }
        let entry = read(&line).ok_or_else(|| {
            let reason = format!("line {number} is not a row as it was written");
            Stop::Found(Finding { project: None, row: None, reason })
        })?;
        let chain = chains.entry(entry.project.clone()).or_insert_with(|| Chain::of(&entry.project));
        chain.take(&entry)?;
        progress();
    }
    let chains: Vec<Chain> = chains.into_values().collect();
    ends(&chains, heads)?;
    Ok(chains)
}

fn ends(chains: &[Chain], heads: &[String]) -> Result<(), Stop> {
    if heads.is_empty() {
        return Ok(());
    }
    for chain in chains {
        let head = chain.head();
        if !heads.contains(&head.hash) {
            let project = chain.project().to_owned();
            let reason = format!("{project} ends with row {}, and no given head is its hash", head.seq);
            return Err(Stop::Found(Finding { project: Some(project), row: Some(head.seq), reason }));
        }
    }
    match heads.iter().find(|head| !chains.iter().any(|chain| chain.head().hash == **head)) {
        None => Ok(()),
        Some(head) => {
            let reason = format!("no chain ends with the hash {head}: rows at the end are missing");
            Err(Stop::Found(Finding { project: None, row: None, reason }))
        }
    }
}

/// Reads a line, if writing it again gives the same bytes: another form of the same row was not written by us.
fn read(line: &[u8]) -> Option<Entry> {
    let written = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let Line { project, seq, at, actor, action, subject, component, rule, approver, detail, previous, hash } =
        serde_json::from_str(written).ok()?;
    let entry = Entry { project, seq, at, actor, action, subject, component, rule, approver, detail, previous, hash };
    (text(&entry)? == written).then_some(entry)
}

fn text(entry: &Entry) -> Option<String> {
    let Entry { project, seq, at, actor, action, subject, component, rule, approver, detail, previous, hash } =
        entry.clone();
    let line = Line { project, seq, at, actor, action, subject, component, rule, approver, detail, previous, hash };
    serde_json::to_string(&line).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::GENESIS;

    fn entries(count: i64) -> Vec<Entry> {
        let mut rows: Vec<Entry> = Vec::new();
        for seq in 1..=count {
            let mut entry = Entry {
                project: "proj_1".into(),
                seq,
                at: seq,
                actor: "host".into(),
                action: "key.created".into(),
                subject: format!("key_{seq} \"é\" \u{7f}"),
                component: (seq == 2).then(|| "d1".into()),
                rule: None,
                approver: None,
                detail: "{\"a\":\"\\u0000\"}".into(),
                previous: rows.last().map_or(GENESIS.into(), |last| last.hash.clone()),
                hash: String::new(),
            };
            entry.hash = entry.digest();
            rows.push(entry);
        }
        rows
    }

    fn bytes(entries: &[Entry]) -> Vec<u8> {
        entries.iter().flat_map(|entry| format!("{}\n", text(entry).unwrap()).into_bytes()).collect()
    }

    /// The rows of a file, or the reason why it is not well.
    fn check(bytes: &[u8], heads: &[String]) -> Result<i64, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, bytes).unwrap();
        match verify(&path, heads, &mut || {}) {
            Ok(chains) => Ok(chains.iter().map(|chain| chain.head().seq).sum()),
            Err(Stop::Found(finding)) => Err(finding.reason),
            Err(Stop::Failed(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_file_verifies_and_its_head_vouches_for_its_end() {
        let rows = entries(3);
        let file = bytes(&rows);
        let head = |row: usize| vec![rows[row].hash.clone()];
        assert_eq!(check(&file, &[]), Ok(3));
        assert_eq!(check(&file, &head(2)), Ok(3));
        assert!(check(&file, &head(1)).unwrap_err().contains("ends with row 3"));
        // Without a head a shorter file looks whole; that is what the head is for.
        assert_eq!(check(&bytes(&rows[..2]), &[]), Ok(2));
        assert!(check(&bytes(&rows[..2]), &head(2)).unwrap_err().contains("ends with row 2"));
        assert!(check(b"", &head(2)).unwrap_err().contains("no chain ends with"));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let file = bytes(&entries(2));
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                assert!(check(&file, &[]).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn another_form_of_a_row_is_no_row() {
        let line = text(&entries(1)[0]).unwrap();
        let forms = [
            line.clone(),
            format!("{line}\r\n"),
            format!(" {line}\n"),
            format!("{line}\n\n"),
            line.replace("\"rule\":null,", "") + "\n",
            line.replace("{\"project\"", "{\"more\":1,\"project\"") + "\n",
            line.replace("\"seq\":1", "\"seq\":1.0") + "\n",
            line.replace("\"host\"", "\"\\u0068ost\"") + "\n",
            line.replace("\"rule\":null,\"approver\":null", "\"approver\":null,\"rule\":null") + "\n",
        ];
        for form in forms {
            assert!(check(form.as_bytes(), &[]).unwrap_err().contains("is not a row as it was written"), "{form}");
        }
    }

    proptest! {
        #[test]
        fn any_file_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(check(&bytes, &[]).is_ok(), bytes.is_empty());
        }
    }
}
