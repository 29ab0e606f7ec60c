//! The newest events, ready to be sent, and who reads them. The log has a fixed
//! length: a listener whose place has left it is told to load again. An event's
//! name says which run of the node it belongs to, so that a listener that comes
//! back after a restart is not taken for one that was here. What an event means
//! is not known here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_api::event::Topic;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

/// The log holds this many events.
const EVENT_LOG_LIMIT_EVENTS: usize = 1_024;

/// And fewer where they are longer together: then the oldest leave it earlier.
const EVENT_LOG_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// At most this many listen at a time.
pub const LISTENERS_LIMIT: usize = 1_024;

/// A listener takes at most this many events at once,
const BATCH_LIMIT_EVENTS: usize = 64;

/// and of several no more than these bytes: each listener has its own copy, as
/// long as it does not read. One alone is never copied.
const BATCH_LIMIT_BYTES: usize = 64 * 1024;

/// The newest events of this run.
pub struct EventLog {
    /// Distinguishes this run from others.
    run: String,
    events: Mutex<Events>,
    /// Changes with each event; true when no more will come.
    closed: watch::Sender<bool>,
    listeners: AtomicUsize,
}

struct Events {
    /// The number of the oldest.
    first: u64,
    list: VecDeque<Event>,
    /// How long they are together.
    bytes: usize,
}

/// An event, as it is sent.
struct Event {
    topic: Topic,
    /// To the operator.
    text: Bytes,
    /// To everybody else, where that is less; nothing, if it is no event to them.
    for_anybody: Option<Bytes>,
}

/// A listener. Once dropped, it no longer listens.
pub struct Listener {
    log: Arc<EventLog>,
    topics: Vec<Topic>,
    /// Whether it is told what only the operator is told.
    is_operator: bool,
    /// The number of the event that is its next.
    place: u64,
    closed: watch::Receiver<bool>,
}

/// What a listener gets.
pub enum Batch {
    /// Events, one behind the other as they are sent.
    Events(Bytes),
    /// Some are lost to it: there are newer ones only.
    Lost,
    /// There will be no more.
    End,
}

impl EventLog {
    /// `run` distinguishes this run of the node from others.
    pub fn new(run: String) -> Arc<EventLog> {
        Arc::new(EventLog {
            run,
            events: Mutex::new(Events {
                first: 0,
                list: VecDeque::new(),
                bytes: 0,
            }),
            closed: watch::Sender::new(false),
            listeners: AtomicUsize::new(0),
        })
    }

    /// Adds an event.
    pub fn push(&self, topic: Topic, data: &impl Serialize) {
        self.add(topic, &json(data), None);
    }

    /// Adds an event of which everybody but the operator is told something else,
    /// or nothing.
    pub fn push_guarded<T: Serialize>(&self, topic: Topic, data: &T, to_all: Option<&T>) {
        let to_all = to_all.map(json).unwrap_or_default();
        self.add(topic, &json(data), Some(&to_all));
    }

    fn add(&self, topic: Topic, data: &str, to_all: Option<&str>) {
        let mut events = self.events();
        let number = events.next();
        let name = topic.name();
        let told = |data: &str| match data {
            "" => Bytes::new(),
            data => format!("id: {}-{number}\nevent: {name}\ndata: {data}\n\n", self.run).into(),
        };
        events.push(Event {
            topic,
            text: told(data),
            for_anybody: to_all.map(told),
        });
        drop(events);
        self.closed.send_modify(|_| {});
    }

    /// Something happened that is no event: all listeners hear that.
    pub fn lose(&self) {
        let mut events = self.events();
        let lost = events.next();
        events.list.clear();
        events.bytes = 0;
        // One number is nobody's: a listener that was up to date has lost it.
        events.first = lost + 1;
        drop(events);
        self.closed.send_modify(|_| {});
    }

