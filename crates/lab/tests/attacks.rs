//! What liars and floods do, and do not do.

use std::sync::Arc;

use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::merkle;
use adit_core::rules::{Context, Rules, Sealed, TemplateContent};
use adit_core::sealed::{CompactHeader, Header, write_block};
use adit_core::transaction::Submitted;
use adit_lab::chain::Person;
use adit_lab::network::{Network, hello};
use adit_net::compact::compact_of;
use adit_net::machine::Offence;
use adit_net::message::{HeaderList, Message};

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

/// A network of ten with a chain of ten blocks, and a puppet that is connected
/// with node 0 and has said hello.
struct Scene {
    people: Vec<Person>,
    rules: Arc<Sealed>,
    network: Network,
    puppet: usize,
    link: usize,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let (people, rules) = people(5);
        let mut network = Network::new(settings(seed, 10, &rules, &people)).unwrap();
        for finder in 0..10 {
            network.plan_block(network.now() + (finder as u32) * 3 * SECOND, finder);
        }
        network.run_for(40 * SECOND).unwrap();
        assert_agreement(&network);
        let puppet = network.add_puppet().unwrap();
        let mut scene = Scene {
            people,
            rules,
            network,
            puppet,
            link: 0,
        };
        scene.link = scene.meet(0);
        scene
    }

    /// The puppet meets a node.
    fn meet(&mut self, node: usize) -> usize {
        let link = self.network.connect(self.puppet, node);
        let hello = hello(&self.rules, 1_000 + link as u64);
        self.network.run_for(SECOND / 10).unwrap();
        self.network.say(self.puppet, link, hello);
        self.network.run_for(SECOND).unwrap();
        self.network.heard(self.puppet);
        link
    }

    fn say(&mut self, message: Message) {
        self.network.say(self.puppet, self.link, message);
        self.network.run_for(SECOND).unwrap();
    }

    fn heard(&mut self) -> Vec<Message> {
        let heard = self.network.heard(self.puppet);
        heard.into_iter().map(|(_, message)| message).collect()
    }

    fn tip(&self) -> Arc<Block> {
        Arc::clone(self.network.node(0).node.chain().tip().unwrap())
    }

    /// A block on the tip with these transactions, whether they are valid or not.
    fn block(&self, transactions: Vec<Submitted>) -> Block {
        let node = &self.network.node(0).node;
        let context = node.chain().next(self.network.now()).unwrap();
        let content = TemplateContent {
            now: self.network.now(),
            transactions,
            reward_to: self.people[4].address.to_string(),
        };
        self.rules.complete(context, &content, 0)
    }

    /// The next block is found, and everybody has it.
    fn goes_on(&mut self) {
        let length = self.network.node(0).node.chain().length();
        self.network.plan_block(self.network.now(), 3);
        self.network.run_for(30 * SECOND).unwrap();
        assert_agreement(&self.network);
        assert_eq!(lengths(&self.network)[0], length + 1);
    }

    /// The puppet was banned for this, and nobody else for anything.
    fn assert_banned(&self, offence: Offence) {
        assert_eq!(self.network.bans, [(0, self.puppet, offence)]);
    }
}

fn record_of(block: &Block) -> CompactHeader {
    let header = &block.sealed().unwrap().header;
    CompactHeader {
        merkle_root: header.merkle_root,
        timestamp_ms: header.timestamp_ms,
        proof: block.proof(),
    }
}

fn headers(blocks: &[&Block]) -> Message {
    Message::Headers {
        start: blocks[0].parent().unwrap(),
        list: HeaderList::Records(blocks.iter().map(|block| record_of(block)).collect()),
    }
}

/// A payment whose signature is another's.
fn forged(scene: &Scene) -> Submitted {
    let [from, to] = [0, 1].map(|number| &scene.people[number]);
    let text = from.pay(&scene.rules, to.address, 0, 100, 10);
    let other = to.pay(&scene.rules, to.address, 0, 100, 10);
    let (text, other) = [text, other]
        .map(|text| String::from_utf8(text).unwrap())
        .into();
    let signature = |text: &str| text.split("\"signature\": \"").nth(1).unwrap()[..128].to_owned();
    let text = text.replace(&signature(&text), &signature(&other));
    let payment = scene.rules.read_own_payment(text.as_bytes()).unwrap();
    Submitted::Payment(payment)
}

#[test]
fn who_sends_an_invalid_header_is_banned() {
    let mut scene = Scene::new(1);
    let tip = scene.tip();
    let record = CompactHeader {
        merkle_root: sha256(b""),
        timestamp_ms: tip.sealed().unwrap().header.timestamp_ms,
        proof: 0,
    };
    scene.say(Message::Headers {
        start: tip.hash(),
        list: HeaderList::Records(vec![record]),
    });
    scene.assert_banned(Offence::InvalidHeader);
    scene.goes_on();
}

