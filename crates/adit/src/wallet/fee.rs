//! Which fee a transaction offers when none is given: the usual one, or what
//! its length costs at the node that gets it. It does not pay just any price
//! that a node names, and an absurd one only when somebody confirms it: a slip
//! of the hand can't be taken back.

use std::io::{self, IsTerminal};

use adit_core::mempool::FeeRate;
use adit_core::sealed::{INTEGER_LIMIT, Transfer};
use anyhow::{bail, ensure};

use crate::options::say;
use crate::wallet::coins::Coins;

/// Offered where no more is asked for, in base units.
const USUAL_FEE: u64 = 1_000;

/// No more is offered without asking the payer, in base units: twice what the
/// longest transaction costs at the rate that nodes usually ask for.
const OFFERED_FEE_LIMIT: u64 = 100_000;

/// Up to this fee, in base units, nobody is asked: a thousand times the usual
/// one.
const UNASKED_FEE_LIMIT: u64 = 1_000_000;

/// Beyond that, nobody is asked about a fee that goes this many times into the
/// amount.
const UNASKED_SHARE: u64 = 10;

/// The transfer with the fee that was given, or else with one that a node which
/// asks for this rate takes, whatever the nonce will be.
pub(crate) fn with_fee(
    mut transfer: Transfer,
    given: Option<Coins>,
    rate: FeeRate,
) -> anyhow::Result<Transfer> {
    if let Some(Coins(fee)) = given {
        transfer.fee = fee;
        return Ok(transfer);
    }
    let nonce = std::mem::replace(&mut transfer.nonce, INTEGER_LIMIT);
    transfer.fee = USUAL_FEE;
    // The digits of the fee count too; a fee that is enough has been found
    // when they do not ask for more.
    loop {
        let needed = rate.fee_for(transfer.signed_length_bytes());
        ensure!(
            needed <= OFFERED_FEE_LIMIT,
            "the node takes nothing below {} for this transaction, and more than {} is not \
             offered without being told to: pay it with --fee {}, or ask another node",
            Coins(needed).counted(),
            Coins(OFFERED_FEE_LIMIT).counted(),
            Coins(needed)
        );
        if needed <= transfer.fee {
            transfer.nonce = nonce;
            return Ok(transfer);
        }
        transfer.fee = needed;
    }
}

/// Whether a fee that was given may be paid: at a terminal, an absurd one has
/// to be confirmed.
pub(crate) fn confirm(given: Option<Coins>, amount: Coins, yes: bool) -> anyhow::Result<()> {
    let Some(fee) = given.filter(|fee| !yes && is_absurd(*fee, amount)) else {
        return Ok(());
    };
    let problem = format!(
        "a fee of {} is very high: the usual one is {}, and what is paid is {}",
        fee.counted(),
        Coins(USUAL_FEE),
        amount.counted()
    );
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!("{problem}; nothing was paid. If you mean it, say --yes");
    }
    say(&format!("{problem}. Pay it? [y/N]"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was paid"),
    }
}

fn is_absurd(fee: Coins, amount: Coins) -> bool {
    fee.0 > UNASKED_FEE_LIMIT && fee.0.saturating_mul(UNASKED_SHARE) > amount.0
}
