//! The endpoint that a bridge carries to: by a URL, which is a credential, or by a key and the name of a config.

use clap::Args;
use url::Url;

use super::super::client::Client;
use super::super::remote::Remote;
use super::super::{CliError, Session};
use super::snippet::Command;
use crate::model::is_loopback;

/// Which endpoint to carry to.
#[derive(Args, Debug)]
pub(super) struct Reached {
    /// The URL of an instance. Arguments are visible to others on this machine: the environment is not.
    #[arg(long, value_name = "URL", env = "GLOVEPORT_MCP_URL", hide_env_values = true)]
    url: Option<String>,
    /// A config, which is reached with the API key in GLOVEPORT_KEY instead of a URL.
    #[arg(long = "config", value_name = "NAME")]
    served: Option<String>,
    /// The user, where the key is not bound to one.
    #[arg(long, requires = "served")]
    identifier: Option<String>,
}

impl Reached {
    /// A client of the endpoint.
    ///
    /// # Errors
    ///
    /// Wrong usage, and a key that cannot be read.
    pub(super) fn client(&self, remote: &Remote, session: &mut Session<'_>) -> Result<Client, CliError> {
        match self.place()? {
            Place::Url(url) => {
                if url.scheme() == "http" && !is_loopback(&url) {
                    writeln!(session.err, "Warning: the URL, a credential, travels in clear; use https")?;
                }
                Client::new(url, None)
            }
            Place::Config(name) => {
                let mut url = remote.server.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push("mcp");
                }
                url.query_pairs_mut().append_pair("profile", name);
                if let Some(identifier) = &self.identifier {
                    url.query_pairs_mut().append_pair("identifier", identifier);
                }
                remote.client_of(url, session)
            }
        }
    }

    /// How a program starts this bridge. A key is not shown: its owner puts it there.
    ///
    /// # Errors
    ///
    /// Wrong usage.
    pub(super) fn command(&self, remote: &Remote) -> Result<Command, CliError> {
        let mut arguments = vec!["mcp".to_owned()];
        let (name, variable) = match self.place()? {
            Place::Url(url) => ("mcp", ("GLOVEPORT_MCP_URL", url.to_string())),
            Place::Config(name) => {
                arguments.extend([
                    "--server".to_owned(),
                    remote.server.to_string(),
                    "--config".to_owned(),
                    name.into(),
                ]);
                let identifier = self.identifier.iter().flat_map(|user| ["--identifier".to_owned(), user.clone()]);
                arguments.extend(identifier);
                (name, ("GLOVEPORT_KEY", "<an API key>".to_owned()))
            }
        };
        Ok(Command { name: name.to_owned(), arguments, variable })
    }

    fn place(&self) -> Result<Place<'_>, CliError> {
        match (&self.url, &self.served) {
            (Some(url), None) => parse_url(url).map(Place::Url),
            (None, Some(name)) => Ok(Place::Config(name)),
            (None, None) => Err(CliError::Usage("say where to: --url URL or --config NAME; or give a command".into())),
            (Some(_), Some(_)) => Err(CliError::Usage("--url and --config name two endpoints: give one".into())),
        }
    }
}

enum Place<'a> {
    Url(Url),
    Config(&'a str),
}

/// Takes an http or https URL. The refusal does not repeat the text, which may be a credential; clap's own would.
fn parse_url(text: &str) -> Result<Url, CliError> {
    let wrong = |reason: &str| CliError::Usage(format!("the URL of the endpoint: {reason}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must start with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not hold a user or a password"));
    }
    Ok(url)
}
