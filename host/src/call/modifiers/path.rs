//! Where a step works: a JSON Pointer, in which `*` stands for every element or member.

use super::limits;

/// A path within a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Segment>);

/// One name of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// `*`: every element of a list, every member of an object.
    Every,
    /// A member of an object, or an element of a list.
    Named {
        /// The member.
        name: String,
        /// The element, if the name is a number.
        index: Option<usize>,
    },
}

impl Path {
    /// Reads a pointer (RFC 6901). A member whose name is `*` cannot be named.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > limits::PATH_BYTES {
            return Err(format!("a path has at most {} bytes", limits::PATH_BYTES));
        }
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a path is a JSON Pointer: it is empty or begins with `/`".into());
        };
        let segments: Vec<Segment> = rest.split('/').map(segment).collect::<Result<_, _>>()?;
        if segments.len() > limits::PATH_DEPTH {
            return Err(format!("a path has at most {} names", limits::PATH_DEPTH));
        }
        Ok(Self(segments))
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether it is the whole document.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it leads to a place after the last element of a list.
    pub(super) fn appends(&self) -> bool {
        self.0.last().is_some_and(Segment::is_end)
    }

    /// Up to the last `*`, and what comes after it.
    pub(super) fn at_last_star(&self) -> (&[Segment], &[Segment]) {
        let at = self.0.iter().rposition(|segment| *segment == Segment::Every).map_or(0, |at| at + 1);
        self.0.split_at(at)
    }
}

impl Segment {
    /// `-`: after the last element of a list.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Named { name, .. } if name == "-")
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    if text == "*" {
        return Ok(Segment::Every);
    }
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('~') {
        name.push_str(before);
        name.push(match after.chars().next() {
            Some('0') => '~',
            Some('1') => '/',
            _ => return Err("in a path, `~` is written `~0` and `/` is written `~1`".into()),
        });
        rest = &after[1..];
    }
    name.push_str(rest);
    let canonical = name == "0" || !name.starts_with('0');
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let index = if canonical && digits { name.parse().ok() } else { None };
    Ok(Segment::Named { name, index })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read() {
        let names = |text: &str| -> Vec<(String, Option<usize>)> {
            let named = |segment: &Segment| match segment {
                Segment::Every => ("<every>".to_owned(), None),
                Segment::Named { name, index } => (name.clone(), *index),
            };
            Path::parse(text).unwrap().segments().iter().map(named).collect()
        };
        assert_eq!(names(""), []);
        for (text, expected) in [
            ("/", vec![("", None)]),
            ("/a/b", vec![("a", None), ("b", None)]),
            ("/a~1b/~0~01/é", vec![("a/b", None), ("~~1", None), ("é", None)]),
            ("/items/*/0", vec![("items", None), ("<every>", None), ("0", Some(0))]),
            ("/10/01/-", vec![("10", Some(10)), ("01", None), ("-", None)]),
            ("/99999999999999999999999", vec![("99999999999999999999999", None)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(name, index)| (name.to_owned(), index)).collect();
            assert_eq!(names(text), expected, "{text}");
        }
        assert!(Path::parse("/a/-").unwrap().appends());
        let path = Path::parse("/a/*/b/*/c/d").unwrap();
        assert_eq!((path.at_last_star().0.len(), path.at_last_star().1.len()), (4, 2));
        assert_eq!(Path::parse("/a").unwrap().at_last_star().0.len(), 0);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for (text, reason) in [
            ("a".to_owned(), "begins with `/`"),
            ("$.a".into(), "begins with `/`"),
            ("#/a".into(), "begins with `/`"),
            ("/a~".into(), "`~0`"),
            ("/~2".into(), "`~0`"),
            ("/~é".into(), "`~0`"),
            ("/a".repeat(limits::PATH_DEPTH + 1), "names"),
            (format!("/{}", "a".repeat(limits::PATH_BYTES)), "bytes"),
        ] {
            let refused = Path::parse(&text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
