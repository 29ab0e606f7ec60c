//! What the API says when it does not do what was asked: a problem document
//! (RFC 9457), whose `type` and `rule` are names that stay, so that programs
//! can tell problems apart without reading prose. Every kind is in one table,
//! with what it means to those who meet it. When one is sent, the node decides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How problem documents are told from other JSON.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem, as it is sent: RFC 9457, as `application/problem+json`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// The kind of problem: `/problems/NAME`, where an explanation stands.
    #[serde(rename = "type")]
    #[schema(pattern = "^(/.+)?/problems/[a-z-]+$")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The answer's status code.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What it is about this time.
    pub detail: String,
    /// The name of the rule that did not hold, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rule: Option<String>,
    /// What that rule asks for, where it is one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expected: Option<String>,
    /// What was found in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub found: Option<String>,
    /// The block that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub block: Option<BlockName>,
}

/// Which block is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockName {
    /// What it says of its position; the genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request cannot be read.
    Malformed,
    /// The transaction is not accepted.
    Transaction,
    /// The block is not accepted.
    Block,
    /// It is for the operator, and the caller has not shown the token.
    Unauthorised,
    /// It is for the operator, and the caller can't be it.
    OperatorOnly,
    /// The caller may not ask that, or not under that name.
    Foreign,
    /// There is nothing of that name.
    NotFound,
    /// The path is there, but not for that method.
    Method,
    /// The body did not come in time.
    TooSlow,
    /// The chain's rules, or the kind of node, know no such thing.
    NotHere,
    /// The chain to develop on can't do it as it is now.
    Development,
    /// Somebody cannot take part in the class like that.
    Class,
    /// A block could reward nobody.
    NoRewardAddress,
    /// The body is too long.
    TooLong,
    /// It can be tried again later.
    Busy,
    /// The node takes nothing in at the moment.
    NotReady,
    /// A block is not what was written to the disk.
    BlockDamaged,
}

/// What is said of a kind.
struct Words {
    name: &'static str,
    status: u16,
    title: &'static str,
    meaning: &'static str,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [ProblemKind; 17] = [
        ProblemKind::Malformed,
        ProblemKind::Transaction,
        ProblemKind::Block,
        ProblemKind::Unauthorised,
        ProblemKind::OperatorOnly,
        ProblemKind::Foreign,
        ProblemKind::NotFound,
        ProblemKind::Method,
        ProblemKind::TooSlow,
        ProblemKind::NotHere,
        ProblemKind::Development,
        ProblemKind::Class,
        ProblemKind::NoRewardAddress,
        ProblemKind::TooLong,
        ProblemKind::Busy,
        ProblemKind::NotReady,
        ProblemKind::BlockDamaged,
    ];

    /// Returns the last part of `type`. Names never change.
    pub fn name(self) -> &'static str {
        self.words().name
    }

    /// The answer's status code.
    pub fn status(self) -> u16 {
        self.words().status
    }

    /// The kind, for people.
    pub fn title(self) -> &'static str {
        self.words().title
    }

    /// Returns what it means, and what to do.
    pub fn meaning(self) -> &'static str {
        self.words().meaning
    }

    fn words(self) -> &'static Words {
        match self {
            ProblemKind::Malformed => &MALFORMED,
            ProblemKind::Transaction => &TRANSACTION,
            ProblemKind::Block => &BLOCK,
            ProblemKind::Unauthorised => &UNAUTHORISED,
            ProblemKind::OperatorOnly => &OPERATOR_ONLY,
            ProblemKind::Foreign => &FOREIGN,
            ProblemKind::NotFound => &NOT_FOUND,
            ProblemKind::Method => &METHOD,
            ProblemKind::TooSlow => &TOO_SLOW,
            ProblemKind::NotHere => &NOT_HERE,
            ProblemKind::Development => &DEVELOPMENT,
            ProblemKind::Class => &CLASS,
            ProblemKind::NoRewardAddress => &NO_REWARD_ADDRESS,
            ProblemKind::TooLong => &TOO_LONG,
            ProblemKind::Busy => &BUSY,
            ProblemKind::NotReady => &NOT_READY,
            ProblemKind::BlockDamaged => &BLOCK_DAMAGED,
        }
    }
}

