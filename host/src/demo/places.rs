//! Where the connectors of the demo are.

use std::path::{Path, PathBuf};

use super::DemoError;

/// What the demo installs.
pub(super) const CONNECTORS: [&str; 2] = ["github", "stripe"];

/// The folder that holds them: the given one, else `plugins` beside the running program, or beside its folder.
pub(super) fn connectors(given: Option<&Path>) -> Result<PathBuf, DemoError> {
    let places = match given {
        Some(folder) => vec![folder.to_owned()],
        None => {
            let program = std::env::current_exe()?;
            program.ancestors().skip(1).take(2).map(|folder| folder.join("plugins")).collect()
        }
    };
    find(&places)
}

/// The component of a connector in that folder.
pub(super) fn component(folder: &Path, connector: &str) -> PathBuf {
    folder.join(format!("{connector}.wasm"))
}

fn find(places: &[PathBuf]) -> Result<PathBuf, DemoError> {
    let complete = |folder: &&PathBuf| CONNECTORS.iter().all(|name| component(folder, name).is_file());
    places.iter().find(complete).cloned().ok_or_else(|| {
        let places: Vec<_> = places.iter().map(|folder| folder.display().to_string()).collect();
        DemoError::NoConnectors(places.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_complete_folder_is_taken_and_none_is_told_with_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let [empty, half, whole] = ["empty", "half", "whole"].map(|name| folder.path().join(name));
        for (place, names) in [(&empty, &[][..]), (&half, &["github.wasm"]), (&whole, &["github.wasm", "stripe.wasm"])]
        {
            std::fs::create_dir(place).unwrap();
            names.iter().for_each(|name| std::fs::write(place.join(name), "").unwrap());
        }
        let missing = folder.path().join("missing");
        for (places, found) in [
            (vec![whole.clone()], Some(&whole)),
            (vec![missing.clone(), empty.clone(), half.clone(), whole.clone()], Some(&whole)),
            (vec![half.clone()], None),
            (vec![missing, empty], None),
        ] {
            match find(&places) {
                Ok(folder) => assert_eq!(Some(&folder), found),
                Err(error) => {
                    let told = error.to_string();
                    assert!(found.is_none() && told.contains("cargo xtask plugins"), "{told}");
                    assert!(places.iter().all(|place| told.contains(&place.display().to_string())), "{told}");
                }
            }
        }
    }
}
