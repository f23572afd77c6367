//! A program that is told lines of JSON, and says lines of JSON.

use std::fmt::Display;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running program. It ends when this is dropped.
pub struct Conversation {
    _process: Child,
    tells: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Conversation {
    /// Starts a program.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("what was installed or built can be run");
        let tells = process.stdin.take().expect("it was piped");
        let says = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        Self { _process: process, tells, says }
    }

    /// The next thing that it says.
    ///
    /// # Panics
    ///
    /// When it has ended; why is on standard error.
    pub async fn hear(&mut self) -> Value {
        let line = self.says.next_line().await.expect("its output can be read").expect("it says more before it ends");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// Tells it a line.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub async fn tell(&mut self, line: impl Display) {
        self.tells.write_all(format!("{line}\n").as_bytes()).await.expect("it reads its input");
    }

    /// Tells it a line, and gives what it says then.
    pub async fn ask(&mut self, line: impl Display) -> Value {
        self.tell(line).await;
        self.hear().await
    }
}
