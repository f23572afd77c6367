//! The configuration as written: a TOML file, and the command line laid over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigError, NeighbourLimits, WrittenConnect, WrittenMcp, WrittenRetention, WrittenSources};

/// What an operator wrote. Unknown keys are errors: a misspelt limit must not pass for a set one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Folder of all that the host keeps.
    pub data: Option<PathBuf>,
    /// Address and port to listen on.
    pub listen: Option<String>,
    /// `postgres://…`; SQLite in the data folder without it.
    pub database: Option<String>,
    /// What links to this host begin with.
    pub public_url: Option<String>,
    /// Networks in CIDR notation that are not public and may be reached all the same.
    pub allow_private_network: Option<Vec<String>>,
    /// PEM file of a certificate authority to trust besides the public ones.
    pub extra_ca: Option<PathBuf>,
    /// Component that runs the tools of imported documents.
    pub generic: Option<PathBuf>,
    /// How many guests may run at the same time.
    pub max_concurrent_calls: Option<u32>,
    /// What one caller may take from its neighbours; only in the file.
    pub limits: Option<NeighbourLimits>,
    /// What is kept of calls, and for how long; only in the file.
    pub records: Option<WrittenRetention>,
    /// The pages on which users connect their accounts; only in the file.
    pub connect: Option<WrittenConnect>,
    /// What MCP clients are told; only in the file.
    pub mcp: Option<WrittenMcp>,
    /// By the name of a project: what it may read of secrets that are kept outside of the database; only in the file.
    pub secrets: Option<BTreeMap<String, WrittenSources>>,
}

impl ConfigFile {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::Invalid { path: path.to_owned(), message: error.to_string() })
    }

    /// What `over` says where it says something, and this otherwise.
    #[must_use]
    pub fn overlaid(self, over: Self) -> Self {
        Self {
            data: over.data.or(self.data),
            listen: over.listen.or(self.listen),
            database: over.database.or(self.database),
            public_url: over.public_url.or(self.public_url),
            allow_private_network: over.allow_private_network.or(self.allow_private_network),
            extra_ca: over.extra_ca.or(self.extra_ca),
            generic: over.generic.or(self.generic),
            max_concurrent_calls: over.max_concurrent_calls.or(self.max_concurrent_calls),
            limits: over.limits.or(self.limits),
            records: over.records.or(self.records),
            connect: over.connect.or(self.connect),
            mcp: over.mcp.or(self.mcp),
            secrets: over.secrets.or(self.secrets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gloveport.toml");
        std::fs::write(&path, "data = \"/srv\"\nlisten_on = \"x\"\n").unwrap();
        let error = ConfigFile::read(&path).unwrap_err().to_string();
        assert!(error.contains("listen_on") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn tables_are_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gloveport.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            ConfigFile::read(&path).map_err(|error| error.to_string())
        };
        let records = read("[records]\nbodies = \"waiting\"\nbodies_kept_days = 3\n").unwrap().records.unwrap();
        assert_eq!((records.bodies, records.bodies_kept_days), (Some(super::super::KeepBodies::Waiting), Some(3)));
        for (text, said) in [
            ("[records]\nbodies = \"some\"\n", "some"),
            ("[records]\nkeep = \"all\"\n", "keep"),
            ("records = \"all\"\n", "records"),
            ("[secrets.default]\nenvironment = [\"A\"]\n", "environment"),
            ("[secrets]\nenv = [\"A\"]\n", "env"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said) && error.contains("line"), "{text}: {error}");
        }
    }

    #[test]
    fn the_command_line_wins() {
        let file = ConfigFile { data: Some("/a".into()), listen: Some("1".into()), ..ConfigFile::default() };
        let line = ConfigFile { data: Some("/b".into()), ..ConfigFile::default() };
        let both = file.overlaid(line);
        assert_eq!((both.data, both.listen), (Some("/b".into()), Some("1".into())));
    }
}
