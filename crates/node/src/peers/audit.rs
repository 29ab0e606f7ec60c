//! Looks at another node's chain to say what is wrong with it: block by block up
//! to the first that is refused, of which everything is kept that is needed to
//! understand why. Nothing is adopted, and the peer is asked for nothing but its
//! chain.

mod candidates;
mod diagnosis;
mod evidence;
mod link;
mod no_answer;
pub(crate) mod places;
mod shown;
mod value;
mod writing;

use diagnosis::{CAPITALS_ADVICE, too_strict};
pub use diagnosis::{diagnose, diagnose_unreadable};
pub use evidence::{Evidence, Received};
use places::{AUDITS_LIMIT, AuditPlace};
use shown::{SHOWN_LIMIT_BYTES, cut};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_api::audit::{Audit, AuditedBlock, Comparison, Verdict};
use adit_api::peer;
use adit_core::address::Address;
use adit_core::archive::{Archive, MemoryArchive};
use adit_core::block::{Block, BlockError};
use adit_core::hash::Hash;
use adit_core::json;
use adit_core::peer::PeerAddress;
use adit_core::rules::Rules;
use adit_core::sealed::Account;
use adit_core::sync::{ChainReader, ChainValidation, PeerKind, ValidationError};
use adit_store::Snapshot;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, SERVER};
use tokio::time::{Instant, timeout};

use crate::clock::now;
use crate::guess::{guess, puzzle_after};
use crate::peers::fetch::{self, FetchError, Packing, Piece, Pieces};

/// An audit ends after this time, whatever the peer still sends.
const AUDIT_TIMEOUT_MS: u64 = 60_000;

/// Beyond this many accounts, who can pay what is no longer checked; all audits
/// of a running node have this many together.
const AUDIT_ACCOUNTS_LIMIT: usize = 1_000_000;

/// An answer that takes longer is worth a note.
const SLOW_MS: u64 = 2_000;

/// Audits a node's chain under these rules, with no chain of our own.
pub async fn audit(peer: &PeerAddress, rules: Arc<dyn Rules>) -> Audit {
    audit_beside(peer, rules, None).await
}

/// What an audit by a running node has besides.
pub(crate) struct Beside {
    /// The node's own chain.
    pub(crate) snapshot: Snapshot,
    /// Where it is audited, until all of that has ended.
    pub(crate) _place: AuditPlace,
}

/// Audits a node's chain, and compares it with ours.
pub(crate) async fn audit_beside(
    peer: &PeerAddress,
    rules: Arc<dyn Rules>,
    beside: Option<Beside>,
) -> Audit {
    let mut audit = audit_of_nothing(peer, &*rules);
    let limit = Duration::from_millis(AUDIT_TIMEOUT_MS);
    let looking = look(peer, rules, beside, &mut audit);
    let problem = match timeout(limit, looking).await {
        Ok(Ok(())) => return audit,
        Ok(Err(error)) => error,
        Err(_) => FetchError::Endless(AUDIT_TIMEOUT_MS),
    };
    audit.diagnosis = no_answer::diagnose(&problem);
    audit.problem = Some(problem.to_string());
    audit
}

fn audit_of_nothing(peer: &PeerAddress, rules: &dyn Rules) -> Audit {
    Audit {
        peer: peer.to_string(),
        kind: kind_of(PeerKind::Unknown),
        rules: rules.name().to_owned(),
        verdict: Verdict::Unreachable,
        length: 0,
        stated_length: None,
        goes_on: false,
        tip: None,
        problem: None,
        rule: None,
        block: None,
        before: None,
        guess: None,
        diagnosis: None,
        strict_zeros: None,
        comparison: None,
        notes: Vec::new(),
    }
}

/// Returns a kind of node, as the API names it.
pub(crate) fn kind_of(kind: PeerKind) -> peer::PeerKind {
    match kind {
        PeerKind::Unknown => peer::PeerKind::Unknown,
        PeerKind::Adit => peer::PeerKind::Adit,
        PeerKind::Python => peer::PeerKind::Python,
    }
}

async fn look(
    peer: &PeerAddress,
    rules: Arc<dyn Rules>,
    beside: Option<Beside>,
    audit: &mut Audit,
) -> Result<(), FetchError> {
    let start = Instant::now();
    let response = fetch::get_chain(&fetch::client(), peer, None, Packing::Gzip).await?;
    let (status, headers) = (response.status(), response.headers());
    audit.kind = kind_of(fetch::kind_of(status, headers));
    let header = |name| {
        let value = headers
            .get(name)
            .map(|value: &reqwest::header::HeaderValue| value.as_bytes());
        value.map(|value| {
            String::from_utf8_lossy(value)
                .chars()
                .take(80)
                .collect::<String>()
        })
    };
    if let Some(server) = header(SERVER) {
        audit.notes.push(format!("it calls itself {server}"));
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status));
    }
    match header(CONTENT_TYPE) {
        Some(found) if found.starts_with("application/json") => {}
        Some(found) => audit.notes.push(format!(
            "its answer is said to be {found}, and should be application/json"
        )),
        None => audit
            .notes
            .push("its answer does not say that it is application/json (Content-Type)".to_owned()),
    }
    let started = audit.clone();
    let check = move |pieces| Auditor::new(rules, beside, started).check(pieces);
    let checked: Result<Audit, String> = fetch::read(response, check).await?;
    match checked {
        Ok(checked) => *audit = checked,
        Err(problem) => audit.problem = Some(problem),
    }
    let took_ms = start.elapsed().as_millis();
    if took_ms > u128::from(SLOW_MS) {
        let note = format!("its whole answer took {:.1} s", took_ms as f64 / 1000.0);
        audit.notes.push(note);
    }
    Ok(())
}

