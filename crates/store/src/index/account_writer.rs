//! Writing accounts into the index, as each block left them. A state is appended
//! once, where its block stands, and stays there. So that those of one account are
//! found, there is a small key for each of them: among the recent ones at first,
//! and then, with all others, in a table that is in no order.

use adit_core::address::Address;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use crate::database::insert_sorted;
use crate::index::account_overlay::AccountOverlay;
use crate::index::account_record::{
    ChangeKey, OwnerNumber, PIECE_CHANGES, PIECE_STATES, change_key, changes_to_bytes,
    heights_to_bytes, in_change_key, owner_of_change, senders_to_bytes, states_to_bytes,
};
use crate::index::tables::{ACCOUNT_CHANGES, ACCOUNT_STATES, OWNERS, RECENT_CHANGES, SENDERS};

/// Where the keys of the overlay's changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangesTo {
    /// Among the recent ones: the overlay keeps its states.
    Recent,
    /// Into the table of all changes, and the recent ones with them.
    Table,
}

/// Adds what the overlay holds.
pub(crate) fn write_accounts(
    transaction: &WriteTransaction,
    overlay: &mut AccountOverlay,
    to: ChangesTo,
) -> Result<(), redb::Error> {
    overlay.number_owners(|owners| number_owners(transaction, owners))?;
    let changes = write_states(transaction, overlay)?;
    match to {
        ChangesTo::Recent if changes.is_empty() => {}
        ChangesTo::Recent => add_recent(transaction, overlay, changes)?,
        ChangesTo::Table => {
            write_changes(transaction, overlay.recent.take_with(changes))?;
            transaction.delete_table(RECENT_CHANGES)?;
            transaction.open_table(RECENT_CHANGES)?;
        }
    }
    let mut table = transaction.open_table(SENDERS)?;
    for (block, senders) in overlay.all_senders() {
        table.insert((block.line, block.height), &senders_to_bytes(senders)[..])?;
    }
    Ok(())
}

/// The numbers of owners. Who has none yet gets the next one.
fn number_owners(
    transaction: &WriteTransaction,
    owners: &[Address],
) -> Result<Vec<OwnerNumber>, redb::Error> {
    let mut table = transaction.open_table(OWNERS)?;
    let mut next = table.len()?;
    let (mut numbers, mut new) = (Vec::with_capacity(owners.len()), Vec::new());
    for owner in owners {
        let known = ReadableTable::get(&table, &owner.0)?.map(|number| number.value());
        let number = match known {
            Some(number) => number,
            None => {
                let number = OwnerNumber::try_from(next).map_err(|_| too_many_owners())?;
                new.push((owner.0, number));
                next += 1;
                number
            }
        };
        numbers.push(number);
    }
    insert_sorted(&mut table, &new, |(owner, number)| (owner, *number))?;
    Ok(numbers)
}

/// Appends the states, and returns the keys of the changes, sorted.
fn write_states(
    transaction: &WriteTransaction,
    overlay: &AccountOverlay,
) -> Result<Vec<ChangeKey>, redb::Error> {
    let mut table = transaction.open_table(ACCOUNT_STATES)?;
    let mut changes = Vec::new();
    for (block, states) in overlay.unwritten() {
        for piece in states.chunks(PIECE_STATES) {
            let (first, _) = piece[0];
            table.insert(
                (block.line, block.height, first),
                &states_to_bytes(piece)[..],
            )?;
        }
        changes.extend(states.iter().map(|(owner, _)| change_key(*owner, block)));
    }
    changes.sort_unstable();
    Ok(changes)
}

fn add_recent(
    transaction: &WriteTransaction,
    overlay: &mut AccountOverlay,
    changes: Vec<ChangeKey>,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(RECENT_CHANGES)?;
    let (run, keys) = overlay.recent.push(changes);
    let run = u32::try_from(run).expect("there are fewer runs than bits in their length");
    table.retain_in((run, &ChangeKey::default()).., |_, _| false)?;
    for piece in keys.chunks(PIECE_CHANGES) {
        table.insert((run, &piece[0]), &changes_to_bytes(piece)[..])?;
    }
    Ok(())
}

/// What the blocks of one line did to one account goes there together. In a chain,
/// what stands under a higher key is higher then, too: each line of it lies above
/// the one before, and what comes into a line later lies above what came earlier.
fn write_changes(
    transaction: &WriteTransaction,
    mut keys: Vec<ChangeKey>,
) -> Result<(), redb::Error> {
    let place = |key: &ChangeKey| (owner_of_change(key), in_change_key(key).line);
    // Sorted by their heights otherwise, as they are.
    keys.sort_by_key(place);
    let mut table = transaction.open_table(ACCOUNT_CHANGES)?;
    for together in keys.chunk_by(|one, next| place(one) == place(next)) {
        for part in together.chunks(PIECE_CHANGES) {
            table.insert(&part[0], &heights_to_bytes(&part[1..])[..])?;
        }
    }
    Ok(())
}

fn too_many_owners() -> redb::Error {
    redb::Error::Io(std::io::Error::other(
        "the index can't number more than 4,294,967,296 owners of accounts",
    ))
}
