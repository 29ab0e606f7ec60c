//! The still figures of the lessons. Every hash in them is computed here from
//! the text beside it, so none is made up; the lessons' modules hash the same
//! texts in the browser.

use adit_core::hash::sha256;

use crate::pages::block_figure::{BlockFigure, BlockState, HashStrip, Link, Miner, PaymentLine};

/// What the blocks of a lesson say, and the number that gives their hash four
/// zeros. `lesson-chain.js` has the same.
const LINES: [(&str, u32); 4] = [
    ("Ida pays Zoë 7", 529_060),
    ("Mia pays Jonas 5", 91_332),
    ("Noor pays Emir 12", 9_857),
    ("Lena pays Paul 3", 25_850),
];

/// Mia’s public key, and her signature under [`SIGNED`] (Ed25519).
const MIAS_KEY: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const MIAS_SIGNATURE: &str = "00b258d54054d914842a4607fedc94fb35cecc18430365503a251cae9a805adf\
     3a93854e7021c4f2ed9484ddb81b8a79fbc52251417fe3388de05015fd1a8a0e";
const SIGNED: &str = "Mia pays Jonas 5";

/// A text, and what it hashes to.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) text: String,
    pub(super) strip: HashStrip,
    /// Its digits, in two lines.
    pub(super) digits: [String; 2],
    /// Whether it is what was asked for, where something was.
    pub(super) holds: bool,
}

/// A chain as one node has it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) miner: Option<Miner>,
    pub(super) name: &'static str,
    pub(super) blocks: Vec<BlockFigure>,
    /// What is said at its end.
    pub(super) note: &'static str,
}

/// What somebody offers for a place in a block.
#[derive(Debug)]
pub(super) struct FeeOffer {
    pub(super) line: &'static str,
    pub(super) fee: u32,
    pub(super) bytes: u32,
    pub(super) is_in: bool,
}

impl FeeOffer {
    /// Returns the fee for 100 bytes.
    pub(super) fn rate(&self) -> String {
        format!("{:.1}", f64::from(self.fee) * 100.0 / f64::from(self.bytes))
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) hashes: [Hashed; 2],
    pub(super) orders: [BlockFigure; 2],
    pub(super) guesses: Vec<Hashed>,
    pub(super) chain: Vec<BlockFigure>,
    pub(super) tampered: Vec<BlockFigure>,
    pub(super) fork: [Lane; 2],
    pub(super) reorganisation: [Lane; 3],
    pub(super) signed: [Hashed; 2],
    pub(super) key: HashStrip,
    pub(super) offers: [FeeOffer; 5],
    pub(super) attack: [Lane; 2],
}

impl Figures {
    pub(super) fn new() -> Figures {
        Figures {
            hashes: [hashed("Ida pays Zoë 7"), hashed("Ida pays Zoë 8")],
            orders: orders(),
            guesses: guesses(),
            chain: chain(LINES.map(|(line, _)| line)),
            tampered: chain([LINES[0].0, "Mia pays Jonas 50", LINES[2].0, LINES[3].0]),
            fork: fork(),
            reorganisation: reorganisation(),
            signed: [signed(SIGNED), signed("Mia pays Jonas 50")],
            key: HashStrip::of(MIAS_KEY),
            offers: offers(),
            attack: attack(),
        }
    }
}

fn hash_of(text: &str) -> String {
    sha256(text.as_bytes()).to_string()
}

fn hashed(text: &str) -> Hashed {
    let hash = hash_of(text);
    Hashed {
        text: text.to_owned(),
        strip: HashStrip::of(&hash),
        digits: [hash[..32].to_owned(), hash[32..].to_owned()],
        holds: true,
    }
}

