//! Targets of requests: values in them stay in their place.

use std::fmt::{self, Display, Write};

use crate::Failure;

/// Where a request goes: a path relative to the connection's base URL, or an absolute `https://` URL to one of the
/// connector's hosts. Made by [`path!`](crate::path), or from a literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Path(Result<String, Failure>);

impl Path {
    /// A target that is percent-encoded already, such as the `next` link of a provider's reply. The host checks it as
    /// it checks every other.
    pub fn encoded(target: impl Into<String>) -> Self {
        Self(Ok(target.into()))
    }

    /// Starts a path piece by piece; [`path!`](crate::path) is the pleasant way.
    pub fn builder() -> PathBuilder {
        PathBuilder { target: String::new(), failure: None }
    }

    /// The target as it will be sent.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidInput`] with the pointer of the value that cannot be a segment.
    pub fn into_target(self) -> Result<String, Failure> {
        self.0
    }
}

impl From<&'static str> for Path {
    fn from(target: &'static str) -> Self {
        Self::encoded(target)
    }
}

/// Collects fixed pieces and values.
pub struct PathBuilder {
    target: String,
    failure: Option<Failure>,
}

impl PathBuilder {
    /// Text that stands as it is.
    pub fn fixed(mut self, text: &str) -> Self {
        self.target.push_str(text);
        self
    }

    /// One value, encoded; `pointer` is where it came from in the input.
    pub fn value(mut self, pointer: &str, value: &dyn Display) -> Self {
        let value = value.to_string();
        self.check(pointer, &value);
        encode(&value, &mut self.target);
        self
    }

    /// Several segments, separated by `/`.
    pub fn segments(mut self, pointer: &str, value: &dyn Display) -> Self {
        let value = value.to_string();
        for (index, segment) in value.split('/').enumerate() {
            self.check(pointer, segment);
            if index > 0 {
                self.target.push('/');
            }
            encode(segment, &mut self.target);
        }
        self
    }

    /// The path.
    pub fn build(self) -> Path {
        // Pieces that are harmless alone may make `..` together.
        let climbs = self.target.split('/').any(|segment| matches!(segment, "." | ".."));
        match self.failure {
            Some(failure) => Path(Err(failure)),
            None if climbs => Path(Err(Failure::invalid_input("", "the values make a path with `.` or `..` in it"))),
            None => Path(Ok(self.target)),
        }
    }

    fn check(&mut self, pointer: &str, segment: &str) {
        let wrong = match segment {
            "" => "must not be empty: it is a part of a path",
            "." | ".." => "must not be `.` or `..`: it is a part of a path",
            _ => return,
        };
        self.failure.get_or_insert_with(|| Failure::invalid_input(pointer, wrong));
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3.
pub(crate) fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            push(into, format_args!("%{byte:02X}"));
        }
    }
}

fn push(into: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = into.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use crate::{Failure, path};

    struct Input {
        owner: String,
        file: String,
        number: u64,
    }

    fn target(owner: &str, file: &str) -> Result<String, Failure> {
        let input = Input { owner: owner.into(), file: file.into(), number: 7 };
        path!("/repos/{input.owner}/{input.number}/contents/{input.file+}").into_target()
    }

    #[test]
    fn values_stay_in_their_segment() {
        for (owner, file, expected) in [
            ("a", "b", "/repos/a/7/contents/b"),
            ("a/b", "src/x y.rs", "/repos/a%2Fb/7/contents/src/x%20y.rs"),
            ("../x", "ä", "/repos/..%2Fx/7/contents/%C3%A4"),
            ("a?b#c", "%2e%2e", "/repos/a%3Fb%23c/7/contents/%252e%252e"),
            ("...", "a\\b", "/repos/.../7/contents/a%5Cb"),
            ("a\r\nb", "@:;", "/repos/a%0D%0Ab/7/contents/%40%3A%3B"),
        ] {
            assert_eq!(target(owner, file).as_deref(), Ok(expected), "{owner} {file}");
        }
    }

    #[test]
    fn values_that_are_no_segment_are_the_callers_mistake() {
        for (owner, file, pointer) in [
            ("", "b", "/owner"),
            (".", "b", "/owner"),
            ("..", "b", "/owner"),
            ("a", "", "/file"),
            ("a", "/etc", "/file"),
            ("a", "b/../c", "/file"),
            ("a", "b//c", "/file"),
            ("a", "b/", "/file"),
        ] {
            let Err(Failure::InvalidInput(errors)) = target(owner, file) else { panic!("{owner} {file}") };
            assert_eq!(errors.first().map(|error| error.path.as_str()), Some(pointer), "{owner} {file}");
        }
    }

    #[test]
    fn pieces_cannot_climb_together() {
        let (left, right) = ("x", "y");
        assert!(path!("/a/{left}.{right}").into_target().is_ok());
        let (left, right) = ("..", "b");
        assert!(path!("/{left}/{right}").into_target().is_err());
        let dots = crate::http::Path::builder().fixed("/.").value("", &"\u{2e}x").fixed("").build();
        assert_eq!(dots.into_target().as_deref(), Ok("/..x"));
        assert!(crate::http::Path::builder().fixed("/..").fixed("/x").build().into_target().is_err());
    }
}
