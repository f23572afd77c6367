//! The options that every client command shares: which host, with which key, and how to answer.

use std::path::PathBuf;

use clap::Args;
use url::Url;
use zeroize::Zeroizing;

use super::client::Client;
use super::secrets::{read_file, without_newline};
use super::{CliError, Session};
use crate::model::is_loopback;

/// Which host to ask and how to show its answer.
#[derive(Args, Debug)]
pub(super) struct Remote {
    /// Address of the running host.
    #[arg(long, global = true, value_name = "URL", env = "GLOVEPORT_SERVER", value_parser = parse_server)]
    #[arg(default_value = "http://127.0.0.1:7070")]
    pub server: Url,
    /// File that holds the API key; without it the key comes from GLOVEPORT_KEY.
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Answer with the API's JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Remote {
    /// A client of the host.
    ///
    /// # Errors
    ///
    /// When the key file cannot be read or does not hold a key.
    pub(super) fn client(&self, session: &mut Session<'_>) -> Result<Client, CliError> {
        self.client_of(self.server.clone(), session)
    }

    /// The same of one of its URLs.
    ///
    /// # Errors
    ///
    /// As for [`Remote::client`].
    pub(super) fn client_of(&self, url: Url, session: &mut Session<'_>) -> Result<Client, CliError> {
        let key = match &self.key_file {
            Some(path) => Some(without_newline(read_file(path)?)),
            None => session.key.as_ref().map(|key| Zeroizing::new(key.trim().to_owned())),
        };
        if key.is_some() && self.server.scheme() == "http" && !is_loopback(&self.server) {
            writeln!(session.err, "Warning: the key travels in clear to {}; use https", self.server)?;
        }
        Client::new(url, key.as_deref().map(String::as_str))
    }
}

/// Takes an http or https URL without credentials, query and fragment. The refusal does not repeat the text.
pub(super) fn parse_server(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; for example http://127.0.0.1:7070"))?;
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err("it must start with http:// or https://".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a credential; set GLOVEPORT_KEY".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must not have a query or a fragment".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Fake, run_args_at, run_offline};

    #[tokio::test]
    async fn a_key_file_goes_before_the_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let args = ["key", "list", "--key-file", path.to_str().expect("text")];
        std::fs::write(&path, "gp_file\n").expect("written");
        let fake = Fake::answering(200, r#"{"items": [], "next_cursor": null}"#).await;
        assert_eq!(run_args_at(&fake, &args, "").await.code, 0);
        assert_eq!(fake.request().authorization, "Bearer gp_file");
        for wrong in ["", "\n", "gp canary", "gp_canary\ngp_canary\n"] {
            std::fs::write(&path, wrong).expect("written");
            let ran = run_args_at(&fake, &args, "").await;
            assert_eq!((ran.code, fake.requests().len()), (2, 1), "{wrong:?}");
            assert!(!ran.err.contains("canary"), "{}", ran.err);
        }
        std::fs::remove_file(&path).expect("removed");
        assert_eq!((run_args_at(&fake, &args, "").await.code, fake.requests().len()), (1, 1));
    }

    #[tokio::test]
    async fn without_a_key_none_is_sent() {
        let fake = Fake::answering(401, r#"{"title": "No key", "status": 401, "code": "unauthenticated"}"#).await;
        let ran = run_offline(&format!("key list --server {}", fake.url), "").await;
        assert_eq!((ran.code, fake.request().authorization.as_str()), (1, ""));
        assert!(ran.err.contains("GLOVEPORT_KEY"), "{}", ran.err);
    }

    #[test]
    fn only_plain_http_addresses_are_servers() {
        for text in ["http://127.0.0.1:7070", "https://h.example/base/", "http://[::1]:1", "http://localhost"] {
            assert!(parse_server(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "h.example",
            "ftp://h",
            "unix:/x",
            "http://",
            "http://u@h",
            "http://u:p@h",
            "http://h?q=1",
            "http://h#f",
        ] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }
}
