//! What one call has behind its WASI imports: a clock that its own sleep moves, a random stream, two lines of output.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::limits;
use super::super::state::{LogLevel, Tally};
use super::Stopped;

/// Bytes of an output line that are held until its end: what the log keeps, and a character more so that a cut shows.
const LINE_BYTES: usize = limits::LOG_LINE_BYTES + 4;

/// Made when a guest first calls a function of WASI; guests without WASI have none.
pub(in super::super) struct Inside {
    /// All randomness of the call comes from it.
    seed: [u8; 32],
    /// Blocks of the random stream handed out.
    blocks: u64,
    /// Nanoseconds that the guest has slept: its monotonic clock.
    slept: u64,
    /// When each pollable is ready, on that clock. Bounded by the handles that a guest may have.
    due: BTreeMap<u32, u64>,
    next: u32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Inside {
    pub(in super::super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, blocks: 0, slept: 0, due: BTreeMap::new(), next: 0, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Logs what was written and not ended by a line feed.
    pub(in super::super) fn flush(mut self, tally: &mut Tally) {
        end_line(&mut self.stdout, LogLevel::Info, tally);
        end_line(&mut self.stderr, LogLevel::Warn, tally);
    }

    /// Hash of the seed and a counter: 32 bytes a block, unpredictable to whoever does not know the seed.
    pub(super) fn random(&mut self, count: u64) -> Result<Vec<u8>, Stopped> {
        let bytes = usize::try_from(count).ok().filter(|bytes| *bytes <= limits::WASI_RANDOM_BYTES);
        let bytes = bytes.ok_or(Stopped::Random { asked: count })?;
        let mut stream = Vec::with_capacity(bytes.next_multiple_of(32));
        while stream.len() < bytes {
            stream.extend_from_slice(&self.block());
        }
        stream.truncate(bytes);
        Ok(stream)
    }

    pub(super) fn random_u64(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.block();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Nanoseconds of the monotonic clock.
    pub(super) fn slept(&self) -> u64 {
        self.slept
    }

    /// A pollable that is ready at `due`; its handle.
    pub(super) fn subscribe(&mut self, due: u64) -> u32 {
        while self.due.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        self.due.insert(self.next, due);
        self.next
    }

    pub(super) fn forget(&mut self, pollable: u32) {
        self.due.remove(&pollable);
    }

    pub(super) fn is_ready(&self, pollable: u32) -> bool {
        self.due.get(&pollable).is_none_or(|due| *due <= self.slept)
    }

    /// Moves the clock to where at least one of them is ready, and gives the positions of those that are. They are no
    /// more than a guest may have handles: to lend one twice takes two.
    pub(super) fn wait(&mut self, pollables: &[u32]) -> Result<Vec<u32>, Stopped> {
        let due = |pollable: &u32| self.due.get(pollable).copied().unwrap_or_default();
        let first = pollables.iter().map(due).min().ok_or(Stopped::EmptyPoll)?;
        self.slept = self.slept.max(first);
        Ok((0_u32..).zip(pollables).filter(|(_, pollable)| self.is_ready(**pollable)).map(|(at, _)| at).collect())
    }

    /// Takes output of the guest; each full line becomes a line of the log, empty ones do not.
    pub(in super::super) fn write(&mut self, is_error: bool, bytes: &[u8], tally: &mut Tally) -> Result<(), Stopped> {
        if bytes.len() > limits::WASI_WRITE_BYTES {
            return Err(Stopped::Write { asked: bytes.len() });
        }
        let (line, level) =
            if is_error { (&mut self.stderr, LogLevel::Warn) } else { (&mut self.stdout, LogLevel::Info) };
        for (at, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                end_line(line, level, tally);
            }
            let room = LINE_BYTES - line.len();
            line.extend(part.iter().take(room));
        }
        Ok(())
    }

    fn block(&mut self) -> [u8; 32] {
        let block = Sha256::new().chain_update(self.seed).chain_update(self.blocks.to_le_bytes()).finalize();
        self.blocks += 1;
        block.into()
    }
}

fn end_line(line: &mut Vec<u8>, level: LogLevel, tally: &mut Tally) {
    if !line.is_empty() {
        tally.log(level, &String::from_utf8_lossy(line));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside() -> Inside {
        Inside::new([7; 32])
    }

    #[test]
    fn the_random_stream_is_the_seeds_and_never_repeats() {
        let (mut one, mut same, mut other) = (inside(), inside(), Inside::new([8; 32]));
        let first = one.random(100).expect("allowed");
        assert_eq!(first.len(), 100);
        assert_eq!(first, same.random(100).expect("allowed"));
        assert_ne!(first, other.random(100).expect("allowed"));
        assert_ne!(first, one.random(100).expect("allowed"), "the stream goes on");
        assert_ne!(one.random_u64(), one.random_u64());
        assert!(one.random(0).expect("allowed").is_empty());
        for count in [limits::WASI_RANDOM_BYTES as u64 + 1, 1 << 32, u64::MAX] {
            assert!(matches!(one.random(count), Err(Stopped::Random { asked }) if asked == count));
        }
    }

    #[test]
    fn sleeping_takes_no_time_and_moves_the_guests_clock() {
        let mut inside = inside();
        let (late, early) = (inside.subscribe(3_600_000_000_000), inside.subscribe(1_000));
        assert!(!inside.is_ready(early));
        assert_eq!(inside.wait(&[late, early]).expect("something"), [1]);
        assert_eq!(inside.slept(), 1_000);
        assert_eq!(inside.wait(&[late]).expect("something"), [0]);
        assert_eq!(inside.slept(), 3_600_000_000_000);
        assert_eq!(inside.wait(&[late, early]).expect("something"), [0, 1], "the clock never goes back");
        assert_eq!(inside.slept(), 3_600_000_000_000);
        assert!(matches!(inside.wait(&[]), Err(Stopped::EmptyPoll)));
        inside.forget(early);
        inside.next = late;
        assert_eq!(inside.subscribe(0), early, "a handle in use is not given again");
    }

    /// Lesson 11: what a guest writes is bounded however it writes it.
    #[test]
    fn output_becomes_lines_of_the_log() {
        let long = "x".repeat(limits::LOG_LINE_BYTES * 3);
        for (parts, lines) in [
            (vec!["one\n"], vec!["one".to_string()]),
            (vec!["o", "n", "e\ntw", "o"], vec!["one".into(), "two".into()]),
            (vec!["", "\n\n", "\n"], vec![]),
            (vec!["\u{1b}[2J\n"], vec![" [2J".into()]),
            (vec![&long, &long, "\nnext"], vec![format!("{}…", "x".repeat(limits::LOG_LINE_BYTES)), "next".into()]),
        ] {
            let (mut inside, mut tally) = (inside(), Tally::default());
            for part in &parts {
                inside.write(false, part.as_bytes(), &mut tally).expect("not too much");
                assert!(inside.stdout.len() <= LINE_BYTES);
            }
            inside.flush(&mut tally);
            let logged: Vec<_> = tally.logs.into_iter().map(|line| line.message).collect();
            assert_eq!(logged, lines, "{parts:?}");
        }
        let (mut inside, mut tally) = (inside(), Tally::default());
        inside.write(true, &b"\xff\n".repeat(limits::LOG_LINES + 50), &mut tally).expect("not too much");
        assert_eq!((tally.logs.len(), tally.dropped_logs), (limits::LOG_LINES, 50));
        assert_eq!(tally.logs[0].level, LogLevel::Warn);
    }

    /// Lesson 11: nothing interrupts the host's own loops, so no host call may be long.
    #[test]
    fn what_one_write_may_hand_over_is_bounded() {
        let (mut inside, mut tally) = (inside(), Tally::default());
        assert!(inside.write(false, &[b'\n'; limits::WASI_WRITE_BYTES], &mut tally).is_ok());
        for bytes in [limits::WASI_WRITE_BYTES + 1, limits::HOST_CALL_BYTES] {
            let refused = inside.write(false, &vec![b'x'; bytes], &mut tally);
            assert!(matches!(refused, Err(Stopped::Write { asked }) if asked == bytes), "{refused:?}");
        }
        inside.flush(&mut tally);
        assert!(tally.logs.is_empty(), "what was refused was not written: {:?}", tally.logs);
    }
}
