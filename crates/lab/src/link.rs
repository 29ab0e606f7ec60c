//! What lies between two participants: a connection that keeps the order, takes
//! its time, and loses packets, which arrive later then. What is said over it is
//! not known here.

use std::time::Duration;

use crate::draws::{Draws, Purpose};

/// A packet has this many bytes.
const PACKET_BYTES: u64 = 1_460;

/// A packet that is lost is sent again after this time and a way there and back.
const RESEND_TIMEOUT_MS: u64 = 200;

/// How links are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSettings {
    /// The shortest way in one direction takes this.
    pub latency_least_ms: u64,
    /// The longest.
    pub latency_most_ms: u64,
    /// What each participant can send in a second, over all its links.
    pub uplink_bytes_per_s: u64,
    /// Of a million packets, this many are lost.
    pub loss_per_million: u64,
}

impl Default for LinkSettings {
    /// Homes all over the world: 50 to 150 ms, 10 Mbit/s, one packet in a
    /// thousand lost.
    fn default() -> LinkSettings {
        LinkSettings {
            latency_least_ms: 50,
            latency_most_ms: 150,
            uplink_bytes_per_s: 1_250_000,
            loss_per_million: 1_000,
        }
    }
}

/// A connection between two participants.
#[derive(Debug, Clone)]
pub struct Link {
    number: u64,
    /// Who dialled, and who was dialled.
    pub ends: [usize; 2],
    /// Whether it is there.
    pub is_up: bool,
    latency: Duration,
    packets: u64,
    /// When the last of what was sent from each end arrives.
    last_arrival: [Duration; 2],
    /// How many bytes each end has sent.
    pub sent_bytes: [u64; 2],
}

impl Link {
    /// The link of that number; how long it takes is drawn.
    pub fn new(number: u64, ends: [usize; 2], settings: &LinkSettings, draws: &Draws) -> Link {
        let LinkSettings {
            latency_least_ms,
            latency_most_ms,
            ..
        } = settings;
        let range_us = (latency_most_ms - latency_least_ms) * 1_000 + 1;
        let drawn = draws.below(range_us, Purpose::Latency, number, 0);
        Link {
            number,
            ends,
            is_up: true,
            latency: Duration::from_micros(latency_least_ms * 1_000 + drawn),
            packets: 0,
            last_arrival: [Duration::ZERO; 2],
            sent_bytes: [0; 2],
        }
    }

    /// The other end.
    pub fn other(&self, end: usize) -> usize {
        match self.ends[0] == end {
            true => self.ends[1],
            false => self.ends[0],
        }
    }

    /// When something arrives whose last byte leaves at `sent`.
    pub fn arrival(
        &mut self,
        sent: Duration,
        from: usize,
        bytes: u64,
        settings: &LinkSettings,
        draws: &Draws,
    ) -> Duration {
        let side = usize::from(self.ends[0] != from);
        self.sent_bytes[side] += bytes;
        let mut arrival = sent + self.latency;
        for _ in 0..bytes.div_ceil(PACKET_BYTES) {
            self.packets += 1;
            let drawn = draws.below(1_000_000, Purpose::Loss, self.number, self.packets);
            if drawn < settings.loss_per_million {
                arrival += Duration::from_millis(RESEND_TIMEOUT_MS) + 2 * self.latency;
            }
        }
        let arrival = arrival.max(self.last_arrival[side]);
        self.last_arrival[side] = arrival;
        arrival
    }
}