/// Checks a chain while it comes.
struct Auditor {
    rules: Arc<dyn Rules>,
    beside: Option<Beside>,
    validation: ChainValidation,
    accounts_limit: usize,
    accounts: BTreeMap<Address, Account>,
    first: Option<Hash>,
    fork_height: Option<u64>,
    /// The last valid block, as it came.
    last_source: Vec<u8>,
    has_ended: bool,
    audit: Audit,
}

/// Returns no blocks of our own: all of the peer's are checked.
fn nothing() -> MemoryArchive {
    MemoryArchive::default()
}

impl Auditor {
    fn new(rules: Arc<dyn Rules>, beside: Option<Beside>, audit: Audit) -> Auditor {
        let reader = ChainReader::of_answer().taking(rules.reading());
        Auditor {
            validation: ChainValidation::new(Arc::clone(&rules), reader),
            rules,
            accounts_limit: match &beside {
                Some(_) => AUDIT_ACCOUNTS_LIMIT / AUDITS_LIMIT,
                None => AUDIT_ACCOUNTS_LIMIT,
            },
            beside,
            accounts: BTreeMap::new(),
            first: None,
            fork_height: None,
            last_source: Vec::new(),
            has_ended: false,
            audit,
        }
    }

    /// Returns what was found; an error is one of ours.
    fn check(mut self, mut pieces: Pieces) -> Result<Option<Audit>, String> {
        loop {
            match self.validation.next_block(now(), &nothing()) {
                Ok(Some(block)) => {
                    if let Err(error) = self.check_content(&block) {
                        self.refuse_content(&block, &error);
                        break;
                    }
                    self.accept(&block)?;
                    if !pieces.is_wanted() {
                        return Ok(None);
                    }
                }
                Ok(None) if self.has_ended => break,
                Ok(None) => {
                    if !self.feed(&mut pieces) {
                        return Ok(None);
                    }
                }
                Err(ValidationError::Invalid { position, error }) => {
                    self.refuse(position, &error, &mut pieces);
                    break;
                }
                Err(error) => {
                    self.refuse_all(&error);
                    break;
                }
            }
        }
        self.audit.stated_length = self.validation.stated_length();
        if self.audit.problem.is_none() {
            self.conclude();
        }
        self.compare();
        Ok(Some(self.audit))
    }

    /// Takes the next piece in. Returns whether there was one.
    fn feed(&mut self, pieces: &mut Pieces) -> bool {
        match pieces.next() {
            Some(Piece::Bytes(bytes)) => self.validation.feed(&bytes),
            Some(Piece::End) => {
                self.validation.end();
                self.has_ended = true;
            }
            None => return false,
        }
        true
    }

    /// What a chain is asked only when it is adopted: signatures, and that
    /// nobody pays what they do not have.
    fn check_content(&mut self, block: &Block) -> Result<(), BlockError> {
        self.rules.check_signatures(block, &|_, _| false)?;
        if self.accounts.len() > self.accounts_limit {
            return Ok(());
        }
        let accounts = &self.accounts;
        let before = |owner: &Address| accounts.get(owner).copied().unwrap_or_default();
        let changes = self.rules.apply(block, &before)?;
        let after = changes.iter().map(|change| (change.address, change.after));
        self.accounts.extend(after);
        Ok(())
    }

    fn accept(&mut self, block: &Block) -> Result<(), String> {
        let (height, hash) = (block.height(), block.hash());
        self.first.get_or_insert(hash);
        if let Some(Beside { snapshot: ours, .. }) = &self.beside
            && self.fork_height.unwrap_or_default() + 1 == height
            && ours.main_hash(height).map_err(|error| error.to_string())? == Some(hash)
        {
            self.fork_height = Some(height);
        }
        self.last_source.clear();
        self.last_source
            .extend_from_slice(self.validation.last_source());
        self.audit.length = height;
        self.audit.tip = Some(hash.to_string());
        Ok(())
    }

