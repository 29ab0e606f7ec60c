//! What the log says of blocks that are refused and of reorganisations: some of them,
//! where there are many.

use adit_core::chain::ChainError;
use adit_core::reorganisation::Reorganisation;

use crate::repeated;

pub(super) fn log_refused(error: &ChainError) {
    if let Some(left_out) = repeated::turn(error.rule()) {
        tracing::warn!(%error, left_out, "block refused");
    }
}

pub(super) fn log_reorganisation(seen: &Reorganisation) {
    let Some(left_out) = repeated::turn_of_news("reorganisation") else {
        return;
    };
    let (dropped, adopted) = (seen.dropped_count(), seen.adopted_count());
    let blocks = if dropped == 1 { "block" } else { "blocks" };
    tracing::info!(
        fork = seen.fork.map(|fork| tracing::field::display(fork.hash)),
        old_tip = %seen.old_tip.block.hash,
        new_tip = %seen.new_tip.block.hash,
        dropped,
        adopted,
        left_out,
        "{dropped} {blocks} dropped, {adopted} adopted: another branch is the main chain now"
    );
}
