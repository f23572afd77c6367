//! What an event stream says besides the answer that it is read for: that a server has other tools now.

use memchr::memmem;

use crate::egress::Response;

/// The method of the protocol's notice, and as writers spell it that put a backslash before each stroke.
const CHANGED: [&[u8]; 2] = [b"notifications/tools/list_changed", br"notifications\/tools\/list_changed"];

/// Whether a reply hints that its server has other tools. The name may also stand in what a tool tells: whoever acts on a
/// hint asks the server, and believes that.
pub(super) fn tools_changed(response: &Response) -> bool {
    let streams = |(name, value): &(String, String)| {
        name == "content-type" && value.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
    };
    response.headers.iter().any(streams) && CHANGED.iter().any(|name| memmem::find(&response.body, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_streams_hint() {
        let response = |kind: &str, body: &str| Response {
            status: 200,
            headers: vec![("content-type".into(), kind.into())],
            body: body.to_owned().into(),
            truncated: false,
            scrubbed: 0,
            sent_bytes: 0,
            received_bytes: 0,
        };
        let note = r#"data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        for (kind, body, expected) in [
            ("text/event-stream", note.to_owned(), true),
            ("Text/Event-Stream; charset=utf-8", note.to_owned(), true),
            ("text/event-stream", note.replace('/', "\\/"), true),
            ("application/json", note.to_owned(), false),
            ("text/event-stream", note.replace("tools", "prompts"), false),
            ("text/event-stream", String::new(), false),
        ] {
            assert_eq!(tools_changed(&response(kind, &body)), expected, "{kind} {body}");
        }
    }
}
