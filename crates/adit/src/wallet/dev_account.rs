//! The accounts of `adit dev`, whose keys everybody knows: they are wallets
//! called dev0, dev1 and so on that need no file and no password. On which chains
//! they may pay is decided where they do.

use adit_core::hash::sha256;

use super::key::SecretKey;

/// The name of every chain of `adit dev`.
pub(crate) const DEV_CHAIN: &str = "dev";

/// The key of the account of that number.
pub(crate) fn key(number: u32) -> SecretKey {
    SecretKey::from_bytes(sha256(format!("adit dev account {number}").as_bytes()).0)
}

/// The number of the account that a wallet of this name is: `dev7` is 7.
pub(crate) fn number(wallet: &str) -> Option<u32> {
    let digits = wallet.strip_prefix("dev")?;
    let number = digits.parse().ok()?;
    (digits == format!("{number}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_an_account_by_its_exact_name() {
        assert_eq!((number("dev0"), number("dev12")), (Some(0), Some(12)));
        for other in ["dev", "dev01", "dev+1", "dev-1", "Dev1", "dev1x", "default"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