#[test]
fn a_compact_block_with_a_wrong_signature_gets_around_and_nobody_is_banned() {
    let mut scene = Scene::new(2);
    let bad = scene.block(vec![forged(&scene)]);
    let compact = compact_of(&bad, 1, &[1]).unwrap();
    scene.say(Message::Compact(Arc::new(compact)));
    scene.network.run_for(10 * SECOND).unwrap();
    assert_eq!(scene.network.bans, []);
    assert_eq!(lengths(&scene.network), [11; 10]);
    // Nobody asks for it again, whichever peer tells of it.
    scene.heard();
    scene.say(headers(&[&bad]));
    assert_eq!(scene.heard(), []);
    scene.goes_on();
}

#[test]
fn who_answers_with_an_invalid_body_is_banned_and_the_good_block_taken() {
    let mut scene = Scene::new(3);
    let bad = scene.block(vec![forged(&scene)]);
    scene.say(headers(&[&bad]));
    assert_eq!(scene.heard(), [Message::GetCompact(bad.hash())]);
    scene.say(Message::Block(bad.text().into()));
    scene.assert_banned(Offence::InvalidBody);
    scene.goes_on();
    scene.assert_banned(Offence::InvalidBody);
}

#[test]
fn who_answers_with_a_changed_body_is_banned_and_the_block_had_of_others() {
    let mut scene = Scene::new(4);
    let [from, to] = [0, 1].map(|number| &scene.people[number]);
    let payment = from.payment(&scene.rules, to.address, 0, 100, 10);
    let good = scene.block(vec![payment]);
    scene.say(headers(&[&good]));
    scene.heard();
    let changed = String::from_utf8(good.text().to_vec()).unwrap();
    let changed = changed.replace("\"amount\": 100,", "\"amount\": 101,");
    assert_ne!(changed.as_bytes(), good.text());
    scene.say(Message::Block(changed.as_bytes().into()));
    scene.assert_banned(Offence::InvalidBody);
    // The same block from somebody honest.
    scene.link = {
        let again = scene.network.add_puppet().unwrap();
        scene.puppet = again;
        scene.meet(0)
    };
    scene.say(headers(&[&good]));
    assert_eq!(scene.heard(), [Message::GetCompact(good.hash())]);
    scene.say(Message::Block(good.text().into()));
    scene.network.run_for(10 * SECOND).unwrap();
    assert_agreement(&scene.network);
    assert_eq!(scene.tip().hash(), good.hash());
}

#[test]
fn transactions_that_do_not_fit_are_no_offence_and_the_whole_block_is_asked_for() {
    let mut scene = Scene::new(5);
    let [from, to] = [0, 1].map(|number| &scene.people[number]);
    let payment = from.payment(&scene.rules, to.address, 0, 100, 10);
    let good = scene.block(vec![payment]);
    let hash = good.hash();
    let wrong: Arc<[u8]> = from.pay(&scene.rules, to.address, 0, 999, 10).into();
    let compact = compact_of(&good, 1, &[]).unwrap();
    scene.say(Message::Compact(Arc::new(compact)));
    let places = vec![1];
    assert_eq!(scene.heard(), [Message::GetBlockTxs { hash, places }]);
    scene.say(Message::BlockTxs {
        hash,
        texts: vec![wrong],
    });
    assert_eq!(scene.heard(), [Message::GetBlocks(vec![hash])]);
    scene.say(Message::Block(good.text().into()));
    scene.network.run_for(10 * SECOND).unwrap();
    assert_eq!(scene.network.bans, []);
    assert_agreement(&scene.network);
    assert_eq!(scene.tip().hash(), hash);
}

#[test]
fn a_compact_block_that_makes_no_sense_is_asked_for_whole_and_once() {
    let mut scene = Scene::new(12);
    let good = scene.block(Vec::new());
    let other = scene.block(vec![scene.people[0].payment(
        &scene.rules,
        scene.people[1].address,
        0,
        100,
        10,
    )]);
    // The header of one, and the transactions of another.
    let mut compact = compact_of(&good, 1, &[]).unwrap();
    compact.prefilled = compact_of(&other, 1, &[1]).unwrap().prefilled;
    scene.say(Message::Compact(Arc::new(compact)));
    assert_eq!(scene.heard(), [Message::GetBlocks(vec![good.hash()])]);
    scene.say(Message::Block(good.text().into()));
    scene.network.run_for(10 * SECOND).unwrap();
    assert_eq!(scene.network.bans, []);
    assert_eq!(scene.tip().hash(), good.hash());
    assert_agreement(&scene.network);
}

#[test]
fn blocks_that_are_withheld_are_had_of_others() {
    let mut scene = Scene::new(6);
    // It tells of every block, and sends none.
    let chain = scene.network.node(0).archive.main();
    let texts: Vec<Vec<u8>> = chain.map(|block| block.text().to_vec()).collect();
    let blocks: Vec<Block> = texts
        .into_iter()
        .map(|text| scene.rules.read(&text).unwrap())
        .collect();
    let all: Vec<&Block> = blocks[1..].iter().collect();
    let new = scene.network.join().unwrap();
    scene.link = scene.meet(new);
    scene.say(headers(&all));
    let asked = scene.heard();
    assert!(
        matches!(&asked[..], [Message::GetBlocks(hashes)] if hashes.len() == 10),
        "{asked:?}"
    );
    scene.network.connect(new, 1);
    scene.network.run_for(10 * SECOND).unwrap();
    assert_agreement(&scene.network);
    assert_eq!(scene.network.bans, []);
}

