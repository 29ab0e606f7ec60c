//! What has to hold in a case. After each event the model is asked about what that
//! event touched; at the end everything is executed once more. It judges nodes, and
//! changes nothing in them.

use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{Archive, ArchiveError, Entry, MainChange};
use adit_core::block::Block;
use adit_core::chain::ChainError;
use adit_core::mempool::Mempool;
use adit_core::node::FUTURE_BLOCKS_LIMIT;
use adit_core::sealed::Account;
use adit_core::sync::ValidationError;
use num_bigint::{BigInt, Sign};

use super::model::{Holding, Judged, Model, ORPHAN};
use super::site::Adopting;
use super::world::{Acknowledged, World, Wrong};

fn wrong<T>(what: String) -> Result<T, Wrong> {
    Err(what)
}

/// A node has taken a block: it is valid, and the choice of the tip, the accounts
/// and the sums are those of the model.
pub(super) fn taken(
    world: &mut World,
    at: usize,
    block: &Arc<Block>,
    entry: Entry,
    main: MainChange,
) -> Result<(), Wrong> {
    let judged = match world.model.judge(block.text()) {
        Ok(judged) => judged.clone(),
        Err(why) => {
            return wrong(format!(
                "node {at} took block {}, which is not valid: {why}",
                block.hash()
            ));
        }
    };
    if entry.height != judged.height || big(entry.total_weight) != judged.total_work {
        return wrong(format!(
            "node {at} has {entry:?} of a block of height {}, work {}",
            judged.height, judged.total_work
        ));
    }
    let site = &world.sites[at];
    let old = site.tip.as_ref().and_then(|tip| world.model.block(tip));
    let wins = old.is_none_or(|old| judged.total_work > old.total_work);
    let expected = match old {
        _ if !wins => MainChange::Side,
        None => MainChange::Extend,
        Some(old) if old.name == judged.parent => MainChange::Extend,
        Some(old) => MainChange::Reorganise {
            fork: fork(&world.model, old, &judged),
        },
    };
    if main != expected {
        return wrong(format!(
            "node {at} took block {}: {main:?}, and not {expected:?}",
            judged.name
        ));
    }
    let accounts = site.archive.accounts_at(&block.hash());
    let accounts = accounts.map_err(|error| error.to_string())?;
    for person in &world.people {
        let owner = &person.address;
        check_account(at, &judged, owner, accounts.account(owner))?;
        if wins {
            check_account(at, &judged, owner, site.archive.account(owner))?;
        }
    }
    drop(accounts);
    if wins {
        let fork = match main {
            MainChange::Reorganise { fork } => fork,
            _ => judged.height.saturating_sub(1),
        };
        world.sites[at].tip = Some(judged.name.clone());
        excuse_replaced(world, at, &judged, fork);
    }
    Ok(())
}

/// What is in the place of an acknowledged transaction, in a block of the main chain
/// above the fork, has driven it out.
fn excuse_replaced(world: &mut World, at: usize, tip: &Judged, fork: u64) {
    let mut next = Some(tip);
    while let Some(block) = next.filter(|block| block.height > fork) {
        for (sender, nonce, text) in &block.payments {
            let of_node = world.acknowledged.iter_mut().filter(|one| one.at == at);
            for one in of_node.filter(|one| one.nonce == *nonce && one.text != *text) {
                one.is_excused |= one.sender.to_string() == *sender;
            }
        }
        next = world.model.block(&block.parent);
    }
}

fn check_account(
    at: usize,
    block: &Judged,
    owner: &Address,
    has: Result<Account, ArchiveError>,
) -> Result<(), Wrong> {
    let Account { balance, nonce } = has.map_err(|error| error.to_string())?;
    let has = Holding { balance, nonce };
    let expected = block.accounts.get(&owner.to_string()).copied();
    let expected = expected.unwrap_or_default();
    match has == expected {
        true => Ok(()),
        false => wrong(format!(
            "behind block {} of height {} {owner} has {has:?} at node {at}, and not {expected:?}",
            block.name, block.height
        )),
    }
}

fn fork(model: &Model, one: &Judged, other: &Judged) -> u64 {
    let (mut one, mut other) = (one, other);
    while one.name != other.name {
        let higher = if one.height >= other.height {
            &mut one
        } else {
            &mut other
        };
        match model.block(&higher.parent) {
            Some(parent) => *higher = parent,
            None => return 0,
        }
    }
    one.height
}

fn big(weight: adit_core::rules::Weight) -> BigInt {
    BigInt::from_bytes_be(Sign::Plus, &weight.to_be_bytes::<32>())
}