/// Two blocks of the same payments, in two orders.
fn orders() -> [BlockFigure; 2] {
    let lines = ["Ida pays Zoë 7", "Mia pays Jonas 5", "Noor pays Emir 12"];
    let swapped = [lines[1], lines[0], lines[2]];
    [lines, swapped].map(|lines| BlockFigure {
        payments: lines.map(payment).to_vec(),
        hash: Some(HashStrip::of(&hash_of(&lines.join("\n")))),
        ..BlockFigure::numbered(1, BlockState::Plain)
    })
}

/// Returns the line of a payment that is said as `Ida pays Zoë 7`.
fn payment(said: &str) -> PaymentLine {
    let mut words = said.split(' ');
    let mut next = || words.next().unwrap_or_default().to_owned();
    let (from, _, to, amount) = (next(), next(), next(), next());
    PaymentLine {
        from: Some(from),
        to,
        amount,
        now: None,
    }
}

/// The last guesses for block 2, of which only the third is right.
fn guesses() -> Vec<Hashed> {
    let (line, found) = LINES[1];
    let previous = hash_of(&text_of(1, "", LINES[0].0, LINES[0].1));
    let guess = |number: u32| {
        let hash = hash_of(&text_of(2, &previous, line, number));
        Hashed {
            text: number.to_string(),
            strip: HashStrip::of(&hash),
            digits: [hash[..16].to_owned(), String::new()],
            holds: hash.starts_with("0000"),
        }
    };
    (found - 2..=found).map(guess).collect()
}

/// What of a lesson's block is hashed.
fn text_of(height: usize, previous: &str, line: &str, number: u32) -> String {
    format!("{height}|{previous}|{line}|{number}")
}

/// The four blocks with these lines, each with the number and the previous hash
/// that were right for the lines as they were.
fn chain(lines: [&str; 4]) -> Vec<BlockFigure> {
    let mut named = String::new(); // what a block says of the one before
    let mut before = String::new(); // what that one's hash is
    let mut is_broken = false;
    let mut blocks = Vec::new();
    for (at, ((was, number), line)) in LINES.into_iter().zip(lines).enumerate() {
        let height = at + 1;
        let hash = hash_of(&text_of(height, &named, line, number));
        let holds = hash.starts_with("0000") && named == before;
        let state = match (holds, is_broken) {
            (true, false) => BlockState::Valid,
            (true, true) => BlockState::RestsOnBroken,
            (false, _) => BlockState::Broken,
        };
        is_broken |= !holds;
        let link = if named == before {
            Link::Whole
        } else {
            Link::Broken
        };
        let previous = (!named.is_empty()).then(|| HashStrip::of_work(&named));
        blocks.push(BlockFigure {
            payments: vec![payment(line)],
            facts: vec![("proof".to_owned(), number.to_string())],
            previous,
            hash: Some(HashStrip::of_work(&hash)),
            link: (at > 0).then_some(link),
            ..BlockFigure::numbered(height, state)
        });
        named = hash_of(&text_of(height, &named, was, number));
        before = hash;
    }
    blocks
}

fn miner(name: &str, kind: char) -> Miner {
    Miner {
        name: name.to_owned(),
        letter: name.chars().take(1).collect(),
        kind,
    }
}

fn ana() -> Miner {
    miner("Ana", 'a')
}

fn ben() -> Miner {
    miner("Ben", 'b')
}

/// Returns small blocks behind each other; who made each is said by a letter.
fn lane_of(makers: &str, tip: Option<usize>) -> Vec<BlockFigure> {
    let mut previous = String::new();
    let mut blocks = Vec::new();
    for (at, maker) in makers.chars().enumerate() {
        let maker = if maker == 'A' { ana() } else { ben() };
        let hash = hash_of(&format!("{}|{previous}|{}", at + 1, maker.name));
        let state = if tip == Some(at) {
            BlockState::Tip
        } else {
            BlockState::Plain
        };
        blocks.push(BlockFigure {
            miner: Some(maker),
            hash: Some(HashStrip::of(&hash)),
            link: (at > 0).then_some(Link::Whole),
            ..BlockFigure::numbered(at + 1, state)
        });
        previous = hash;
    }
    blocks
}

