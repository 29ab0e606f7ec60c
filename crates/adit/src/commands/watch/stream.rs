//! Server-sent events out of bytes as they come (HTML Living Standard, section
//! 9.2.6). A sender of a line or an event without end is cut off. What an event
//! means is not known here.

/// An event, and the line that it is read from, are at most this long.
const EVENT_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// An id longer than this is not sent back.
const ID_LIMIT_BYTES: usize = 256;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// What kind of event it is.
    pub(crate) name: String,
    pub(crate) data: String,
    /// The id that stood last, here or before.
    pub(crate) id: Option<String>,
}

/// What has come of the next event so far.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    line: Vec<u8>,
    /// A line feed behind a carriage return ends no line of its own.
    after_return: bool,
    name: String,
    data: String,
    last_id: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("it sends an event of more than {EVENT_LIMIT_BYTES} bytes")]
pub(crate) struct TooLong;

impl EventReader {
    /// One that goes on after another, whose last id this was.
    pub(crate) fn after(last_id: Option<String>) -> EventReader {
        EventReader {
            last_id,
            ..EventReader::default()
        }
    }

    /// The id of the last event.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The events that are whole with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_LIMIT_BYTES {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => self.data.extend([value, "\n"]),
            "id" if is_header_text(value) => self.last_id = Some(value.to_owned()),
            // Comments, which keep the connection alive, and what is not known.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let (name, mut data) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.data),
        );
        // The last line's end belongs to none.
        data.pop()?;
        Some(Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data,
            id: self.last_id.clone(),
        })
    }
}

/// Whether it can be sent back in the header `Last-Event-ID`.
fn is_header_text(id: &str) -> bool {
    id.len() <= ID_LIMIT_BYTES && id.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
