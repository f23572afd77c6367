//! A bridge for programs that speak MCP by their standard streams: lines in, requests to an endpoint, answers out.
//!
//! It is a client like any other: it decides nothing, and holds nothing but what the endpoint said in the beginning.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet, block_in_place};

use super::super::client::{Client, Incoming};
use super::super::{CliError, Session};
use super::events::Events;
use super::message::{Begun, Message, SESSION, VERSION, one_line};

/// Bytes of a line: what the endpoint takes (5 MiB).
const MAX_LINE: usize = 5 * 1024 * 1024;

/// Requests under way at once; more lines are not read until one has ended. Programs have a dozen.
const AT_ONCE: usize = 64;

/// Lines that wait until they are written: a program that reads slowly slows its endpoint, and fills no memory.
const UNWRITTEN: usize = 64;

/// How long requests may take to end once nothing more is asked: programs end their servers some seconds after they have
/// closed their input.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// How long to wait until a stream of changes that has ended is opened again: changes are no hurry.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// What is to be written, and where.
enum Said {
    /// A message, on standard output.
    Message(String),
    /// Something for people, on standard error.
    Note(String),
}

/// Carries messages until standard input is closed and all is answered.
///
/// # Errors
///
/// When a standard stream fails.
pub(super) fn run(client: Client, session: &mut Session<'_>) -> Result<(), CliError> {
    let (sender, receiver) = channel(UNWRITTEN);
    let handle = Handle::current();
    let Session { out, err, input, .. } = session;
    // Reading blocks, and this thread has to write meanwhile.
    block_in_place(|| {
        std::thread::scope(|scope| {
            let reader = scope.spawn(move || read(&mut **input, Lines::new(client, sender, handle)));
            let written = write(receiver, &mut **out, &mut **err);
            let read = reader.join().unwrap_or_else(|_| Err(std::io::Error::other("reading ended by itself")));
            written.and(read.map_err(CliError::from))
        })
    })
}

fn write(mut said: Receiver<Said>, out: &mut dyn std::io::Write, err: &mut dyn std::io::Write) -> Result<(), CliError> {
    while let Some(said) = said.blocking_recv() {
        match said {
            Said::Message(line) => {
                writeln!(out, "{line}")?;
                out.flush()?;
            }
            Said::Note(text) => writeln!(err, "{text}")?,
        }
    }
    Ok(())
}

fn read(input: &mut (dyn Read + Send), mut lines: Lines) -> std::io::Result<()> {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let longest = u64::try_from(MAX_LINE).unwrap_or(u64::MAX) + 1;
        if input.by_ref().take(longest).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() > MAX_LINE && !line.ends_with(b"\n") {
            // What comes after it cannot be told from the rest of it.
            return Err(std::io::Error::other(format!("a line has more than {MAX_LINE} bytes")));
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if !text.is_empty() && lines.take(text).is_err() {
            return Ok(());
        }
    }
    lines.end();
    Ok(())
}

/// Nobody takes answers any more.
struct Unheard;

/// A request under way.
struct Underway {
    task: AbortHandle,
    modern: bool,
    /// Whether it has no end of its own.
    endless: bool,
}

/// What the reading side holds.
struct Lines {
    client: Client,
    answers: Sender<Said>,
    runtime: Handle,
    tasks: JoinSet<()>,
    underway: HashMap<String, Underway>,
    begun: Begun,
}

impl Lines {
    fn new(client: Client, answers: Sender<Said>, runtime: Handle) -> Self {
        let (tasks, underway, begun) = (JoinSet::new(), HashMap::new(), Begun::default());
        Self { client, answers, runtime, tasks, underway, begun }
    }

    /// Takes one line. What others depend on is waited for.
    fn take(&mut self, line: String) -> Result<(), Unheard> {
        let message = match Message::read(line) {
            Ok(message) => message,
            Err(answer) => return self.say(Said::Message(answer)),
        };
        if let Some(id) = message.cancels()
            && let Some(underway) = self.underway.get(&id)
            && underway.modern
        {
            // In the current revision a closed stream says it.
            underway.task.abort();
            return Ok(());
        }
        let carried = carry(self.client.clone(), message.clone(), self.begun.clone(), self.answers.clone());
        match message.method.as_str() {
            "initialize" => {
                if let Some(begun) = self.runtime.block_on(carried) {
                    self.begun = begun;
                }
            }
            "notifications/initialized" if !message.is_modern() => {
                self.runtime.block_on(carried);
                let changes = listen(self.client.clone(), self.begun.clone(), self.answers.clone());
                self.spawn("changes".into(), &message, changes, true);
            }
            _ => {
                self.make_room();
                let id = message.id.as_ref().map_or_else(String::new, Value::to_string);
                let endless = message.listens();
                self.spawn(id, &message, async { drop(carried.await) }, endless);
            }
        }
        if self.answers.is_closed() { Err(Unheard) } else { Ok(()) }
    }

    fn spawn(&mut self, id: String, of: &Message, work: impl Future<Output = ()> + Send + 'static, endless: bool) {
        let task = self.tasks.spawn_on(work, &self.runtime);
        self.underway.insert(id, Underway { task, modern: of.is_modern(), endless });
    }