const MALFORMED: Words = Words {
    name: "malformed",
    status: 400,
    title: "The request cannot be read",
    meaning: "A part of the path, of the query or of the body does not have its form. `detail` \
              says which, and what was expected. Sent again as it is, it fails again.",
};
const TRANSACTION: Words = Words {
    name: "transaction",
    status: 400,
    title: "The transaction is not accepted",
    meaning: "The transaction breaks a rule of the chain, or may not wait for a block. `rule` \
              names the rule, `detail` says what was expected and what was found.",
};
const BLOCK: Words = Words {
    name: "block",
    status: 400,
    title: "The block is not accepted",
    meaning: "The block breaks a rule of the chain, or nobody knows where it belongs. `rule` \
              names the rule, `block` says which block is meant, as far as it could be read.",
};
const UNAUTHORISED: Words = Words {
    name: "unauthorised",
    status: 401,
    title: "That is for the node's operator",
    meaning: "Registering and removing peers through the API, auditing them, making blocks through \
              the API and all that only a chain to develop on does are for the operator of the node. Show its token \
              (`Authorization: Bearer TOKEN`), or do it on its own machine. `rule` says whether \
              no token was shown (`token-missing`) or another one (`token-wrong`).",
};
const OPERATOR_ONLY: Words = Words {
    name: "operator-only",
    status: 403,
    title: "That is for the node's operator",
    meaning: "Registering and removing peers through the API, auditing them, making blocks through \
              the API and all that only a chain to develop on does are for the operator of the node. This node has no \
              token that could be shown (`rule` is `no-token`; --api-token gives it one), or it is \
              a browser that asks, and not from a page of the node (`foreign-page`).",
};
const FOREIGN: Words = Words {
    name: "foreign",
    status: 403,
    title: "Not from there",
    meaning: "A page of another site cannot change anything in a node, and a node on this \
              machine answers only to names of this machine, so that no page can pass its own \
              name for the node's. Start the node with --allowed-host NAME if it has that name, \
              and with --allow-origin ORIGIN if pages from there should do what everybody may. \
              A proxy before the node has to pass on the Host that it was asked for.",
};
const NOT_FOUND: Words = Words {
    name: "not-found",
    status: 404,
    title: "There is no such thing",
    meaning: "Nothing of that name is here: no such path, block, transaction or peer. Another \
              node may have it, and this one may come to have it.",
};
const METHOD: Words = Words {
    name: "method-not-allowed",
    status: 405,
    title: "That cannot be done to it",
    meaning: "The path is there, but does something only with other methods. The header `Allow` \
              lists them.",
};
const TOO_SLOW: Words = Words {
    name: "too-slow",
    status: 408,
    title: "The body did not come in time",
    meaning: "A request's body must be whole within a bounded time; see docs/limits.md.",
};
const NOT_HERE: Words = Words {
    name: "not-here",
    status: 409,
    title: "This chain does not have that",
    meaning: "The chain's rules, or the kind of node, know no such thing: only sealed chains \
              have accounts and proofs, and only chains to develop on (`adit dev`) start over, go \
              back to snapshots and have a clock that can be set.",
};
const DEVELOPMENT: Words = Words {
    name: "development",
    status: 409,
    title: "The chain can't do that as it is now",
    meaning: "It is a chain to develop on, and what was asked does not go together with what it \
              has. `rule` says what it is about: time does not go back behind the last block \
              (`time-back`) nor beyond the year 9999 (`time-limit`), and there are bounds to \
              snapshots (`snapshots-limit`) and to the blocks of one request (`block-count`). A saved \
              state that is not whole, not valid or of another chain (`state`) changes nothing.",
};
const CLASS: Words = Words {
    name: "class",
    status: 409,
    title: "You cannot take part like that",
    meaning: "A class (`adit class`) is for so many, each with a name of their own (`rule` is `name` \
              or `name-taken`), and no more than so many from one address of the network \
              (`host-limit`, `class-full`). Somebody whom the teacher has taken out is `unknown`.",
};
const NO_REWARD_ADDRESS: Words = Words {
    name: "no-reward-address",
    status: 409,
    title: "Nobody could be rewarded",
    meaning: "Under the rules `sealed` a block rewards an address, and this node was told none: \
              start it with --reward-to ADDRESS (`adit wallet new` makes one).",
};
const TOO_LONG: Words = Words {
    name: "too-long",
    status: 413,
    title: "The body is too long",
    meaning: "Bodies have a bounded length; see docs/limits.md.",
};
const BUSY: Words = Words {
    name: "busy",
    status: 503,
    title: "Not now",
    meaning: "Too much is waiting already, or the node is stopping, or its disk cannot be read \
              (the node's log says so). The header `Retry-After` says in how many seconds to \
              try again.",
};
const NOT_READY: Words = Words {
    name: "not-ready",
    status: 503,
    title: "Not ready",
    meaning: "The node lives, but takes no transactions at the moment: it is taking in a long \
              branch, or stopping. The header `Retry-After` says in how many seconds to try again.",
};

const BLOCK_DAMAGED: Words = Words {
    name: "block-damaged",
    status: 500,
    title: "A block is damaged on the disk",
    meaning: "What lies on this node's disk is not the block that was written there. `block` says \
              which, the node's log says where. The node takes the block from a peer if one has \
              it; other nodes may answer the same question.",
};
