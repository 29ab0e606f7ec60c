//! What an address owns. What changes it, the rules decide.

/// The state of one address. An address that was never paid has nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// What it owns, in base units.
    pub balance: u64,
    /// How many transactions it has sent, which is the next one's nonce.
    pub nonce: u64,
}