    /// Waits until there may be one more.
    fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() >= AT_ONCE {
            self.runtime.block_on(self.tasks.join_next());
        }
        self.underway.retain(|_, underway| !underway.task.is_finished());
    }

    /// Nothing more comes: what has an end may come to it.
    fn end(self) {
        let Self { mut tasks, underway, runtime, .. } = self;
        for underway in underway.values().filter(|underway| underway.endless) {
            underway.task.abort();
        }
        runtime.block_on(async {
            let all = async { while tasks.join_next().await.is_some() {} };
            if tokio::time::timeout(LAST_ANSWERS, all).await.is_err() {
                // Whatever takes longer ends with its connection.
                tasks.abort_all();
            }
        });
    }

    fn say(&self, said: Said) -> Result<(), Unheard> {
        self.runtime.block_on(self.answers.send(said)).map_err(|_| Unheard)
    }
}

/// Sends a message and writes what comes of it. Gives what a later one has to say if it is the first one.
async fn carry(client: Client, message: Message, begun: Begun, answers: Sender<Said>) -> Option<Begun> {
    let headers = asking(message.headers(&begun), "application/json, text/event-stream");
    let failure = match client.stream(Method::POST, headers, message.text.clone(), message.listens()).await {
        Ok(incoming) => {
            let session = incoming.header(&SESSION);
            match answered(incoming, &message, &answers).await {
                Ok(answer) => {
                    let version = answer.as_ref().and_then(|answer| answer["result"]["protocolVersion"].as_str());
                    let version = version.and_then(|version| HeaderValue::from_str(version).ok());
                    return Some(Begun { session, version });
                }
                Err(reason) => reason,
            }
        }
        Err(error) => error.to_string(),
    };
    let said = message.failed(&failure).map_or_else(|| Said::Note(failure), Said::Message);
    // Nobody is left to be told.
    drop(answers.send(said).await);
    None
}

/// Writes what the endpoint answers; gives the answer itself.
///
/// # Errors
///
/// One sentence, where there is none.
async fn answered(mut incoming: Incoming, message: &Message, answers: &Sender<Said>) -> Result<Option<Value>, String> {
    let status = incoming.status();
    let kind = incoming.header(&header::CONTENT_TYPE);
    let is = |wanted: &str| kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(wanted.as_bytes()));
    if is("text/event-stream") {
        return streamed(incoming, message, answers).await;
    }
    let text = incoming.text().await.map_err(|error| error.to_string())?;
    if message.id.is_none() && status.is_success() {
        return Ok(None);
    }
    let answer: Option<Value> = serde_json::from_str(&text).ok().filter(|answer: &Value| answer["jsonrpc"] == "2.0");
    let Some(mut answer) = answer.filter(|_| is("application/json")) else {
        return Err(format!("the endpoint answered HTTP {}", status.as_u16()));
    };
    let Some(id) = &message.id else { return Err(refused(status, &answer)) };
    let text = if answer["id"].is_null() {
        // Refused before it was read: the program still has to hear of its request.
        answer["id"] = id.clone();
        answer.to_string()
    } else {
        one_line(text)
    };
    drop(answers.send(Said::Message(text)).await);
    Ok(Some(answer))
}

fn refused(status: StatusCode, answer: &Value) -> String {
    let reason = answer["error"]["message"].as_str().unwrap_or("no reason given");
    format!("the endpoint answered HTTP {}: {reason}", status.as_u16())
}

async fn streamed(mut incoming: Incoming, message: &Message, answers: &Sender<Said>) -> Result<Option<Value>, String> {
    let mut events = Events::default();
    let mut last = None;
    while let Some(piece) = incoming.piece().await.map_err(|error| error.to_string())? {
        for data in events.take(&piece).map_err(|_| "an event is too long".to_owned())? {
            let Ok(value) = serde_json::from_str::<Value>(&data) else { continue };
            drop(answers.send(Said::Message(one_line(data))).await);
            if message.is_answered_by(&value) {
                last = Some(value);
            }
        }
    }
    match (last, &message.id) {
        (None, Some(_)) => Err("the endpoint ended the stream before the answer".into()),
        (last, _) => Ok(last),
    }
}

/// Hears of changes for a program of the earlier revisions, for as long as the endpoint tells of any.
async fn listen(client: Client, begun: Begun, answers: Sender<Said>) {
    loop {
        let mut headers = asking(HeaderMap::new(), "text/event-stream");
        headers.extend(begun.version.clone().map(|version| (VERSION, version)));
        headers.extend(begun.session.clone().map(|session| (SESSION, session)));
        if let Ok(mut incoming) = client.stream(Method::GET, headers, String::new(), true).await {
            if !incoming.status().is_success() {
                return;
            }
            let mut events = Events::default();
            while let Ok(Some(piece)) = incoming.piece().await {
                let Ok(all) = events.take(&piece) else { break };
                for data in all {
                    drop(answers.send(Said::Message(one_line(data))).await);
                }
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

fn asking(mut headers: HeaderMap, accept: &'static str) -> HeaderMap {
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}
