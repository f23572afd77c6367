//! Server-sent events: the data of each, as the protocol's answers come in a stream.

/// The data of the events of a stream that has ended, in order. An event that was cut off is none.
pub(crate) fn data(stream: &str) -> Vec<String> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let (mut events, mut event) = (Vec::new(), Vec::new());
    for line in lines(stream) {
        if line.is_empty() {
            if !event.is_empty() {
                events.push(event.join("\n"));
                event.clear();
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            event.push(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    events
}

/// Lines that have ended: with `\r\n`, `\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find(['\r', '\n'])?;
        let line = &rest[..end];
        let ending = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[end + ending..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_events() {
        for (stream, expected) in [
            ("", &[][..]),
            ("data: 1\n\n", &["1"]),
            ("data:1\r\n\r\ndata: 2\r\rdata:  3\n\n", &["1", "2", " 3"]),
            ("event: message\nid: 7\ndata: {\ndata: }\n\n", &["{\n}"]),
            (": ping\n\n: ping\n\ndata: 1\n\n", &["1"]),
            ("id: 0\ndata:\n\ndata: 1\n\n", &["", "1"]),
            ("\u{feff}data: 1\n\n", &["1"]),
            ("datas: 1\n\nretry: 5\n\n", &[]),
            ("data: 1\n\ndata: 2\n", &["1"]),
            ("data: 1\n\ndata: 2", &["1"]),
        ] {
            assert_eq!(data(stream), expected, "{stream:?}");
        }
    }
}
