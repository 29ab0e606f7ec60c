//! `/address/{a}`: what somebody owns, and their transactions.

mod ledger;

use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::address;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use fast_qr::qr::QRBuilder;

use self::ledger::{Line, lines};
use super::format;
use super::layout::{Frame, OrPage, shown};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// This much of a name is shown on its own page.
const NAME_CHARACTERS: usize = 1_000;

/// A longer name has no code: nobody could hold a camera steady over it.
const QR_LIMIT_BYTES: usize = 256;

/// Around a code this many modules are left empty.
const QR_MARGIN: usize = 3;

#[derive(Template)]
#[template(path = "address.html")]
struct AddressPage {
    frame: Frame,
    keeps_accounts: bool,
    name: String,
    address: String,
    path: Option<String>,
    api: Option<String>,
    qr: Option<Code>,
    balance: Option<String>,
    nonce: Option<u64>,
    next_nonce: Option<u64>,
    pending_count: usize,
    transaction_count: Option<String>,
    lines: Vec<Line>,
    /// Whether what they had after each transaction is known.
    has_balances: bool,
    is_later_page: bool,
    next: Option<String>,
}

/// A QR code as an SVG path.
pub(super) struct Code {
    pub(super) path: String,
    pub(super) size: usize,
}

pub(super) async fn address(
    State(node): State<NodeHandle>,
    OrPage(Path(name)): OrPage<Path<String>>,
    OrPage(Query(page)): OrPage<Query<Page>>,
) -> Response {
    shown(&node, page_of(&node, name, &page).await)
}

async fn page_of(node: &NodeHandle, name: String, page: &Page) -> Result<AddressPage, Problem> {
    let before = node.status().tip;
    let state = address::address(node, &name).await?;
    let name = state.address;
    let found = address::transactions(node, &name, page).await?;
    let keeps_accounts = node.rules().keeps_accounts();
    // What they have belongs to the newest block, if none has come meanwhile.
    let is_same = page.cursor.is_none() && node.status().tip == before;
    let balance = state.balance.filter(|_| is_same);
    Ok(AddressPage {
        frame: Frame::of(node),
        keeps_accounts,
        name: format::visible(&name, NAME_CHARACTERS),
        path: format::path_to("/address", &name),
        api: format::path_to("/api/v1/address", &name),
        qr: match keeps_accounts {
            // Of capitals alone a code is smaller, and an address may be in them.
            true => code(&name.to_ascii_uppercase()),
            false => code(&name),
        },
        balance: state.balance.map(format::coins),
        nonce: state.nonce,
        next_nonce: state.next_nonce,
        pending_count: state.pending.len(),
        transaction_count: state.transaction_count.map(format::grouped),
        lines: lines(found.transactions, &name, keeps_accounts, balance),
        has_balances: balance.is_some(),
        is_later_page: page.cursor.is_some(),
        next: found.next,
        address: name,
    })
}

pub(super) fn code(text: &str) -> Option<Code> {
    if text.is_empty() || text.len() > QR_LIMIT_BYTES {
        return None;
    }
    let code = QRBuilder::new(text).build().ok()?;
    let mut path = String::new();
    for row in 0..code.size {
        for (column, module) in code[row].iter().enumerate().take(code.size) {
            if module.value() {
                let (x, y) = (column + QR_MARGIN, row + QR_MARGIN);
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
    }
    Some(Code {
        path,
        size: code.size + 2 * QR_MARGIN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_has_its_finders() {
        let code = code("adit").unwrap_or_else(|| panic!("it has a code"));
        assert_eq!(code.size, 21 + 2 * QR_MARGIN);
        for (x, y) in [(3, 3), (17, 3), (3, 17)] {
            let corner = format!("M{x} {y}h1v1h-1z");
            assert!(code.path.contains(&corner), "{corner}");
        }
        assert!(!code.path.contains("M4 4h"));
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert!(code(&"x".repeat(QR_LIMIT_BYTES)).is_some());
        assert!(code(&"x".repeat(QR_LIMIT_BYTES + 1)).is_none());
        assert!(code("").is_none());
    }
}
