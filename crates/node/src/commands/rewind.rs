//! Makes a development chain its genesis block again. Who may ask for that is not
//! known here.

use adit_core::node::Answer;

use crate::handle::{NodeHandle, Request, Stopping};

/// Why the chain stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRewound {
    /// It is no development chain.
    #[error("only a development chain can begin anew (`adit dev`); this one keeps what it has")]
    NotDevelopment,
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Makes the chain its genesis block again.
pub async fn rewind(node: &NodeHandle) -> Result<(), NotRewound> {
    if !node.is_development() {
        return Err(NotRewound::NotDevelopment);
    }
    match node.request(Request::Rewind).await? {
        Answer::Rewound => Ok(()),
        answer => unreachable!("the core answers that the chain is rewound: {answer:?}"),
    }
}