/// After each call the tip is that of the model, and what waits is in order.
pub(super) fn after_call(world: &World, at: usize) -> Result<(), Wrong> {
    let site = &world.sites[at];
    let Some(node) = &site.node else {
        return Ok(());
    };
    let tip = node.chain().tip().map(|tip| tip.hash().to_string());
    if tip != site.tip {
        return wrong(format!(
            "node {at} stands on {tip:?}, and not on {:?}",
            site.tip
        ));
    }
    node.check_invariants(&site.archive)
        .map_err(|error| error.to_string())
}

/// A node that was started again has what it acknowledged.
pub(super) fn started(world: &World, at: usize) -> Result<(), Wrong> {
    after_call(world, at)?;
    let of_node = world.acknowledged.iter().filter(|one| one.at == at);
    for one in of_node {
        kept(world, one)?;
    }
    Ok(())
}

/// What is kept has changed: who lacks the money now may lose what waits.
pub(super) fn excuse(world: &mut World, at: usize) {
    let mut acknowledged = std::mem::take(&mut world.acknowledged);
    for one in acknowledged
        .iter_mut()
        .filter(|one| one.at == at && !one.is_excused)
    {
        one.is_excused = matches!(fate(world, one), Fate::CannotPay | Fate::Replaced);
    }
    world.acknowledged = acknowledged;
}

#[derive(PartialEq, Eq)]
enum Fate {
    /// A block has it, or another one with its nonce.
    Spent,
    /// It waits.
    Waits,
    /// Another one waits in its place.
    Replaced,
    /// One before it is missing.
    BehindAGap,
    /// Its sender lacks the money for it.
    CannotPay,
    /// It is gone.
    Lost,
}

/// What has become of a transaction at the node that acknowledged it.
fn fate(world: &World, one: &Acknowledged) -> Fate {
    let site = &world.sites[one.at];
    let tip = site.tip.as_ref().and_then(|tip| world.model.block(tip));
    let (Some(tip), Some(node)) = (tip, &site.node) else {
        return Fate::Waits;
    };
    let account = tip
        .accounts
        .get(&one.sender.to_string())
        .copied()
        .unwrap_or_default();
    let Mempool::Accounts(mempool) = node.mempool() else {
        return Fate::Lost;
    };
    if account.nonce > one.nonce {
        return Fate::Spent;
    }
    let (mut next, mut spent) = (account.nonce, 0_u64);
    for payment in mempool
        .of_account(&one.sender)
        .filter(|payment| payment.nonce < one.nonce)
    {
        next += u64::from(payment.nonce == next);
        spent += payment.amount + payment.fee;
    }
    if account
        .balance
        .checked_sub(spent)
        .is_none_or(|left| left < one.cost)
    {
        return Fate::CannotPay;
    }
    let in_place = mempool
        .of_account(&one.sender)
        .find(|payment| payment.nonce == one.nonce);
    match in_place {
        Some(payment) if *payment.text == *one.text.as_bytes() => Fate::Waits,
        Some(_) => Fate::Replaced,
        None if next == one.nonce => Fate::Lost,
        None => Fate::BehindAGap,
    }
}

/// A transaction waits where it was acknowledged, or a block has it or another one in
/// its place, or the money was spent otherwise.
fn kept(world: &World, one: &Acknowledged) -> Result<(), Wrong> {
    match one.is_excused || fate(world, one) != Fate::Lost {
        true => Ok(()),
        false => wrong(format!(
            "node {} has lost what it acknowledged: {}",
            one.at, one.text
        )),
    }
}

/// Which block a call was about.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// One that the node has just found.
    Own,
    /// This one, from elsewhere.
    Delivered(&'a [u8]),
    /// None, or one that came long ago.
    Nothing,
}

/// A node has refused a block: a valid one, or one of its own, never.
pub(super) fn refused(
    world: &mut World,
    at: usize,
    error: &ChainError,
    about: About<'_>,
) -> Result<(), Wrong> {
    if !is_about_the_block(error) {
        return Ok(());
    }
    match about {
        About::Own => wrong(format!("node {at} refused a block of its own: {error}")),
        About::Nothing => Ok(()),
        About::Delivered(text) => match world.model.judge(text) {
            Ok(judged) => wrong(format!(
                "node {at} refused block {}, which is valid: {error}",
                judged.name
            )),
            Err(_) => Ok(()),
        },
    }
}

/// A block could not even be read.
pub(super) fn unread(world: &mut World, at: usize, text: &[u8]) -> Result<(), Wrong> {
    match world.model.judge(text) {
        Ok(judged) => wrong(format!(
            "node {at} can't read block {}, which is valid",
            judged.name
        )),
        Err(_) => Ok(()),
    }
}

/// An honest node's answer was refused.
pub(super) fn answer_refused(
    at: usize,
    is_honest: bool,
    error: &ValidationError,
) -> Result<(), Wrong> {
    match is_honest {
        true => wrong(format!("node {at} refused an honest chain: {error}")),
        false => Ok(()),
    }
}

