//! A guest whose behaviour is data: what it does next, and with what, depends on all that it was told before.

use gloveport_sdk::http::{Error, Path, Request, Response, send_all};
use gloveport_sdk::{Failure, account, clock, random, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A behaviour.
#[derive(Deserialize, JsonSchema)]
pub struct Script {
    /// In order.
    steps: Vec<Step>,
}

/// One thing that a guest does.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reads from a path that nobody else would read from.
    Read,
    /// Writes there.
    Write,
    /// Reads, writes and reads at once.
    Several,
    /// Sends what the host refuses.
    Refused,
    /// Asks for as many random bytes.
    Random(u32),
    /// Asks for the time.
    Now,
    /// Asks for a field of the account.
    Field,
    /// Writes, or reads, as what it was told has it.
    Depends,
    /// Gives up, if what it was told has it.
    Fails,
}

/// What it was told.
#[derive(Serialize, JsonSchema)]
pub struct Told {
    /// Sum of all of it.
    sum: String,
    /// How many steps that took.
    steps: usize,
}

/// Does what the script says.
#[tool(effect = write, routes = ["GET /{path+}", "POST /{path+}"])]
pub fn script(input: Script) -> Result<Told, Failure> {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    for step in &input.steps {
        let text = format!("/{:016x}", sum.0);
        let path = || Path::encoded(text.clone());
        let part = |part: u8| Path::encoded(format!("{text}/{part}"));
        match step {
            Step::Read => sum.reply(Request::get(path()).try_send()?),
            Step::Write => sum.reply(Request::post(path()).bytes(text.clone()).try_send()?),
            Step::Several => {
                let requests = vec![Request::get(part(0)), Request::post(part(1)).json(&sum.0), Request::get(part(2))];
                send_all(requests)?.into_iter().for_each(|reply| sum.reply(reply));
            }
            Step::Refused => sum.reply(Request::delete(path()).try_send()?),
            Step::Random(count) => sum.add(&random::bytes(*count)),
            Step::Now => sum.add(&clock::now_ms().to_le_bytes()),
            Step::Field => sum.add(account::field("domain").unwrap_or_default().as_bytes()),
            Step::Depends if sum.0.is_multiple_of(2) => sum.reply(Request::post(path()).try_send()?),
            Step::Depends => sum.reply(Request::get(path()).try_send()?),
            Step::Fails if sum.0.is_multiple_of(8) => return Err(Failure::NotFound(format!("at {:016x}", sum.0))),
            Step::Fails => {}
        }
    }
    Ok(Told { sum: format!("{:016x}", sum.0), steps: input.steps.len() })
}

/// FNV-1a: short, and the same everywhere.
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.0 = self.0.wrapping_add(1);
    }

    fn reply(&mut self, reply: Result<Response, Error>) {
        match reply {
            Ok(response) => {
                self.add(&response.status.to_le_bytes());
                self.add(response.bytes());
            }
            Err(error) => self.add(format!("{error:?}").as_bytes()),
        }
    }
}
