//! Whether a database that can be rebuilt is still as it was written. All
//! access to one goes through here: whether the database's code returns an
//! error for a damaged file or panics over it, it is damage, and is remembered
//! until the database is rebuilt. What is read or written is not known here.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of one database, by all who read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    damaged: Arc<AtomicBool>,
}

impl Health {
    /// Reads or writes the database: the one place where its panics end.
    pub(crate) fn guard<T>(
        &self,
        access: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        // After a panic nobody goes on with what it left: the database is
        // rebuilt.
        let done = catch_unwind(AssertUnwindSafe(access)).unwrap_or_else(|_| {
            let what = "it is in no state that the database can be in";
            Err(redb::Error::Corrupted(what.to_owned()))
        });
        match done {
            // A reader behind the one that met the damage hears only that there
            // was an error, and its answer may come first.
            Err(redb::Error::PreviousIo) if self.is_damaged() => {
                let what = "it was found damaged before";
                Err(redb::Error::Corrupted(what.to_owned()))
            }
            Err(error) => {
                if is_damage(&error) {
                    self.remember_damage();
                }
                Err(error)
            }
            done => done,
        }
    }

    /// What the file returned, before the database hears of it: if that is
    /// damage, all later errors are because of it.
    pub(crate) fn note<T>(&self, read: io::Result<T>) -> io::Result<T> {
        if read.as_ref().is_err_and(is_damaged_content) {
            self.remember_damage();
        }
        read
    }

    /// Whether damage was met.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::SeqCst)
    }

    fn remember_damage(&self) {
        self.damaged.store(true, Ordering::SeqCst);
    }
}

/// Whether the file's content is wrong, rather than that the operating system
/// failed or the database was closed.
pub(crate) fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => is_damaged_content(error),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => false,
        _ => true,
    }
}

fn is_damaged_content(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}