/// A branch ended before its last block.
pub(super) fn branch_refused(at: usize, adopting: &Adopting) -> Result<(), Wrong> {
    match adopting.session.refused() {
        Some(refused) if adopting.is_honest && !is_early(&refused.error) => wrong(format!(
            "node {at} refused block {} of an honest branch: {}",
            refused.height, refused.error
        )),
        _ => Ok(()),
    }
}

fn is_early(error: &ChainError) -> bool {
    matches!(error, ChainError::Invalid(invalid) if invalid.ahead_until_ms().is_some())
}

/// A valid block that comes before its time is to be taken when that has come; of
/// too many, those that are due first.
pub(super) fn note_deferred(
    world: &mut World,
    at: usize,
    block: &Arc<Block>,
    is_wanted: bool,
) -> Result<(), Wrong> {
    let Ok(judged) = world.model.judge(block.text()) else {
        return Ok(());
    };
    let (name, timestamp_ms) = (judged.name.clone(), judged.timestamp_ms);
    let limit_ms = world.rules.params().future_limit_ms;
    let site = &mut world.sites[at];
    let due = Duration::from_millis(timestamp_ms.saturating_sub(limit_ms));
    let parent = block.parent().unwrap_or_else(|| block.hash());
    let has_parent = site
        .archive
        .entry(&parent)
        .map_err(|error| error.to_string())?
        .is_some();
    if due > world.agenda.now() + site.ahead && has_parent {
        site.deferred
            .insert((due, name, is_wanted && !site.keeps_few));
        while site.deferred.len() > FUTURE_BLOCKS_LIMIT {
            site.deferred.pop_last();
        }
    }
    Ok(())
}

/// Nodes that do not stand on one block, though nothing has happened for long, have
/// heard of no heavier one.
pub(super) fn weigh_the_same(world: &World) -> Result<(), Wrong> {
    let tip = |at: usize| {
        world.sites[at]
            .tip
            .as_ref()
            .and_then(|tip| world.model.block(tip))
    };
    let first = tip(0).map(|tip| &tip.total_work);
    for at in 1..world.sites.len() {
        if tip(at).map(|tip| &tip.total_work) != first {
            return wrong(format!(
                "node {at} has not come to the heaviest chain, or node 0 has not"
            ));
        }
    }
    Ok(())
}

/// What was due more than `late` ago is there.
pub(super) fn deferred_were_taken(world: &World, at: usize, late: Duration) -> Result<(), Wrong> {
    let site = &world.sites[at];
    let now = world.agenda.now() + site.ahead;
    let due = site
        .deferred
        .iter()
        .filter(|(due, _, is_wanted)| *is_wanted && *due + late < now);
    for (due, name, _) in due {
        let hash = name.parse().map_err(|_| ORPHAN.to_owned())?;
        let entry = site.archive.entry(&hash);
        if entry.map_err(|error| error.to_string())?.is_none() {
            return wrong(format!(
                "node {at} has forgotten block {name}, which was due at {due:?}"
            ));
        }
    }
    Ok(())
}

/// At the end of a case: one chain, which is right from its first block on, and
/// nothing was lost.
pub(super) fn at_the_end(world: &mut World) -> Result<(), Wrong> {
    let texts: Vec<Vec<u8>> = world.sites[0]
        .archive
        .main()
        .map(|block| block.text().to_vec())
        .collect();
    let names: Vec<String> = world.sites[0]
        .archive
        .main()
        .map(|block| block.hash().to_string())
        .collect();
    for text in &texts {
        world
            .model
            .judge(text)
            .map_err(|why| format!("the chain is not valid in the end: {why}"))?;
    }
    let tip = names
        .last()
        .and_then(|name| world.model.block(name))
        .ok_or("there is no chain in the end")?
        .clone();
    for at in 0..world.sites.len() {
        let site = &world.sites[at];
        if !site
            .archive
            .main()
            .map(|block| block.hash().to_string())
            .eq(names.iter().cloned())
        {
            return wrong(format!(
                "node {at} stands on {:?} in the end, and node 0 on {}",
                site.tip, tip.name
            ));
        }
        if site.archive.sum_of_balances() != world.model.issued(tip.height) {
            return wrong(format!("node {at} has other sums than were issued"));
        }
        if !site
            .node
            .as_ref()
            .is_some_and(|node| node.is_mempool_current())
        {
            return wrong(format!("what waits in node {at} has not followed"));
        }
        deferred_were_taken(world, at, Duration::ZERO)?;
    }
    world
        .acknowledged
        .iter()
        .try_for_each(|one| kept(world, one))
}

/// Whether a block is refused for what it is.
fn is_about_the_block(error: &ChainError) -> bool {
    matches!(error, ChainError::Invalid(invalid) if invalid.ahead_until_ms().is_none())
}
