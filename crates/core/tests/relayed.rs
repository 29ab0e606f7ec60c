//! Transactions that peers relay: they wait without a promise.

use adit_core::node::{Effect, Input};
use adit_core::rules::Rules;

use crate::sealed_node::{Town, texts};
use crate::world::paid_in;

/// What is kept, and what only waits, when a transaction comes.
fn kept_and_waiting(town: &mut Town, text: &[u8], is_relayed: bool) -> (usize, usize) {
    let request = town.node.request();
    let submitted = town.rules.read_transaction(text).unwrap();
    let input = match is_relayed {
        true => Input::RelayedTransaction(request, submitted),
        false => Input::Transaction(request, submitted),
    };
    let node = &mut town.node;
    let effects = node.node.handle(node.now, input, &node.archive).unwrap();
    let count = |is_meant: fn(&Effect) -> bool| effects.iter().filter(|one| is_meant(one)).count();
    (
        count(|effect| matches!(effect, Effect::Persist(_))),
        count(|effect| matches!(effect, Effect::Waits(_))),
    )
}

#[test]
fn a_relayed_transaction_waits_unkept_until_somebody_submits_it() {
    let mut town = Town::new();
    let text = town.pay(0, 2, 0, 10, 1);
    assert_eq!(kept_and_waiting(&mut town, &text, true), (0, 1));
    assert_eq!(kept_and_waiting(&mut town, &text, true), (0, 0));
    // Once somebody is told that it waits, it has to outlive a crash.
    assert_eq!(kept_and_waiting(&mut town, &text, false), (1, 0));
    assert_eq!(kept_and_waiting(&mut town, &text, false), (0, 0));
    assert_eq!(paid_in(&town.node.mine()), texts(&[text]));
}