    /// No more events will come.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Whether somebody listens.
    pub fn has_listeners(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// Listens from now on, or from behind the event of that name. Returns `None`
    /// if too many listen already.
    pub fn listen(
        self: &Arc<EventLog>,
        topics: Vec<Topic>,
        is_operator: bool,
        last_seen: Option<&str>,
    ) -> Option<Listener> {
        let before = self.listeners.fetch_add(1, Ordering::Relaxed);
        let mut listener = Listener {
            log: Arc::clone(self),
            topics,
            is_operator,
            place: self.events().next(),
            closed: self.closed.subscribe(),
        };
        // Dropping the listener takes the place back.
        if before >= LISTENERS_LIMIT {
            return None;
        }
        if let Some(last_seen) = last_seen {
            listener.place = self.place_behind(last_seen);
        }
        Some(listener)
    }

    /// A place that has left the log stands for a name that is not known.
    fn place_behind(&self, name: &str) -> u64 {
        let events = self.events();
        let number = name
            .strip_prefix(&*self.run)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|number| number.parse::<u64>().ok())
            .filter(|number| *number < events.next());
        match number {
            Some(number) => number + 1,
            None => PLACE_LOST,
        }
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a listener that has lost events.
const PLACE_LOST: u64 = u64::MAX;

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("events are plain structs of plain fields")
}

impl Event {
    fn bytes(&self) -> usize {
        self.text.len() + self.for_anybody.as_ref().map_or(0, Bytes::len)
    }

    fn told(&self, to_operator: bool) -> &Bytes {
        let other = self.for_anybody.as_ref().filter(|_| !to_operator);
        other.unwrap_or(&self.text)
    }
}

impl Events {
    fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.list.push_back(event);
        while self.list.len() > EVENT_LOG_LIMIT_EVENTS || self.bytes > EVENT_LOG_LIMIT_BYTES {
            let Some(oldest) = self.list.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
            self.first += 1;
        }
    }

    /// The number of the next event.
    fn next(&self) -> u64 {
        self.first + self.list.len() as u64
    }
}

impl Listener {
    /// Waits for events that it wants, and takes what there is of them.
    pub async fn take(&mut self) -> Batch {
        loop {
            let is_closed = *self.closed.borrow_and_update();
            match self.take_now() {
                Batch::Events(bytes) if bytes.is_empty() => {}
                taken => return taken,
            }
            if is_closed || self.closed.changed().await.is_err() {
                return Batch::End;
            }
        }
    }