    fn refuse(&mut self, position: u64, error: &BlockError, pieces: &mut Pieces) {
        let source = self.validation.last_source().to_vec();
        let (before, before_that) = self.validation.last_two();
        let (before, before_that) = (before.as_deref(), before_that.as_deref());
        let next_claim = self.next_claim(pieces);
        let block = self.rules.read(&source).ok();
        let evidence = Evidence {
            rules: self.rules.name(),
            place: position,
            error,
            source: &source,
            before: before.map(|block| Received {
                block,
                source: &self.last_source,
            }),
            before_that: before_that.map(|block| (block.hash(), block.proof())),
            first: self.first,
            own_hash: block.as_ref().map(Block::hash),
            next_claim: next_claim.as_deref(),
        };
        self.audit.diagnosis = diagnose(&evidence);
        if let (BlockError::WrongPreviousHash { .. }, Some(before)) = (error, before) {
            let claimed = claimed_hash(&source);
            let shown = shown(position - 1, &self.last_source, Some(before), claimed);
            self.audit.before = Some(shown);
        }
        if let Some(block) = &block
            && error.rule() == "proof"
        {
            let puzzle = puzzle_after(&*self.rules, before, block);
            self.audit.guess = puzzle.map(|puzzle| guess(&puzzle, block.proof()));
        }
        let problem = format!("the block in place {position} is not valid: {error}");
        self.set_refused(error.rule(), problem);
        self.audit.block = Some(shown(position, &source, block.as_ref(), next_claim));
    }

    /// A block that is valid but for what it does.
    fn refuse_content(&mut self, block: &Block, error: &BlockError) {
        let place = block.height();
        let source = self.validation.last_source();
        self.audit.block = Some(shown(place, source, Some(block), None));
        let problem = format!("the block in place {place} is not valid: {error}");
        self.set_refused(error.rule(), problem);
    }

    fn refuse_all(&mut self, error: &ValidationError) {
        if let ValidationError::Read(error) = error {
            let names = self.validation.misspelt();
            self.audit.diagnosis = diagnose_unreadable(error, self.validation.unread(), names);
        }
        self.set_refused("chain", error.to_string());
    }

    fn set_refused(&mut self, rule: &str, problem: String) {
        self.audit.verdict = Verdict::Refused;
        self.audit.rule = Some(rule.to_owned());
        self.audit.problem = Some(problem);
    }

    /// What the block behind a refused one names as its previous hash.
    fn next_claim(&mut self, pieces: &mut Pieces) -> Option<String> {
        loop {
            match self.validation.next_block(now(), &nothing()) {
                Ok(Some(_)) | Err(ValidationError::Invalid { .. }) => {
                    return claimed_hash(self.validation.last_source());
                }
                Ok(None) if !self.has_ended && self.feed(pieces) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// All blocks were valid.
    fn conclude(&mut self) {
        if self.audit.length == 0 {
            return self.set_refused("chain", ValidationError::Empty.to_string());
        }
        self.audit.verdict = Verdict::Valid;
        let length = self.audit.length;
        if self.validation.ends_early() {
            let note = "its further blocks are dated too far ahead of our clock";
            self.audit.notes.push(note.to_owned());
            self.audit.goes_on = true;
        } else if !self.audit.states_its_length() {
            self.audit.notes.push(match self.audit.stated_length {
                Some(stated) => format!(
                    "it says that its length is {stated}, and there are {length} blocks: the \
                     tutorial's nodes believe what it says"
                ),
                None => match self.validation.misspelt().length() {
                    Some(name) => format!(
                        "its answer has no length, but {name}: the tutorial's nodes fail at that; \
                         {CAPITALS_ADVICE}"
                    ),
                    None => {
                        "its answer has no length: the tutorial's nodes fail at that".to_owned()
                    }
                },
            });
        }
        if let Some(strict) = self.validation.strict() {
            self.audit.strict_zeros = Some(strict.zeros);
            self.audit.diagnosis = Some(too_strict(&strict));
        }
        if self.accounts.len() > self.accounts_limit {
            let note = "there are too many accounts to check here who can pay what";
            self.audit.notes.push(note.to_owned());
        }
    }

    fn compare(&mut self) {
        if let Some(Beside { snapshot: ours, .. }) = &self.beside {
            self.audit.comparison = Some(Comparison {
                our_length: ours.length(),
                fork_index: self.fork_height,
            });
        }
    }
}

fn shown(
    index: u64,
    source: &[u8],
    block: Option<&Block>,
    claimed: Option<String>,
) -> AuditedBlock {
    let canonical = block.map(Block::text);
    let is_long = |text: &[u8]| text.len() > SHOWN_LIMIT_BYTES;
    AuditedBlock {
        index,
        text: cut(source),
        is_cut: is_long(source) || canonical.is_some_and(is_long),
        canonical: canonical.map(cut),
        our_hash: block.map(|block| block.hash().to_string()),
        claimed_previous_hash: claimed,
    }
}

/// Returns the `previous_hash` of a block, cut to a little more than the length
/// of a hash.
fn claimed_hash(source: &[u8]) -> Option<String> {
    let text = json::canonical(source, usize::MAX).ok()?;
    let value = json::member(&text, "previous_hash")?;
    let value = json::string(value).unwrap_or_else(|| String::from_utf8_lossy(value).into_owned());
    Some(value.chars().take(160).collect())
}
