//! What a rule set decides: what a chain starts from, what is hashed, which
//! puzzle a block must solve, what makes it valid, how much it weighs. Rules
//! are chosen once, at start; they know nothing of trees, stores or peers.

mod classic;
mod rule_set;
mod sealed;
mod template;

pub use classic::Classic;
pub use rule_set::{ChainName, Context, Rules, Weight};
pub use sealed::{AccountChange, Sealed, check_spend, next_target, verify_signature, work};
pub use template::{BlockTemplate, TemplateContent};

use std::sync::Arc;

/// The rule set of that name, if it needs nothing but its name.
pub fn by_name(name: &str) -> Option<Arc<dyn Rules>> {
    match name {
        "classic" => Some(Arc::new(Classic::Published)),
        "classic-2018" => Some(Arc::new(Classic::Of2018)),
        _ => None,
    }
}
