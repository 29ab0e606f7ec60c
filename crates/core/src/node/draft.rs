//! What the next block would hold and where it would stand, for miners outside the
//! node. Who is rewarded for it, and how often they ask, is not known here.

use std::time::Duration;

use super::state::Node;
use crate::block::HeaderFields;
use crate::rules::{BlockTemplate, Context, Rules, TemplateContent};
use crate::transaction::Submitted;

/// The next block without its reward.
#[derive(Debug, Clone)]
pub struct BlockDraft {
    parent: HeaderFields,
    grandparent: Option<HeaderFields>,
    now: Duration,
    transactions: Vec<Submitted>,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBlockDraft {
    /// The chain has no block yet.
    #[error("there is no block yet")]
    NoBlock,
    /// No block behind the last one is valid yet.
    #[error("the last block is ahead of this machine's clock; no block can follow it yet")]
    TooEarly,
}

impl Node {
    /// What the next block would hold.
    pub fn draft(&self, now: Duration) -> Result<BlockDraft, NoBlockDraft> {
        let context = self.chain.next(now).ok_or(NoBlockDraft::NoBlock)?;
        if self.chain.rules().earliest_behind(context.parent) > now {
            return Err(NoBlockDraft::TooEarly);
        }
        let (parent, grandparent) = (*context.parent, context.grandparent.copied());
        let content = self.template_content(now);
        Ok(BlockDraft {
            parent,
            grandparent,
            now,
            transactions: content.transactions,
        })
    }
}

impl BlockDraft {
    /// The block that it would stand on.
    pub fn parent(&self) -> &HeaderFields {
        &self.parent
    }

    /// The block but for its proof, with that reward, which the rules have allowed
    /// (`Rules::check_reward_to`).
    pub fn template(&self, rules: &dyn Rules, reward_to: &str) -> BlockTemplate {
        let context = Context {
            parent: &self.parent,
            grandparent: self.grandparent.as_ref(),
            now: self.now,
        };
        let content = TemplateContent {
            now: self.now,
            transactions: self.transactions.clone(),
            reward_to: reward_to.to_owned(),
        };
        rules.template(context, &content)
    }
}
