//! `GET /problems/{name}`: what a problem document's `type` means. The names
//! never change.

use crate::explorer::problem::{KINDS, Problem};
use crate::http::extract::Path;

/// What a problem document's `type` means.
#[utoipa::path(get, path = "/problems/{name}", tag = "operations", operation_id = "getProblem",
    params(("name" = String, Path, description = "The last part of `type`")),
    responses((status = 200, description = "The explanation", body = String)))]
pub(super) async fn explain(Path(name): Path<String>) -> Result<String, Problem> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let Some(kind) = kind else {
        let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let names = names.join(", ");
        return Err(Problem::not_found(format!(
            "there are the problems {names}"
        )));
    };
    Ok(format!(
        "{} ({})\n\n{}\n",
        kind.title,
        kind.status.as_u16(),
        kind.meaning
    ))
}
