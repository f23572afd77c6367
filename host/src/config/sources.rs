//! Secrets that are kept outside of the database: which ones an operator lets a project read, and reading them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::{ConfigError, environment};
use crate::model::{Secret, SecretSource};

/// Bytes of a file that holds a secret: private keys and certificates with their chain are shorter, and what is longer is
/// the wrong file.
const MAX_FILE: u64 = 64 * 1024;

/// Variables of this host's own hold its master key and its first admin key: no project may read them.
const OWN_PREFIX: &str = "GLOVEPORT_";

/// What an operator lets a project read, as written: the table `secrets.NAME` of the file, by the project's name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrittenSources {
    /// Names of variables.
    #[serde(default)]
    pub env: Vec<String>,
    /// Folders whose files may be read, and files.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

/// What projects may read. Without an entry a project reads nothing.
#[derive(Clone, Debug)]
pub struct SecretSources {
    projects: BTreeMap<String, WrittenSources>,
    /// The folder of this host's own keys and rows, of which nothing may be read.
    data: PathBuf,
}

/// Why the value of a secret cannot be had from where it is. No text holds a part of a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SourceError {
    /// The operator's configuration does not name it.
    #[error(
        "the host's configuration lets project `{project}` not read `{place}`: its operator adds it to `[secrets]`"
    )]
    NotAllowed {
        /// Whose secret it is.
        project: String,
        /// What was to be read.
        place: String,
    },
    /// It is not there, or cannot be read.
    #[error("`{place}` cannot be read: {reason}")]
    Unreadable {
        /// What was to be read.
        place: String,
        /// Why.
        reason: String,
    },
}

impl SecretSources {
    /// No project reads anything.
    pub fn none() -> Self {
        Self { projects: BTreeMap::new(), data: PathBuf::new() }
    }

    /// What is used, from what was written.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a variable that is this host's own or no name of a variable, and for a path that is
    /// not absolute.
    pub fn resolve(projects: BTreeMap<String, WrittenSources>, data: &Path) -> Result<Self, ConfigError> {
        for sources in projects.values() {
            for name in &sources.env {
                let is_name = SecretSource::parse(&format!("env:{name}")).is_some();
                if name.starts_with(OWN_PREFIX) || !is_name {
                    let reason = format!("expected the name of a variable that does not begin with {OWN_PREFIX}");
                    return Err(ConfigError::Value { name: "variable of secrets", value: name.clone(), reason });
                }
            }
            if let Some(path) = sources.files.iter().find(|path| !path.is_absolute()) {
                let (value, reason) = (path.display().to_string(), "expected an absolute path".into());
                return Err(ConfigError::Value { name: "path of secrets", value, reason });
            }
        }
        Ok(Self { projects, data: data.to_owned() })
    }

    /// Reads the value as it is now. The newline that editors put at the end of a file is not a part of it.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotAllowed`] where the configuration does not name it, or a link leads out of what it names;
    /// [`SourceError::Unreadable`] where it is not there, empty, too long or not text.
    pub fn read(&self, project: &str, source: &SecretSource) -> Result<Secret, SourceError> {
        let unreadable = |reason: String| SourceError::Unreadable { place: source.text(), reason };
        let not_allowed = || SourceError::NotAllowed { project: project.to_owned(), place: source.text() };
        let sources = self.projects.get(project).ok_or_else(not_allowed)?;
        let secret = match source {
            SecretSource::Sealed => return Err(unreadable("it is sealed in the database".into())),
            SecretSource::Environment(name) if sources.env.contains(name) => {
                environment::secret(name).ok_or_else(|| unreadable("the variable is not set".into()))?
            }
            SecretSource::Environment(_) => return Err(not_allowed()),
            SecretSource::File(path) => {
                // Asked of what was written first, so that nobody learns which files there are elsewhere.
                if !sources.files.iter().any(|allowed| Path::new(path).starts_with(allowed)) {
                    return Err(not_allowed());
                }
                let real = Path::new(path).canonicalize().map_err(|error| unreadable(error.to_string()))?;
                let within = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
                if !sources.files.iter().any(within) || within(&self.data) {
                    return Err(not_allowed());
                }
                read_file(&real).map_err(unreadable)?
            }
        };
        if secret.is_empty() { Err(unreadable("it is empty".into())) } else { Ok(secret) }
    }
}

