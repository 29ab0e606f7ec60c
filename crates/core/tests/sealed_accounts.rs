//! What blocks do to accounts: order, nonces, balances, rewards, and that no coin
//! comes from nowhere.

use std::collections::BTreeMap;

use adit_core::address::Address;
use adit_core::block::BlockError;
use adit_core::rules::{AccountChange, Rules};
use adit_core::sealed::{Account, Params, SealedError, SealedTransactionError, Transfer};
use proptest::prelude::*;
use serde_json::json;

use crate::sealed_world::{
    Key, SealedChain, easy_params, key, random_chain, random_payments, value_of, worked_for,
};
use crate::world::{Dice, repeatable};

const REWARD: u64 = 1_000_000;

fn chain() -> SealedChain {
    SealedChain::new(easy_params(&[(&key(0), 1_000)]))
}

fn account(balance: u64, nonce: u64) -> Account {
    Account { balance, nonce }
}

fn transaction_error(result: Result<Vec<AccountChange>, BlockError>) -> (usize, String) {
    match result {
        Err(BlockError::Sealed(SealedError::Transaction { position, error })) => {
            (position, error.rule().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_moves_its_amount_and_the_fee_goes_to_the_finder() {
    let mut chain = chain();
    let text = chain.pay(&key(0), &key(1), 600, 30);
    chain.mine(&key(2), &[text]);
    assert_eq!(chain.account(key(0).address), account(370, 1));
    assert_eq!(chain.account(key(1).address), account(600, 0));
    assert_eq!(chain.account(key(2).address), account(REWARD + 30, 0));
}

#[test]
fn changes_are_sorted_and_say_what_was_before() {
    let chain = chain();
    let text = chain.pay(&key(0), &key(1), 600, 30);
    let block = chain.draft(&key(2), &[text]);
    let changes = chain.check(&block).unwrap();
    assert!(changes.is_sorted_by_key(|change| change.address));
    let found: BTreeMap<Address, (Account, Account)> = changes
        .iter()
        .map(|change| (change.address, (change.before, change.after)))
        .collect();
    let nothing = Account::default();
    let expected = BTreeMap::from([
        (key(0).address, (account(1_000, 0), account(370, 1))),
        (key(1).address, (nothing, account(600, 0))),
        (key(2).address, (nothing, account(REWARD + 30, 0))),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn what_does_not_change_is_not_named() {
    let params = Params {
        reward: 0,
        ..easy_params(&[(&key(0), 1_000)])
    };
    let chain = SealedChain::new(params);
    let text = chain.pay(&key(0), &key(1), 0, 0);
    let block = chain.draft(&key(2), &[text]);
    let changes = chain.check(&block).unwrap();
    let only = [AccountChange {
        address: key(0).address,
        before: account(1_000, 0),
        after: account(1_000, 1),
    }];
    assert_eq!(changes, only);
}

#[test]
fn a_payment_to_oneself_costs_its_fee() {
    let mut chain = chain();
    let text = chain.pay(&key(0), &key(0), 990, 10);
    chain.mine(&key(1), &[text]);
    assert_eq!(chain.account(key(0).address), account(990, 1));
    // What is paid to oneself has to be there, too.
    let text = chain.pay(&key(0), &key(0), 991, 0);
    let block = chain.draft(&key(1), &[text]);
    assert_eq!(
        transaction_error(chain.check(&block)),
        (1, "balance".into())
    );
}

#[test]
fn what_came_in_a_block_can_be_spent_further_down_in_it() {
    let mut chain = chain();
    let first = chain.pay(&key(0), &key(1), 1_000, 0);
    let second = chain.pay(&key(1), &key(2), 400, 0);
    let early = chain.draft(&key(3), &[second.clone(), first.clone()]);
    assert_eq!(
        transaction_error(chain.check(&early)),
        (1, "balance".into())
    );
    chain.mine(&key(3), &[first, second]);
    assert_eq!(chain.account(key(1).address), account(600, 1));
    assert_eq!(chain.account(key(2).address), account(400, 0));
}

#[test]
fn the_reward_cannot_be_spent_in_its_own_block() {
    let chain = chain();
    let text = chain.pay(&key(2), &key(1), 1, 0);
    let block = chain.draft(&key(2), &[text]);
    assert_eq!(
        transaction_error(chain.check(&block)),
        (1, "balance".into())
    );
}

/// A transaction that stands twice in one block spends its coin twice, if
/// nobody checks (Bitcoin 0.14 to 0.16.2).
#[test]
fn a_double_spend_inside_a_block_is_refused_cve_2018_17144() {
    let chain = chain();
    let text = chain.pay(&key(0), &key(1), 400, 0);
    let block = chain.draft(&key(3), &[text.clone(), text.clone()]);
    assert_eq!(transaction_error(chain.check(&block)), (2, "nonce".into()));
    // Another payment with the same nonce, to somebody else.
    let other = chain.pay(&key(0), &key(2), 400, 0);
    let block = chain.draft(&key(3), &[text.clone(), other]);
    assert_eq!(transaction_error(chain.check(&block)), (2, "nonce".into()));
    // A next one for which there is nothing left.
    let more = Transfer {
        nonce: 1,
        ..chain.transfer(&key(0), &key(2), 601, 0)
    };
    let block = chain.draft(&key(3), &[text, key(0).sign(&more)]);
    assert_eq!(
        transaction_error(chain.check(&block)),
        (2, "balance".into())
    );
}

#[test]
fn a_transaction_counts_once_and_in_its_turn() {
    let mut chain = chain();
    let text = chain.pay(&key(0), &key(1), 1, 0);
    chain.mine(&key(3), std::slice::from_ref(&text));
    let (sender, expected, found) = (key(0).address, 1, 0);
    let error = SealedTransactionError::WrongNonce {
        sender,
        expected,
        found,
    };
    assert_eq!(chain.try_transaction(&text), Err(error));
    let replayed = chain.draft(&key(3), &[text]);
    assert_eq!(
        transaction_error(chain.check(&replayed)),
        (1, "nonce".into())
    );
    let skipping = Transfer {
        nonce: 2,
        ..chain.transfer(&key(0), &key(1), 1, 0)
    };
    let block = chain.draft(&key(3), &[key(0).sign(&skipping)]);
    assert_eq!(transaction_error(chain.check(&block)), (1, "nonce".into()));
}

#[test]
fn amount_and_fee_must_both_be_there() {
    let chain = chain();
    for (amount, fee) in [(1_001, 0), (0, 1_001), (1_000, 1), (999, 2)] {
        let text = chain.pay(&key(0), &key(1), amount, fee);
        let (sender, balance, needed) = (key(0).address, 1_000, amount + fee);
        let error = SealedTransactionError::BalanceTooLow {
            sender,
            balance,
            needed,
        };
        assert_eq!(chain.try_transaction(&text), Err(error));
    }
    for (amount, fee) in [(1_000, 0), (0, 1_000), (999, 1), (0, 0)] {
        let text = chain.pay(&key(0), &key(1), amount, fee);
        assert_eq!(chain.try_transaction(&text), Ok(()));
    }
}

/// Amounts whose sum overflowed came out small, and made 184 billion bitcoins
/// from nothing.
#[test]
fn sums_beyond_any_number_make_no_coins_cve_2010_5139() {
    let chain = chain();
    let most = (1 << 53) - 1;
    let text = chain.pay(&key(0), &key(1), most, most);
    let error = chain.try_transaction(&text).unwrap_err();
    assert_eq!(error.rule(), "balance");
    // Amounts that would wrap around are no amounts.
    let huge = Transfer {
        amount: u64::MAX,
        fee: 1_001,
        ..chain.transfer(&key(0), &key(1), 0, 0)
    };
    let error = chain.try_transaction(&key(0).sign(&huge)).unwrap_err();
    assert_eq!(error.rule(), "fields");
}

/// However large rewards and balances are, they are counted right or refused.
#[test]
fn a_balance_beyond_counting_is_refused() {
    let chain = chain();
    let full = |address: &Address| {
        let balance = match *address == key(1).address {
            true => u64::MAX - 5,
            false => 1_000,
        };
        account(balance, 0)
    };
    for (amount, expected) in [(5, None), (6, Some((1, "overflow")))] {
        let text = chain.pay(&key(0), &key(1), amount, 0);
        let block = chain.draft(&key(2), &[text]);
        let found = chain.rules.apply(&block, &full);
        match expected {
            None => assert!(found.is_ok()),
            Some((position, rule)) => {
                assert_eq!(transaction_error(found), (position, String::from(rule)));
            }
        }
    }
    let block = chain.draft(&key(1), &[]);
    let found = chain.rules.apply(&block, &full);
    assert_eq!(transaction_error(found), (0, "overflow".into()));
}

/// Fees of nearly 2^53 each, in a block that states a wrapped sum as its reward.
#[test]
fn fees_are_summed_without_wrapping() {
    let chain = chain();
    let fee = (1_u64 << 53) - 1;
    let count = 2_049_u64;
    let expected = u128::from(REWARD) + u128::from(count) * u128::from(fee);
    assert!(expected > u128::from(u64::MAX));
    let mut block = value_of(&chain.draft(&key(1), &[]));
    let text = chain.pay(&key(0), &key(1), 0, fee);
    let payment: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let list = block["transactions"].as_array_mut().unwrap();
    list.extend((0..count).map(|_| payment.clone()));
    list[0]["amount"] = json!(expected as u64);
    let error = chain.try_text(&worked_for(block)).unwrap_err();
    let found = expected as u64;
    let expected = SealedError::WrongReward { expected, found };
    assert_eq!(error, BlockError::Sealed(expected));
}

#[test]
fn the_genesis_block_brings_its_allocations() {
    let chain = SealedChain::new(easy_params(&[(&key(0), 1_000), (&key(1), 7), (&key(2), 0)]));
    let expected = BTreeMap::from([
        (key(0).address, account(1_000, 0)),
        (key(1).address, account(7, 0)),
    ]);
    assert_eq!(chain.accounts, expected);
}

/// The rules in a dozen lines, without any of the code under test.
fn model(
    chain: &SealedChain,
    transfers: &[Transfer],
    miner: &Key,
) -> Option<BTreeMap<Address, (i128, u64)>> {
    let mut state: BTreeMap<Address, (i128, u64)> = chain
        .accounts
        .iter()
        .map(|(address, account)| (*address, (i128::from(account.balance), account.nonce)))
        .collect();
    for transfer in transfers {
        let (amount, fee) = (i128::from(transfer.amount), i128::from(transfer.fee));
        let sender = state.entry(transfer.sender).or_default();
        if sender.1 != transfer.nonce || sender.0 < amount + fee {
            return None;
        }
        *sender = (sender.0 - amount - fee, sender.1 + 1);
        state.entry(transfer.recipient).or_default().0 += amount;
        state.entry(miner.address).or_default();
    }
    let fees: i128 = transfers.iter().map(|one| i128::from(one.fee)).sum();
    state.entry(miner.address).or_default().0 += i128::from(REWARD) + fees;
    Some(state)
}

fn total(chain: &SealedChain) -> u128 {
    chain
        .accounts
        .values()
        .map(|one| u128::from(one.balance))
        .sum()
}

#[test]
fn coins_are_only_made_by_rewards() {
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let chain = random_chain(&mut dice, 12);
        let rewards = u128::from(REWARD) * 12;
        assert_eq!(total(&chain), 1_000_070 + rewards, "seed {seed}");
    }
}

/// Taking back what each block changed, last block first, leads to nothing.
#[test]
fn what_blocks_change_can_be_taken_back() {
    let chain = random_chain(&mut Dice(11), 20);
    let mut accounts = BTreeMap::new();
    let mut all = Vec::new();
    for block in &chain.blocks {
        let before = |address: &Address| accounts.get(address).copied().unwrap_or_default();
        let changes = chain.rules.apply(block, &before).unwrap();
        for change in &changes {
            accounts.insert(change.address, change.after);
        }
        all.push(changes);
    }
    assert_eq!(accounts, chain.accounts);
    for change in all.into_iter().rev().flatten() {
        assert_eq!(
            accounts.insert(change.address, change.before),
            Some(change.after)
        );
    }
    assert!(
        accounts
            .values()
            .all(|account| *account == Account::default())
    );
}

proptest! {
    #![proptest_config(repeatable(48))]

    /// Random payments, some of them spoilt: a block is taken exactly when the
    /// model takes it, and leaves what the model leaves.
    #[test]
    fn blocks_do_what_the_model_does(seed: u64) {
        let mut dice = Dice(seed);
        let keys: Vec<Key> = (0..5).map(key).collect();
        let chain = random_chain(&mut dice, 2);
        let mut transfers: Vec<Transfer> = random_payments(&chain, &keys, &mut dice)
            .iter()
            .map(|text| adit_core::sealed::SealedTransaction::read(text).unwrap().transfer)
            .collect();
        if !transfers.is_empty() && dice.below(2) == 0 {
            let at = dice.below(transfers.len() as u64) as usize;
            match dice.below(4) {
                0 => transfers[at].nonce += 1,
                1 => transfers[at].amount += dice.below(3_000_000),
                2 => { transfers.remove(at); }
                _ => transfers.swap(0, at),
            }
        }
        let texts: Vec<Vec<u8>> = transfers
            .iter()
            .map(|transfer| {
                let sender = keys.iter().find(|key| key.address == transfer.sender);
                sender.unwrap().sign(transfer)
            })
            .collect();
        let miner = &keys[dice.below(5) as usize];
        let block = chain.draft(miner, &texts);
        let expected = model(&chain, &transfers, miner);
        let mut after = SealedChain { accounts: chain.accounts.clone(), blocks: chain.blocks.clone(), rules: chain.rules.clone() };
        let result = after.push(block);
        prop_assert_eq!(result.is_ok(), expected.is_some(), "{:?}", result);
        if let Some(mut expected) = expected {
            expected.retain(|_, account| *account != (0, 0));
            let mut found: BTreeMap<Address, (i128, u64)> = after
                .accounts
                .iter()
                .map(|(address, one)| (*address, (i128::from(one.balance), one.nonce)))
                .collect();
            found.retain(|_, account| *account != (0, 0));
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn the_generator_makes_chains_worth_looking_at() {
    let chain = random_chain(&mut Dice(3), 30);
    let payments: usize = chain
        .blocks
        .iter()
        .map(|block| block.sealed().unwrap().transactions.len())
        .sum();
    assert!(payments > 60, "{payments}");
    assert!(chain.rules.weight(chain.tip().header()) > adit_core::rules::Weight::ZERO);
}