fn fork() -> [Lane; 2] {
    [
        Lane {
            miner: Some(ana()),
            name: "Ana",
            blocks: lane_of("ABA", Some(2)),
            note: "builds on her own block 3",
        },
        Lane {
            miner: Some(ben()),
            name: "Ben",
            blocks: lane_of("ABB", Some(2)),
            note: "builds on his own block 3",
        },
    ]
}

fn reorganisation() -> [Lane; 3] {
    let mut dropped = lane_of("ABB", None).split_off(2);
    for block in &mut dropped {
        block.state = BlockState::Dropped;
        block.link = None;
    }
    let lane = |miner, name| Lane {
        miner: Some(miner),
        name,
        blocks: lane_of("ABAA", Some(3)),
        note: "the same tip",
    };
    [
        lane(ana(), "Ana"),
        lane(ben(), "Ben"),
        Lane {
            miner: None,
            name: "aside",
            blocks: dropped,
            note: "Mia pays Jonas 5 waits again",
        },
    ]
}

/// A text with Mia's signature under the one that she signed.
fn signed(text: &str) -> Hashed {
    Hashed {
        text: text.to_owned(),
        strip: HashStrip::of(MIAS_SIGNATURE),
        digits: [MIAS_SIGNATURE[..31].to_owned(), String::new()],
        holds: text == SIGNED,
    }
}

/// Five offers for a block of 600 bytes. `lesson-fees.js` has the same.
fn offers() -> [FeeOffer; 5] {
    [
        ("Noor pays Emir 12", 9, 600, false),
        ("Mia pays Jonas 5", 6, 200, true),
        ("Ida pays Zoë 7", 5, 250, true),
        ("Lena pays Paul 3", 4, 100, true),
        ("Emir pays Ida 1", 2, 200, false),
    ]
    .map(|(line, fee, bytes, is_in)| FeeOffer {
        line,
        fee,
        bytes,
        is_in,
    })
}

/// A race in which the attacker's hidden chain wins after one confirmation.
fn attack() -> [Lane; 2] {
    let mut honest = lane_of("BBB", None);
    for block in honest.iter_mut().skip(1) {
        block.state = BlockState::Dropped;
    }
    let mut hidden = lane_of("BAAA", Some(3)).split_off(1);
    for block in &mut hidden {
        block.state = BlockState::HiddenChain;
    }
    [
        Lane {
            miner: None,
            name: "all others",
            blocks: honest,
            note: "the payment is in block 2",
        },
        Lane {
            miner: None,
            name: "attacker",
            blocks: hidden,
            note: "4 against 3: the payment is gone",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_holds_and_a_changed_line_breaks_all_that_follow() {
        let figures = Figures::new();
        let states =
            |blocks: &[BlockFigure]| blocks.iter().map(|block| block.state).collect::<Vec<_>>();
        assert_eq!(states(&figures.chain), [BlockState::Valid; 4]);
        let (valid, broken) = (BlockState::Valid, BlockState::Broken);
        let tampered = [valid, broken, broken, BlockState::RestsOnBroken];
        assert_eq!(states(&figures.tampered), tampered);
        assert!(figures.tampered[1].hash != figures.tampered[2].previous);
    }

    #[test]
    fn only_the_last_guess_is_right() {
        let holds: Vec<_> = guesses().iter().map(|guess| guess.holds).collect();
        assert_eq!(holds, [false, false, true]);
    }

    #[test]
    fn the_offers_that_are_in_are_the_best_per_byte_and_fit() {
        let mut offers = offers();
        offers.sort_by(|a, b| (b.fee * a.bytes).cmp(&(a.fee * b.bytes)));
        assert!(offers.iter().take(3).all(|offer| offer.is_in));
        assert!(offers.iter().take(3).map(|offer| offer.bytes).sum::<u32>() <= 600);
    }
}
