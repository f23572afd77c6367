//! Server-sent events, read from pieces as they arrive.

/// Bytes of one event at most: the host cuts results long before, and other servers' clients take as much.
const MAX_EVENT: usize = 16 * 1024 * 1024;

/// What has arrived of a stream and is not yet an event.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    data: Vec<u8>,
    /// Whether the event has a line of data, which may be an empty one.
    has_data: bool,
    /// Whether the last byte was a carriage return, whose newline belongs to it.
    returned: bool,
}

/// An event was longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Takes a piece; gives the data of the events that it completes.
    ///
    /// # Errors
    ///
    /// Where an event is too long; nothing can be read after it.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut all = Vec::new();
        for byte in piece {
            let ends = match byte {
                b'\n' if self.returned => false,
                b'\n' | b'\r' => true,
                other => {
                    self.rest.push(*other);
                    false
                }
            };
            self.returned = *byte == b'\r';
            if ends {
                all.extend(self.line());
            }
            if self.rest.len() + self.data.len() > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(all)
    }

    /// A line has ended; an empty one ends an event.
    fn line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.rest);
        if line.is_empty() {
            let (data, has_data) = (std::mem::take(&mut self.data), std::mem::take(&mut self.has_data));
            return has_data.then(|| String::from_utf8_lossy(&data).into_owned());
        }
        let value = line.strip_prefix(b"data").filter(|rest| matches!(rest.first(), None | Some(b':')))?;
        let value = value.strip_prefix(b":").unwrap_or(value);
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_arrive() {
        let stream = ": hello\n\nevent: message\ndata: {\"a\":1}\n\ndata:x\ndata\ndata:  y\nid: 7\n\n\r\ndata: \u{e4}\r\n\r\n\
                      data: z\r\rretry: 5\n\ndatabase: no\n\ndata: never";
        let expected = ["{\"a\":1}", "x\n\n y", "\u{e4}", "z"];
        for size in 1..stream.len() {
            let mut events = Events::default();
            let pieces = stream.as_bytes().chunks(size);
            let all: Vec<String> = pieces.flat_map(|piece| events.take(piece).unwrap()).collect();
            assert_eq!(all, expected, "{size} bytes at a time");
        }
    }

    #[test]
    fn an_event_has_an_end() {
        let line = format!("data: {}\n", "x".repeat(1 << 20));
        let mut events = Events::default();
        let taken: Vec<_> = (0..17).map(|_| events.take(line.as_bytes())).collect();
        assert_eq!((taken.first(), taken.last()), (Some(&Ok(Vec::new())), Some(&Err(TooLong))));
        assert_eq!(Events::default().take(&vec![b'x'; MAX_EVENT + 1]), Err(TooLong));
    }
}
