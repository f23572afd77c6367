//! Finds the manifest in a component's custom section, without running anything.

use wasmparser::{Parser, Payload};

use super::CatalogError;

/// Name of the custom section.
const SECTION: &str = "gloveport:manifest";

/// A manifest is a page of JSON; 256 KiB is room for hundreds of auth fields and still nothing to read.
const MAX_BYTES: usize = 256 * 1024;

/// The manifest's text: from the only section of that name, at the top level or within a core module.
pub(super) fn manifest_text(component: &[u8]) -> Result<&str, CatalogError> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| CatalogError::NotAConnector(error.message().to_owned()))?;
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
            && found.replace(section.data()).is_some()
        {
            return Err(CatalogError::NotAConnector(format!("it has more than one `{SECTION}` section")));
        }
    }
    let bytes = found.ok_or_else(|| CatalogError::NotAConnector(format!("it has no `{SECTION}` section")))?;
    if bytes.len() > MAX_BYTES {
        return Err(CatalogError::NotAConnector(format!("its manifest is longer than {MAX_BYTES} bytes")));
    }
    std::str::from_utf8(bytes).map_err(|_| CatalogError::NotAConnector("its manifest is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn with_sections(sections: &[&[u8]]) -> Vec<u8> {
        let mut bytes = COMPONENT.to_vec();
        for data in sections {
            let length = u8::try_from(1 + SECTION.len() + data.len()).unwrap();
            assert!(length < 128, "one LEB128 byte");
            bytes.extend([0, length, u8::try_from(SECTION.len()).unwrap()]);
            bytes.extend(SECTION.as_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn exactly_one_section_is_read() {
        assert_eq!(manifest_text(&with_sections(&[b"{}"])).unwrap(), "{}");
        for (bytes, reason) in [
            (COMPONENT.to_vec(), "no `gloveport:manifest`"),
            (with_sections(&[b"{}", b"{}"]), "more than one"),
            (with_sections(&[b"\xff"]), "not UTF-8"),
            (b"hello".to_vec(), "not a connector"),
            (with_sections(&[b"{}"])[..12].to_vec(), "not a connector"),
        ] {
            let error = manifest_text(&bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
