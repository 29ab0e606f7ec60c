//! Asks an adit node for what follows the blocks that both have, over
//! `GET /api/v1/blocks/after`: one answer after another, each of which is bounded.
//! What has come is handed to the driver as soon as it is heavier than our chain,
//! while more is read; so what was taken in by then is not asked for again. How
//! blocks are checked, and who is asked when, is not known here.

use adit_api::headers::{BLOCK_LINES, CHAIN_HEADER, INSTANCE_HEADER};
use adit_core::hash::Hash;
use adit_core::rules::Weight;
use adit_core::sync::{Ask, CandidateChain, Locator, PeerKind, PeerReport, Seen, SeenChain};
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::oneshot;

use crate::handle::{NodeHandle, OfferedBranch, PollOutcome};
use crate::peers::fetch::{self, FetchError, Packing};
use crate::peers::reading::{ChainReading, Held, PollError};

/// An answer that is not the last one holds this many blocks ...
const SHORT_ANSWER_BLOCKS: u64 = 100;

/// ... or is this long ...
const SHORT_ANSWER_BYTES: u64 = 64 * 1024;

/// ... but for this many: a peer that sends its chain in crumbs is not read to its
/// end.
const SHORT_ANSWERS_LIMIT: u32 = 16;

/// A peer that is asked for what follows our blocks.
pub(super) struct CatchUp<'a> {
    pub(super) node: &'a NodeHandle,
    pub(super) client: &'a Client,
    pub(super) ask: &'a Ask,
    pub(super) held: &'a Held,
    pub(super) packing: Packing,
    /// The process that offered to answer.
    pub(super) instance: &'a HeaderValue,
    /// What the peer called the state of its chain when that was last read.
    pub(super) known: Option<HeaderValue>,
    /// What the driver takes in while more is read.
    pub(super) handed_in: Option<HandedIn>,
}

/// What came of it.
pub(super) enum CaughtUp {
    /// Nobody answers such a question there, or it is another process by now.
    NotOffered,
    Answered {
        outcome: PollOutcome,
        /// What its chain is called, if that never needs to be read again.
        etag: Option<HeaderValue>,
    },
}

/// How much has come of it so far, whatever comes in the end.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What was read of the answers.
    pub(super) read_bytes: u64,
    /// Whether the peer could not be asked for less than its chain.
    pub(super) comes_whole: bool,
    /// How much had been read when what was last adopted was handed over.
    pub(super) useful_bytes: u64,
    /// The length of our chain after what was last adopted of it.
    pub(super) adopted: Option<u64>,
}

/// Which blocks of ours the peer is told: ever more of them, while it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Tip,
    MainChain,
    /// None: all of its chain is wanted.
    Nothing,
}

/// The head of an answer.
struct Head {
    status: StatusCode,
    tip: Option<Hash>,
    /// What the peer says of its chain.
    claimed: Option<CandidateChain>,
}

impl Head {
    /// Reads the head of an answer; `None` if it is not that of the process that
    /// offered to answer such questions.
    fn read(response: &Response, instance: &HeaderValue) -> Option<Head> {
        let (status, headers) = (response.status(), response.headers());
        let head = Head {
            status,
            tip: headers.get(ETAG).and_then(tip_in),
            claimed: claimed_in(headers),
        };
        let is_same = || headers.get(INSTANCE_HEADER) == Some(instance);
        let is_of_lines = || {
            headers
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind == BLOCK_LINES)
        };
        let is_answer = match status {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => head.tip.is_some(),
            StatusCode::OK => head.tip.is_some() && is_of_lines() && is_same(),
            StatusCode::NOT_FOUND => is_same(),
            // It is busy, or stops.
            status => status.is_server_error(),
        };
        is_answer.then_some(head)
    }
}

/// Returns the tip that an adit node's ETag names.
pub(super) fn tip_in(etag: &HeaderValue) -> Option<Hash> {
    let etag = etag.as_bytes();
    let etag = etag.strip_prefix(b"W/").unwrap_or(etag);
    Hash::from_hex(etag.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

/// Returns the ETag of a chain that ends there.
pub(super) fn etag_of(tip: Hash) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{tip}\"")).ok()
}

fn claimed_in(headers: &HeaderMap) -> Option<CandidateChain> {
    let (length, weight) = headers.get(CHAIN_HEADER)?.to_str().ok()?.split_once(' ')?;
    Some(CandidateChain {
        length: length.parse().ok()?,
        weight: Weight::from_str_radix(weight, 10).ok()?,
    })
}

/// A chain of which only the tip is known.
pub(super) fn chain_of_tip(tip: Hash) -> SeenChain {
    SeenChain {
        tip,
        length: None,
        common: None,
        goes_on: false,
    }
}

/// The first answer with blocks: what it was asked about, the tip that it names and
/// what it claims.
type FirstAnswer = (Locator, Hash, Option<CandidateChain>, Response);

