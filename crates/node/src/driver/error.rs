//! Why the driver stopped, in the words of the part that is to blame.

use adit_core::archive::ArchiveError;
use adit_core::chain::ChainError;
use adit_store::StoreError;

/// Why the driver stopped, other than that it was told to.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// What is stored can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not make a chain.
    #[error("the stored blocks do not fit together; `adit chain reindex` says where")]
    Chain(#[source] ChainError),
    /// The index is not as it was written, and has to be rebuilt.
    #[error("the index is damaged; it is rebuilt when the node starts again")]
    DamagedIndex,
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What the files are to blame for is said in their words.
impl From<ChainError> for DriverError {
    fn from(error: ChainError) -> DriverError {
        let ChainError::Archive(ArchiveError(cause)) = error else {
            return DriverError::Chain(error);
        };
        match cause.downcast::<StoreError>() {
            Ok(error) => DriverError::Store(*error),
            Err(cause) => DriverError::Chain(ChainError::Archive(ArchiveError(cause))),
        }
    }
}

impl DriverError {
    /// Returns the store's error behind it, if it is one.
    pub fn of_store(&self) -> Option<&StoreError> {
        match self {
            DriverError::Store(error) => Some(error),
            _ => None,
        }
    }
}
