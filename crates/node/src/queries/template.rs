//! The next block but for its proof, for a miner outside the node. It is made of what
//! waits, and changes nothing; a block that comes of it is judged like any other.

use std::sync::Arc;

use adit_api::template::Template;
use adit_core::hash::Hash;
use adit_core::node::BlockDraft;
use adit_core::rules::Rules;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::task::block_in_place;

use super::error::QueryError;
use crate::handle::NodeHandle;

/// A template is worth a search for this long, unless a block comes before.
pub const TEMPLATE_WORTH_MS: u64 = 10_000;

/// Who is rewarded has a name of at most this length.
pub const REWARD_NAME_LIMIT_BYTES: usize = 128;

/// A block's members, as they stand in its text.
#[derive(Deserialize)]
struct Members<'a> {
    index: u64,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    merkle_root: Option<String>,
    #[serde(borrow)]
    transactions: Vec<&'a RawValue>,
}

/// Returns the next block but for its proof, rewarding that one, as JSON of
/// [`Template`].
pub async fn template(node: &NodeHandle, reward_to: &str) -> Result<Bytes, QueryError> {
    check_owner(&**node.rules(), reward_to)?;
    let kept = || node.templates().of(node.status().tip, reward_to);
    if let Some(kept) = kept() {
        return Ok(kept);
    }
    let place = node.templates().place().await;
    let _place = place.ok_or_else(|| QueryError::Busy("other templates are being made".into()))?;
    if let Some(kept) = kept() {
        return Ok(kept);
    }
    let draft = draft(node).await?;
    let text = block_in_place(|| written(&**node.rules(), &draft, reward_to));
    node.templates().keep(&draft, reward_to, &text);
    Ok(text)
}

fn check_owner(rules: &dyn Rules, reward_to: &str) -> Result<(), QueryError> {
    if reward_to.is_empty() || reward_to.len() > REWARD_NAME_LIMIT_BYTES {
        return Err(QueryError::malformed(format!(
            "reward_to: expected 1 to {REWARD_NAME_LIMIT_BYTES} bytes, found {}",
            reward_to.len()
        )));
    }
    let checked = rules.check_reward_to(reward_to);
    checked.map_err(|error| QueryError::malformed(format!("reward_to: {error}")))
}

async fn draft(node: &NodeHandle) -> Result<Arc<BlockDraft>, QueryError> {
    if let Some(draft) = node.templates().draft(node.status().tip) {
        return Ok(draft);
    }
    let now = node.now();
    let draft = node.inspect(move |node| node.draft(now)).await?;
    let draft = Arc::new(draft.map_err(|error| QueryError::Busy(error.to_string()))?);
    node.templates().keep_draft(&draft);
    Ok(draft)
}

fn written(rules: &dyn Rules, draft: &BlockDraft, reward_to: &str) -> Bytes {
    let template = draft.template(rules, reward_to);
    let (before_proof, behind_proof) = template.around_proof();
    let (before_proof, behind_proof) = (text_of(before_proof), text_of(behind_proof));
    let block = format!("{before_proof}0{behind_proof}");
    let members: Members<'_> =
        serde_json::from_str(&block).expect("what the rules have written is a block");
    let transactions = members.transactions.into_iter();
    let answer = Template {
        rules: rules.name().to_owned(),
        index: members.index,
        previous_hash: template.parent.to_string(),
        timestamp: members.timestamp.to_owned(),
        merkle_root: members.merkle_root,
        transactions: transactions.map(ToOwned::to_owned).collect(),
        prefix: text_of(&template.puzzle.prefix),
        suffix: text_of(&template.puzzle.suffix),
        target: Hash(template.puzzle.target).to_string(),
        before_proof,
        behind_proof,
        keep_ms: TEMPLATE_WORTH_MS,
    };
    let written = serde_json::to_vec(&answer);
    written.expect("a template has string keys only").into()
}

/// Canonical JSON and puzzles are ASCII.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