#[test]
fn what_comes_a_thousand_times_costs_nothing_and_is_no_offence() {
    let mut scene = Scene::new(7);
    let tip = scene.tip();
    let compact = Arc::new(compact_of(&tip, 1, &[]).unwrap());
    scene.heard();
    for number in 0..1_000_u64 {
        let message = match number % 4 {
            0 => Message::Compact(Arc::clone(&compact)),
            1 => headers(&[&tip]),
            2 => Message::Block(tip.text().into()),
            _ => Message::TxInventory(Vec::new()),
        };
        scene.network.say(scene.puppet, scene.link, message);
    }
    scene.network.run_for(20 * SECOND).unwrap();
    assert_eq!(scene.heard(), []);
    assert_eq!(scene.network.bans, []);
    let machine = &scene.network.node(0).machine;
    assert_eq!((machine.held_bytes(), machine.headers_ahead()), (0, 0));
    scene.goes_on();
}

#[test]
fn an_early_block_is_held_until_its_time_and_is_no_offence() {
    let mut scene = Scene::new(8);
    let tip = scene.tip();
    let parent = tip.header();
    let content = TemplateContent {
        now: scene.network.now() + 90 * SECOND,
        transactions: Vec::new(),
        reward_to: scene.people[4].address.to_string(),
    };
    let context = Context {
        now: content.now,
        ..scene
            .network
            .node(0)
            .node
            .chain()
            .next(content.now)
            .unwrap()
    };
    assert_eq!(context.parent, parent);
    let early = scene.rules.complete(context, &content, 0);
    let compact = compact_of(&early, 1, &[]).unwrap();
    scene.say(Message::Compact(Arc::new(compact)));
    assert_eq!(scene.heard(), []);
    scene.network.run_for(32 * SECOND).unwrap();
    // Its time has come, and its body is asked for.
    assert_eq!(scene.heard()[0], Message::GetCompact(early.hash()));
    scene.say(Message::Block(early.text().into()));
    scene.network.run_for(5 * SECOND).unwrap();
    assert_agreement(&scene.network);
    assert_eq!(scene.tip().hash(), early.hash());
    assert_eq!(scene.network.bans, []);
}

#[test]
fn an_inventory_without_end_makes_no_more_room_than_its_limit() {
    let mut scene = Scene::new(9);
    for number in 0..40_u64 {
        let leaves = (0..1_000).map(|one| sha256(&(number * 1_000 + one).to_be_bytes()));
        scene.network.say(
            scene.puppet,
            scene.link,
            Message::TxInventory(leaves.collect()),
        );
    }
    scene.network.run_for(2 * SECOND).unwrap();
    let asked: usize = scene
        .heard()
        .iter()
        .map(|message| match message {
            Message::GetTxs(leaves) => leaves.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(asked, 100);
    scene.goes_on();
}

/// A block by a header of its own making: everything right but one thing.
fn made_of(header: &Header, reward: &[u8]) -> Vec<u8> {
    let list = [b"[", reward, b"]"].concat();
    write_block(header, 0, &list)
}

#[test]
fn a_block_that_pays_its_maker_too_much_is_refused_and_its_sender_banned() {
    let mut scene = Scene::new(10);
    let good = scene.block(Vec::new());
    let reward = good.transactions().next().unwrap().to_vec();
    let reward = String::from_utf8(reward)
        .unwrap()
        .replace("1000000", "1000001");
    let header = Header {
        merkle_root: merkle::leaf(reward.as_bytes()),
        ..good.sealed().unwrap().header.clone()
    };
    let bad = made_of(&header, reward.as_bytes());
    let bad = scene.rules.read(&bad).unwrap();
    scene.say(headers(&[&bad]));
    scene.say(Message::Block(bad.text().into()));
    scene.assert_banned(Offence::InvalidBody);
    scene.goes_on();
}

#[test]
fn another_chain_is_parted_with_and_not_banned() {
    let mut scene = Scene::new(11);
    let stranger = scene.network.add_puppet().unwrap();
    let link = scene.network.connect(stranger, 0);
    let (_, other) = people(2);
    let hello = hello(&other, 77);
    scene.network.run_for(SECOND).unwrap();
    scene.network.say(stranger, link, hello);
    scene.network.run_for(SECOND).unwrap();
    let heard = scene.network.heard(stranger);
    assert!(
        matches!(heard.last(), Some((_, Message::Bye { .. }))),
        "{heard:?}"
    );
    assert_eq!(scene.network.bans, []);
}
