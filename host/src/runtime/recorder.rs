//! Stands between what a guest asks for and the world: answers again what was answered before, stops at what nobody has
//! answered or approved yet, and writes down the rest.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::journal::{Demand, Entry, Journal, Reply};
use super::limits;
use super::tools::{self, Invocation, Nested, NestedFault};
use crate::egress::{Egress, EgressError, Grant, Planned, Response, Shown};
use crate::model::ExecutionId;

/// Which writes of a call may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All that the tool declared.
    Open,
    /// None: the call stops at its first write, to be shown to a person.
    Ask,
    /// The one that a person has seen.
    Approved {
        /// Its digest.
        request: [u8; 32],
        /// Whether the next write has to be asked for again.
        each: bool,
    },
}

/// A write that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What [`Gate::Approved`] has to name for it to leave.
    pub request: [u8; 32],
    /// The request, exactly as it would leave, without what the host injects.
    pub shown: Shown,
}

/// What a guest wants to know of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// One sentence for people.
    pub question: String,
    /// JSON Schema 2020-12 of the answer, as JSON text.
    pub schema: String,
}

/// Why a guest does not go on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Stop {
    #[error("the call waits for the approval of a write")]
    Waiting(Box<Waiting>),
    #[error("the call waits for others that it has made")]
    Calls(Vec<ExecutionId>),
    #[error("the call waits for the user")]
    Input(Box<Question>),
    #[error("{0}")]
    Diverged(String),
    #[error("more bytes of replies than a journal holds")]
    Full,
}

/// What the recorder does with a request.
pub(super) enum Step {
    /// It was answered before; nothing leaves.
    Again(Result<Response, EgressError>),
    /// It may leave, or is refused.
    Send(Box<Result<Planned, EgressError>>),
}

/// A request as the journal names it.
pub(super) struct Line {
    request: [u8; 32],
    demand: Demand,
}

/// The journal of one call, as it is read and as it grows.
#[derive(Debug)]
pub(super) struct Recorder {
    /// `None` if nothing is to be kept: then the gate is open.
    journal: Option<Journal>,
    /// How many entries of the journal were answered in this run.
    at: usize,
    /// Where this run's own entries begin.
    replays: usize,
    gate: Gate,
    weight: usize,
    /// Why the guest was stopped.
    pub(super) stopped: Option<Stop>,
}

impl Recorder {
    /// For a call that may be one that goes on: the entries of its journal are answered again.
    pub(super) fn new(journal: Option<Journal>, gate: Gate) -> Self {
        let replays = journal.as_ref().map_or(0, |journal| journal.entries.len());
        let weight = journal.iter().flat_map(|journal| &journal.entries).map(|entry| entry.reply.weight()).sum();
        // Without a journal there is no way to go on later: nothing can be asked.
        let gate = if journal.is_none() { Gate::Open } else { gate };
        Self { journal, at: 0, replays, gate, weight, stopped: None }
    }

    /// Whether requests have to come one after the other.
    pub(super) fn is_strict(&self) -> bool {
        self.at < self.replays || self.gate != Gate::Open
    }

    /// How the journal will name a request that is about to leave; nothing if nothing is kept.
    pub(super) fn line(&self, egress: &Egress, grant: &Grant, planned: &Result<Planned, EgressError>) -> Option<Line> {
        self.journal.as_ref()?;
        let shown = planned.as_ref().ok().map(|planned| egress.show_line(grant, planned));
        let (method, url) = shown.unwrap_or_default();
        let writes = planned.as_ref().is_ok_and(Planned::writes);
        Some(Line { request: digest(planned), demand: Demand::Http { method, url, writes } })
    }

    /// What to do with the guest's next request.
    pub(super) fn next(
        &mut self,
        egress: &Egress,
        grant: &Grant,
        planned: Result<Planned, EgressError>,
    ) -> Result<Step, Stop> {
        if !self.is_strict() {
            return Ok(Step::Send(Box::new(planned)));
        }
        let request = digest(&planned);
        if let Some(reply) = self.again(request)? {
            return match reply.response() {
                Some(result) => Ok(Step::Again(result)),
                None => Err(self.unlike_before()),
            };
        }
        let writes = planned.as_ref().is_ok_and(Planned::writes);
        match (&self.gate, &planned) {
            (Gate::Approved { request: approved, each }, _) => {
                if *approved != request {
                    let what = "the request is not the one that was approved";
                    return Err(self.stop(Stop::Diverged(what.into())));
                }
                self.gate = if *each { Gate::Ask } else { Gate::Open };
            }
            (Gate::Ask, Ok(planned)) if writes => {
                let waiting = Waiting { request, shown: egress.show(grant, planned) };
                return Err(self.stop(Stop::Waiting(Box::new(waiting))));
            }
            _ => {}
        }
        Ok(Step::Send(Box::new(planned)))
    }

    /// Writes down what a request was answered.
    pub(super) fn note(&mut self, line: Option<Line>, result: &Result<Response, EgressError>) -> Result<(), Stop> {
        let Some(Line { request, demand }) = line else { return Ok(()) };
        self.keep(Entry { request, demand, reply: Reply::of(result) })
    }

