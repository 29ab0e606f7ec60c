//! Which paths are the node's own, so that none of them is given to it for a base
//! path: a request for one would be for two things. What a base path is
//! otherwise, `base_path.rs` says.

use crate::base_path::{BasePath, NotABasePath};
use crate::{api, pages, tutorial};

/// Reads the path below which a node is to be found.
pub fn read_base_path(text: &str) -> Result<BasePath, NotABasePath> {
    let base = BasePath::read(text)?;
    match base.first_part().filter(|first| is_own(first)) {
        Some(first) => Err(NotABasePath::Own(format!("/{first}"))),
        None => Ok(base),
    }
}

/// Whether a path of the node begins with that part.
fn is_own(first: &str) -> bool {
    let begins = |path: &str| path.split('/').nth(1) == Some(first);
    let routes = pages::areas().into_iter().chain(tutorial::areas());
    let mut routes = routes.flat_map(|(_, routes)| routes);
    let mut endpoints = api::endpoints().iter();
    routes.any(|route| begins(route.path()))
        || endpoints.any(|endpoint| begins(&endpoint.path))
        || begins(api::DOCS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_node_is_no_base_path() {
        for own in [
            "/api",
            "/api/v1/adit",
            "/assets",
            "/block",
            "/chain",
            "/docs/",
            "/health",
            "/metrics",
            "/openapi.json",
            "/peers/adit",
            "/problems",
            "/verify.py",
        ] {
            let refused = read_base_path(own).expect_err(own).to_string();
            assert!(
                refused.ends_with("take another, such as /adit"),
                "{refused}"
            );
        }
        for free in ["", "/", "/adit", "/chains", "/adit/chain"] {
            read_base_path(free).expect(free);
        }
    }
}