fn read_file(path: &Path) -> Result<Secret, String> {
    // A pipe would be waited for, and a device never ends.
    if !path.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".into());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = file.take(MAX_FILE + 1).read_to_string(&mut text);
    if text.len() as u64 > MAX_FILE {
        drop(Secret::new(text));
        return Err(format!("it has more than {MAX_FILE} bytes"));
    }
    read.map_err(|error| error.to_string())?;
    let end = text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    text.truncate(end);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(env: &[&str], files: &[&Path], data: &Path) -> Result<SecretSources, ConfigError> {
        let written = WrittenSources {
            env: env.iter().map(|name| (*name).to_owned()).collect(),
            files: files.iter().map(|path| path.to_path_buf()).collect(),
        };
        SecretSources::resolve(BTreeMap::from([("default".to_owned(), written)]), data)
    }

    fn file(path: &Path) -> SecretSource {
        SecretSource::File(path.display().to_string())
    }

    #[test]
    fn what_no_project_may_read_is_refused_when_it_is_written() {
        let data = Path::new("/nowhere");
        for name in ["GLOVEPORT_MASTER_KEY", "GLOVEPORT_ADMIN_KEY", "GLOVEPORT_X", "", "A B", "*", "A*"] {
            assert!(sources(&[name], &[], data).is_err(), "{name}");
        }
        assert!(sources(&[], &[Path::new("secrets")], data).is_err());
        assert!(sources(&["STRIPE_KEY"], &[Path::new("/run/secrets")], data).is_ok());
    }

    /// SI-12: as Kubernetes does it, the folder is swapped under a link, and the next read has the new value.
    #[test]
    fn a_file_is_read_as_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("..1"), folder.path().join("..2"));
        for (version, text) in [(&one, "first\n"), (&two, "second\r\n")] {
            std::fs::create_dir(version).unwrap();
            std::fs::write(version.join("key"), text).unwrap();
        }
        let link = folder.path().join("key");
        std::os::unix::fs::symlink("..data/key", &link).unwrap();
        let sources = sources(&[], &[folder.path()], Path::new("/nowhere")).unwrap();
        for (version, length) in [("..1", "first".len()), ("..2", "second".len())] {
            let _ = std::fs::remove_file(folder.path().join("..data"));
            std::os::unix::fs::symlink(version, folder.path().join("..data")).unwrap();
            assert_eq!(sources.read("default", &file(&link)).unwrap().len(), length);
        }
    }

    #[test]
    fn only_what_is_named_is_read() {
        let (folder, outside, data) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        std::fs::write(outside.path().join("other"), "canary").unwrap();
        std::fs::write(data.path().join("master.key"), "canary").unwrap();
        std::os::unix::fs::symlink(outside.path().join("other"), at("out")).unwrap();
        std::os::unix::fs::symlink(data.path().join("master.key"), at("own")).unwrap();
        std::fs::write(at("long"), "x".repeat(64 * 1024 + 1)).unwrap();
        std::fs::write(at("most"), "x".repeat(64 * 1024)).unwrap();
        std::fs::write(at("bytes"), [0xff, 0xfe]).unwrap();
        std::fs::write(at("empty"), "\n").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let sources = sources(&["HOME_OF_NOBODY"], &[folder.path(), data.path()], data.path()).unwrap();
        let not_allowed = |project: &str, source: &SecretSource| {
            matches!(sources.read(project, source), Err(SourceError::NotAllowed { .. }))
        };
        assert!(not_allowed("other", &file(&at("most"))));
        for path in [outside.path().join("other"), at("out"), at("own"), data.path().join("master.key")] {
            assert!(not_allowed("default", &file(&path)), "{}", path.display());
        }
        assert!(not_allowed("default", &SecretSource::Environment("PATH".into())));
        for name in ["missing", "long", "bytes", "empty", "folder"] {
            let error = sources.read("default", &file(&at(name))).unwrap_err();
            assert!(matches!(error, SourceError::Unreadable { .. }), "{name}: {error}");
        }
        let unset = sources.read("default", &SecretSource::Environment("HOME_OF_NOBODY".into()));
        assert!(matches!(unset, Err(SourceError::Unreadable { .. })));
        assert!(sources.read("default", &SecretSource::Sealed).is_err());
        assert_eq!(sources.read("default", &file(&at("most"))).unwrap().len(), 64 * 1024);
    }
}