    /// What came of nested calls when they were made before; `None` if they have to be made now.
    pub(super) fn nested_before(
        &mut self,
        invocations: &[Invocation],
    ) -> Result<Option<Vec<Result<String, NestedFault>>>, Stop> {
        let mut before = Vec::new();
        for invocation in invocations {
            match self.again(invocation.digest())?.map(|reply| reply.output()) {
                Some(Some(output)) => before.push(output),
                // They were made together, and so are all in the journal or none.
                None if before.is_empty() => break,
                None | Some(None) => return Err(self.unlike_before()),
            }
        }
        if before.len() == invocations.len() {
            return Ok(Some(before));
        }
        self.past_approval()?;
        Ok(None)
    }

    /// Writes down what came of nested calls, and gives it, unless one of them waits.
    pub(super) fn note_nested(
        &mut self,
        made: Vec<(Invocation, Nested)>,
    ) -> Result<Vec<Result<String, NestedFault>>, Stop> {
        let (mut waits, mut outputs) = (Vec::new(), Vec::new());
        for (invocation, nested) in made {
            match &nested {
                Nested::Waits(execution) => waits.push(execution.clone()),
                Nested::Done(output) => outputs.push(output.clone()),
            }
            let (request, demand) = (invocation.digest(), Demand::Tool { name: invocation.tool });
            self.keep(Entry { request, demand, reply: Reply::of_nested(nested) })?;
        }
        if waits.is_empty() {
            return Ok(outputs);
        }
        Err(self.pause(Stop::Calls(waits)))
    }

    /// What a user said, or the end of this run.
    pub(super) fn answer(&mut self, question: Question) -> Result<String, Stop> {
        let request = tools::digest("input", [Some(&question.question), Some(&question.schema)]);
        if let Some(reply) = self.again(request)? {
            return match reply {
                Reply::Output(answer) => Ok(answer),
                _ => Err(self.unlike_before()),
            };
        }
        self.past_approval()?;
        self.keep(Entry { request, demand: Demand::Input, reply: Reply::Pending(None) })?;
        Err(self.pause(Stop::Input(Box::new(question))))
    }

    /// Whether a write would have to be asked for now.
    pub(super) fn asks(&self) -> bool {
        self.gate == Gate::Ask
    }

    /// What the journal says next, if it says anything.
    fn again(&mut self, request: [u8; 32]) -> Result<Option<Reply>, Stop> {
        if self.at >= self.replays {
            return Ok(None);
        }
        let Some(entry) = self.journal.as_ref().and_then(|journal| journal.entries.get(self.at)) else {
            return Ok(None);
        };
        if entry.request != request {
            return Err(self.unlike_before());
        }
        self.at += 1;
        Ok(Some(entry.reply.clone()))
    }

    /// After the journal comes what was approved, and nothing else.
    fn past_approval(&mut self) -> Result<(), Stop> {
        match self.gate {
            Gate::Approved { .. } => {
                Err(self.stop(Stop::Diverged("what it asks for is not the request that was approved".into())))
            }
            Gate::Open | Gate::Ask => Ok(()),
        }
    }

    fn unlike_before(&mut self) -> Stop {
        let what = format!("what it asks for at {} is not what was answered before", self.at + 1);
        self.stop(Stop::Diverged(what))
    }

    fn keep(&mut self, entry: Entry) -> Result<(), Stop> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        self.weight += entry.reply.weight();
        if self.weight > limits::JOURNAL_BYTES {
            // With an open gate nobody has to go on from here: the call itself need not fail.
            if self.gate == Gate::Open {
                self.journal = None;
                return Ok(());
            }
            return Err(self.stop(Stop::Full));
        }
        journal.entries.push(entry);
        self.at += 1;
        Ok(())
    }

    /// Stops where the call goes on later, which takes a journal.
    fn pause(&mut self, stop: Stop) -> Stop {
        let stop = if self.journal.is_some() { stop } else { Stop::Full };
        self.stop(stop)
    }

    /// What is left at the end of a run in which the guest came to its own end.
    pub(super) fn unfinished(&self) -> Option<Stop> {
        if self.at < self.replays {
            return Some(Stop::Diverged("the call ended before it came to where it was stopped".into()));
        }
        match self.gate {
            Gate::Approved { .. } => Some(Stop::Diverged("the call ended without sending what was approved".into())),
            Gate::Open | Gate::Ask => None,
        }
    }

    /// How many writes of earlier runs were cut off: nobody knows whether they arrived.
    pub(super) fn cut_off_before(&self) -> u32 {
        let entries = self.journal.iter().flat_map(|journal| journal.entries.iter().take(self.replays));
        let cut_off = entries.filter(|entry| {
            let writes = matches!(entry.demand, Demand::Http { writes: true, .. });
            writes && matches!(entry.reply, Reply::Error(EgressError::Timeout(_) | EgressError::Broken(_)))
        });
        u32::try_from(cut_off.count()).unwrap_or(u32::MAX)
    }

    /// The journal up to now, and how many of its requests were answered again and not for the first time.
    pub(super) fn into_journal(self) -> (Option<Journal>, usize) {
        let again = self.journal.iter().flat_map(|journal| journal.entries.iter().take(self.replays));
        let again = again.filter(|entry| matches!(entry.demand, Demand::Http { .. })).count();
        (self.journal, again)
    }

    fn stop(&mut self, stop: Stop) -> Stop {
        self.stopped = Some(stop.clone());
        stop
    }
}

/// Of the request, or of the reason why it cannot leave: the same guest would be told the same again.
fn digest(planned: &Result<Planned, EgressError>) -> [u8; 32] {
    match planned {
        Ok(planned) => planned.digest(),
        Err(error) => {
            let (kind, text) = error.parts();
            Sha256::digest(format!("refused {kind}\n{text}")).into()
        }
    }
}
