//! `GET /problems/{name}`: what a problem document's `type` means. The names
//! never change.

use adit_api::problem::ProblemKind;

use crate::extract::Path;
use crate::problem::Problem;

/// What a problem document's `type` means.
#[utoipa::path(get, path = "/problems/{name}", tag = "operations", operation_id = "getProblem",
    params(("name" = String, Path, description = "The last part of `type`")),
    responses((status = 200, description = "The explanation", body = String)))]
pub(super) async fn explain(Path(name): Path<String>) -> Result<String, Problem> {
    let kind = ProblemKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name);
    let Some(kind) = kind else {
        let names: Vec<_> = ProblemKind::ALL.map(ProblemKind::name).to_vec();
        let names = names.join(", ");
        return Err(Problem::not_found(format!(
            "there are the problems {names}"
        )));
    };
    Ok(format!(
        "{} ({})\n\n{}\n",
        kind.title(),
        kind.status(),
        kind.meaning()
    ))
}