    fn take_now(&mut self) -> Batch {
        let events = self.log.events();
        if self.place < events.first || self.place > events.next() {
            self.place = events.next();
            return Batch::Lost;
        }
        let mut taken = Vec::<Bytes>::new();
        let mut taken_bytes = 0;
        let skipped = (self.place - events.first) as usize;
        for event in events.list.iter().skip(skipped) {
            let text = event.told(self.is_operator);
            if self.topics.contains(&event.topic) && !text.is_empty() {
                taken_bytes += text.len();
                let is_full = taken.len() == BATCH_LIMIT_EVENTS;
                if is_full || (!taken.is_empty() && taken_bytes > BATCH_LIMIT_BYTES) {
                    break;
                }
                taken.push(text.clone());
            }
            self.place += 1;
        }
        drop(events);
        Batch::Events(match taken.as_slice() {
            [only] => only.clone(),
            several => several.concat().into(),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.log.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLog of run {}", self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(taken: Batch) -> Vec<String> {
        let Batch::Events(bytes) = taken else {
            return vec!["none".to_owned()];
        };
        let text = String::from_utf8(bytes.to_vec()).expect("events are text");
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_listener_slower_than_the_log_is_told_that_events_are_lost() {
        let log = EventLog::new("run".to_owned());
        let mut slow = log.listen(vec![Topic::Block], true, None).expect("room");
        for number in 0..EVENT_LOG_LIMIT_EVENTS {
            log.push(Topic::Block, &number);
        }
        let first = seen(slow.take().await);
        assert_eq!(first.len(), BATCH_LIMIT_EVENTS);
        assert_eq!(first[0], "run-0");
        for number in 0..=BATCH_LIMIT_EVENTS {
            log.push(Topic::Block, &number);
        }
        assert!(matches!(slow.take().await, Batch::Lost));
        log.push(Topic::Block, &"next");
        let next = EVENT_LOG_LIMIT_EVENTS + BATCH_LIMIT_EVENTS + 1;
        assert_eq!(seen(slow.take().await), [format!("run-{next}")]);
        assert_eq!(log.events().list.len(), EVENT_LOG_LIMIT_EVENTS);
    }

    #[tokio::test]
    async fn long_events_leave_the_log_earlier_and_are_taken_one_by_one() {
        let log = EventLog::new("run".to_owned());
        let mut listener = log.listen(vec![Topic::Block], true, None).expect("room");
        let long = "x".repeat(BATCH_LIMIT_BYTES / 2);
        for _ in 0..3 {
            log.push(Topic::Block, &long);
        }
        for number in 0..3 {
            assert_eq!(seen(listener.take().await), [format!("run-{number}")]);
        }
        for _ in 0..EVENT_LOG_LIMIT_EVENTS {
            log.push(Topic::Block, &long);
        }
        assert!(log.events().list.len() < EVENT_LOG_LIMIT_EVENTS);
        let held = |events: &Events| events.list.iter().map(Event::bytes).sum();
        let held: usize = held(&log.events());
        assert_eq!(held, log.events().bytes);
        assert!((EVENT_LOG_LIMIT_BYTES / 2..=EVENT_LOG_LIMIT_BYTES).contains(&held));
        assert!(matches!(listener.take().await, Batch::Lost));
        log.push(Topic::Block, &"x".repeat(EVENT_LOG_LIMIT_BYTES));
        assert!(matches!(listener.take().await, Batch::Lost));
        assert_eq!(log.events().bytes, 0);
        log.push(Topic::Block, &"next");
        assert_eq!(seen(listener.take().await).len(), 1);
    }

    #[tokio::test]
    async fn whoever_was_up_to_date_hears_that_something_is_lost() {
        let log = EventLog::new("run".to_owned());
        log.push(Topic::Block, &1);
        let mut listener = log.listen(vec![Topic::Block], true, None).expect("room");
        log.lose();
        assert!(matches!(listener.take().await, Batch::Lost));
        log.push(Topic::Block, &2);
        assert_eq!(seen(listener.take().await), ["run-2"]);
    }

    #[tokio::test]
    async fn a_closed_log_is_emptied_and_then_ends() {
        let log = EventLog::new("run".to_owned());
        let mut listener = log.listen(vec![Topic::Block], true, None).expect("room");
        log.push(Topic::Block, &1);
        log.push(Topic::Mining, &2);
        log.close();
        assert_eq!(seen(listener.take().await), ["run-0"]);
        assert!(matches!(listener.take().await, Batch::End));
    }

    #[test]
    fn only_so_many_listen() {
        let log = EventLog::new("run".to_owned());
        let listen = || log.listen(vec![Topic::Block], true, None);
        let all: Option<Vec<Listener>> = (0..LISTENERS_LIMIT).map(|_| listen()).collect();
        assert!(listen().is_none());
        drop(all);
        assert!(listen().is_some());
        assert!(!log.has_listeners());
    }

    #[tokio::test]
    async fn what_is_for_the_operator_is_told_to_no_other() {
        let log = EventLog::new("run".to_owned());
        let listen = |is_operator| log.listen(vec![Topic::Peer], is_operator, None);
        let (operator, other) = (listen(true), listen(false));
        log.push_guarded(Topic::Peer, &"open", Some(&"none"));
        log.push_guarded(Topic::Peer, &"refused", None);
        log.push(Topic::Peer, &"same");
        let texts = |taken| match taken {
            Batch::Events(bytes) => String::from_utf8(bytes.to_vec()).expect("events are text"),
            _ => String::new(),
        };
        let told = texts(operator.expect("room").take().await);
        assert!(told.contains("open") && told.contains("refused") && told.contains("same"));
        let told = texts(other.expect("room").take().await);
        assert!(told.contains("none") && told.contains("same"));
        assert!(
            !told.contains("open") && !told.contains("refused"),
            "{told}"
        );
    }
}