/// An answer that was read.
struct AnswerRead {
    reading: ChainReading,
    heavier: Option<OfferedBranch>,
}

/// What was handed to the driver, until it says what came of it.
pub(super) struct HandedIn {
    report: oneshot::Receiver<PeerReport>,
    /// How much had been read by then.
    read_bytes: u64,
}

impl HandedIn {
    /// Waits until it is taken in. Returns the report if it is not.
    async fn adopted(self, progress: &mut Progress) -> Result<(), PeerReport> {
        match self.report.await {
            Ok(PeerReport::Adopted { length }) => {
                progress.adopted = Some(length);
                progress.useful_bytes = self.read_bytes;
                Ok(())
            }
            Ok(report) => Err(report),
            // It is no peer any longer, or the node stops.
            Err(_) => Err(PeerReport::Failed("it is no longer asked".to_owned())),
        }
    }
}

impl CatchUp<'_> {
    /// Asks, until the peer has no more or there is a reason to stop.
    pub(super) async fn run(
        mut self,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<CaughtUp, PollError> {
        let Some(own) = self.node.status().tip else {
            return Ok(CaughtUp::NotOffered);
        };
        self.known = self.known.take().filter(|etag| tip_in(etag) != Some(own));
        let (mut told, mut locator) = (Told::Tip, Locator::of_block(own));
        let (head, response) = loop {
            let response = match self.get(&locator).await {
                // The kept connection may have died meanwhile, or what answers there
                // now knows no such question.
                Err(FetchError::Http(error)) if !error.is_connect() => {
                    return Ok(CaughtUp::NotOffered);
                }
                response => response?,
            };
            let Some(head) = Head::read(&response, self.instance) else {
                return Ok(CaughtUp::NotOffered);
            };
            seen.kind = PeerKind::Adit;
            if head.status != StatusCode::NOT_FOUND || told == Told::Nothing {
                break (head, response);
            }
            (told, locator) = self.tell_more(told, &locator)?;
        };
        match (head.status, head.tip) {
            (StatusCode::OK, Some(tip)) => {
                let first = (locator, tip, head.claimed, response);
                let read = self.read_all(seen, progress, first).await;
                if read.is_err() {
                    // What came before that is kept.
                    let _ = self.settle(progress).await;
                }
                read
            }
            (StatusCode::NOT_MODIFIED, tip) => {
                seen.chain = tip.map(chain_of_tip);
                Ok(answered(PeerReport::Unchanged, tip))
            }
            (StatusCode::NO_CONTENT, Some(tip)) => self.has_no_more(seen, tip),
            (status, _) => Err(FetchError::Status(status).into()),
        }
    }

    async fn get(&self, locator: &Locator) -> Result<Response, FetchError> {
        let (peer, known) = (&self.ask.peer, self.known.clone());
        fetch::get_blocks_after(self.client, peer, locator, known, self.packing).await
    }

    /// The peer has none of what it was told of.
    fn tell_more(&self, told: Told, before: &Locator) -> Result<(Told, Locator), PollError> {
        if told == Told::Tip {
            let ours = self.node.reader().snapshot().map_err(PollError::ours)?;
            let locator = Locator::of_main_chain(ours.length(), &ours);
            let locator = locator.map_err(PollError::ours)?;
            if locator != *before {
                return Ok((Told::MainChain, locator));
            }
        }
        Ok((Told::Nothing, Locator::default()))
    }

    /// The peer has nothing that we lack: its chain ends in a block of ours.
    fn has_no_more(&self, seen: &mut Seen, tip: Hash) -> Result<CaughtUp, PollError> {
        let Some(known) = self.in_our_chain(tip)? else {
            return Err(FetchError::NoBlocks.into());
        };
        seen.chain = Some(known);
        let report = match known.length {
            Some(length) if self.node.status().tip != Some(tip) => PeerReport::NotLonger { length },
            _ => PeerReport::Unchanged,
        };
        Ok(answered(report, Some(tip)))
    }

    /// Reads one answer after another, of which the first has begun.
    async fn read_all(
        &mut self,
        seen: &mut Seen,
        progress: &mut Progress,
        (locator, mut tip, claimed, mut response): FirstAnswer,
    ) -> Result<CaughtUp, PollError> {
        self.known = None;
        let ours = self.node.status().total_weight;
        let lighter = claimed.filter(|claimed| !claimed.outweighs(ours));
        if let Some(claimed) = lighter
            && !locator.is_empty()
        {
            // By its own word not worth reading, and of the same rules, since it has
            // blocks of ours.
            seen.chain = Some(SeenChain {
                length: Some(claimed.length),
                ..chain_of_tip(tip)
            });
            let length = claimed.length;
            return Ok(answered(PeerReport::NotLonger { length }, Some(tip)));
        }
        let mut reading = ChainReading::behind(self.node.clone(), locator);
        let mut short_answers = 0;
        loop {
            let (blocks_before, bytes_before) = (reading.block_count(), progress.read_bytes);
            let read = self.read(reading, response, progress).await?;
            reading = read.reading;
            (seen.chain, seen.strict) = reading.seen();
            let is_end = reading.tip() == Some(tip) || reading.ends_early();
            let blocks = reading.block_count() - blocks_before;
            if blocks == 0 && !is_end {
                return Err(PollError::Fetch(FetchError::NoBlocks));
            }
            let is_short = blocks < SHORT_ANSWER_BLOCKS
                && progress.read_bytes - bytes_before < SHORT_ANSWER_BYTES;
            short_answers += u32::from(is_short && !is_end);
            if short_answers > SHORT_ANSWERS_LIMIT {
                return Err(PollError::Fetch(FetchError::Crumbs));
            }
            if let Err(report) = self.settle(progress).await {
                return Ok(answered(report, None));
            }
            // Of a lighter chain that has nothing in common with ours, the first answer
            // shows whether it is of the same rules.
            if is_end || lighter.is_some() {
                return Ok(self.end(&reading, read.heavier, tip, is_end, progress));
            }
            if let Some(part) = read.heavier {
                self.handed_in = Some(self.hand_in(part, progress.read_bytes).await);
            }
            let last = reading.tip().ok_or(FetchError::NoBlocks)?;
            response = self.get(&Locator::of_block(last)).await?;
            let head = Head::read(&response, self.instance);
            tip = match head.map(|head| (head.status, head.tip)) {
                Some((StatusCode::OK, Some(tip))) => tip,
                // It has given up blocks meanwhile, and these are all that it has.
                Some((StatusCode::NO_CONTENT, Some(tip))) if tip == last => {
                    return Ok(match self.settle(progress).await {
                        Ok(()) => self.end(&reading, None, tip, true, progress),
                        Err(report) => answered(report, None),
                    });
                }
                // Its chain is another by now, or it is another: the next time shows.
                _ => return Err(FetchError::Status(response.status()).into()),
            };
            reading.go_on();
        }
    }

    /// Waits until what was handed to the driver is taken in. Returns the report if it
    /// is not.
    async fn settle(&mut self, progress: &mut Progress) -> Result<(), PeerReport> {
        match self.handed_in.take() {
            Some(handed_in) => handed_in.adopted(progress).await,
            None => Ok(()),
        }
    }

    /// What is known of a chain that ends in our main chain.
    fn in_our_chain(&self, tip: Hash) -> Result<Option<SeenChain>, PollError> {
        let ours = self.node.reader().snapshot().map_err(PollError::ours)?;
        let height = Locator::of_block(tip).highest_in_main_chain(&ours);
        let height = height.map_err(PollError::ours)?;
        Ok(height.map(|height| SeenChain {
            length: Some(height),
            common: Some(tip),
            ..chain_of_tip(tip)
        }))
    }

    async fn read(
        &self,
        mut reading: ChainReading,
        response: Response,
        progress: &mut Progress,
    ) -> Result<AnswerRead, PollError> {
        let held = self.held.clone();
        let read = fetch::read_counting(response, &mut progress.read_bytes, move |mut pieces| {
            let is_whole = reading.read(&mut pieces, &held.unread)?;
            let heavier = match is_whole {
                true => reading.take_heavier()?,
                false => None,
            };
            drop(held);
            Ok(is_whole.then_some(AnswerRead { reading, heavier }))
        });
        read.await?
    }

    /// Hands what has come to the driver.
    async fn hand_in(&self, part: OfferedBranch, read_bytes: u64) -> HandedIn {
        let (reply, report) = oneshot::channel();
        let ask = self.ask.clone();
        self.node.hand_in_part(ask, part, reply).await;
        HandedIn { report, read_bytes }
    }

    /// No more is read.
    fn end(
        &self,
        reading: &ChainReading,
        heavier: Option<OfferedBranch>,
        tip: Hash,
        is_end: bool,
        progress: &Progress,
    ) -> CaughtUp {
        let length = reading.length();
        match (heavier, progress.adopted) {
            // What is still to be adopted is not known to be ours yet.
            (Some(rest), _) => CaughtUp::Answered {
                outcome: PollOutcome::Heavier(rest),
                etag: None,
            },
            (None, Some(length)) => answered(PeerReport::Adopted { length }, None),
            // What came too early is to be looked at again.
            (None, None) => {
                let is_done = !is_end || !reading.ends_early();
                let report = PeerReport::NotLonger { length };
                answered(report, is_done.then_some(tip))
            }
        }
    }
}

fn answered(report: PeerReport, tip: Option<Hash>) -> CaughtUp {
    CaughtUp::Answered {
        outcome: PollOutcome::Other(report),
        etag: tip.and_then(etag_of),
    }
}
