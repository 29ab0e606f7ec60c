//! Who may do what: the tier of each path, which stands where the path is made.
//! A path is made with a tier or not at all. How the operator is known is in
//! `caller.rs`.

use std::sync::Arc;

use adit_node::handle::NodeHandle;
use adit_node::repeated;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::caller::Caller;
use crate::class::Class;
use crate::problem::Problem;

/// What an operation's tier is called in the API's description.
pub(super) const TIER: &str = "x-tier";

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tier {
    /// Everybody: it reads, or is one of the tutorial's endpoints, or does what
    /// one of those does.
    Open,
    /// Everybody: it hands something in, which rules and mempool judge.
    Judged,
    /// The operator alone.
    Operator,
    /// The browser that has opened the teacher's link, where a class is shown a chain.
    Teacher,
}

/// In the extensions of an answer: that it was refused, since it is the
/// operator's, and why.
#[derive(Debug, Clone)]
pub(crate) struct RefusedToAnybody(pub(crate) Problem);

/// In the extensions of an answer: that it was refused, since it is the teacher's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotTheTeacher;

/// A path outside the API, with its tier.
pub(super) struct Route {
    pub(super) tier: Tier,
    /// `METHOD /path`.
    pub(super) name: &'static str,
    pub(super) handler: MethodRouter<NodeHandle>,
}

impl Route {
    /// A path, and who may take it.
    pub(super) fn new(tier: Tier, name: &'static str, handler: MethodRouter<NodeHandle>) -> Route {
        Route {
            tier,
            name,
            handler,
        }
    }
}

impl Tier {
    /// Gives a path of the API this tier, here and in its description.
    pub(super) fn of(
        self,
        (schemas, mut paths, handler): UtoipaMethodRouter<NodeHandle>,
    ) -> UtoipaMethodRouter<NodeHandle> {
        for operation in paths.paths.values_mut().flat_map(operations) {
            let told = ExtensionsBuilder::new().add(TIER, json!(self)).build();
            match &mut operation.extensions {
                Some(extensions) => extensions.merge(told),
                none => *none = Some(told),
            }
        }
        (schemas, paths, self.guarding(handler))
    }

    fn guarding(self, handler: MethodRouter<NodeHandle>) -> MethodRouter<NodeHandle> {
        match self {
            Tier::Open | Tier::Judged => handler,
            Tier::Operator => handler.route_layer(from_fn(for_the_operator)),
            Tier::Teacher => handler.route_layer(from_fn(for_the_teacher)),
        }
    }
}

impl Route {
    /// Returns it without its method.
    pub(super) fn path(&self) -> &'static str {
        let path = self.name.split_once(' ').map(|(_, path)| path);
        path.unwrap_or(self.name)
    }
}

/// Returns all of these paths.
pub(super) fn router(routes: Vec<Route>) -> Router<NodeHandle> {
    routes.into_iter().fold(Router::new(), |router, route| {
        router.route(route.path(), route.tier.guarding(route.handler))
    })
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    methods.into_iter().flatten()
}

async fn for_the_operator(request: Request, next: Next) -> Response {
    let Some(problem) = Caller::in_extensions(request.extensions()).refusal() else {
        return next.run(request).await;
    };
    let path = request.uri().path();
    if let Some(left_out) = repeated::turn("for-the-operator") {
        tracing::info!(
            path,
            rule = problem.rule,
            left_out,
            "refused: that is for the operator"
        );
    }
    let refused = Extension(RefusedToAnybody(problem.clone()));
    (refused, problem).into_response()
}

async fn for_the_teacher(request: Request, next: Next) -> Response {
    let class = request.extensions().get::<Arc<Class>>();
    let is_teacher = class.is_some_and(|class| class.access.is_teacher(request.headers()));
    match is_teacher {
        true => next.run(request).await,
        false => (Extension(NotTheTeacher), StatusCode::FORBIDDEN).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{api, pages, tutorial};

    /// Every path. A new one is added here, after a thought about who may use it.
    const JUDGED: [&str; 5] = [
        "POST /api/v1/blocks",
        "POST /api/v1/tx",
        "POST /class/mining",
        "POST /class/pupils",
        "POST /send",
    ];

    const TEACHER: [&str; 3] = ["GET /teach", "POST /teach/deed", "POST /teach/pupil"];

    const OPERATOR: [&str; 17] = [
        "DELETE /api/v1/peers/{id}",
        "GET /api/v1/dev",
        "GET /api/v1/dev/state",
        "GET /api/v1/peers/{id}/audit",
        "GET /peers/{id}/audit",
        "POST /api/v1/dev/block-making",
        "POST /api/v1/dev/mine",
        "POST /api/v1/dev/reset",
        "POST /api/v1/dev/revert",
        "POST /api/v1/dev/snapshots",
        "POST /api/v1/dev/state",
        "POST /api/v1/dev/time",
        "POST /api/v1/mine",
        "POST /api/v1/peers",
        "POST /check",
        "POST /peers",
        "POST /peers/{id}/remove",
    ];

    /// What is open although it is not a plain GET: the tutorial's, what does
    /// the same as one of those, and showing the token.
    const OPEN_BUT_NOT_READING: [&str; 5] = [
        "POST /mine-block",
        "POST /nodes/register",
        "POST /operator",
        "POST /peers/ask",
        "POST /transactions/new",
    ];

    fn all() -> BTreeMap<String, Tier> {
        let mut all = api::tiers();
        let others = tutorial::areas().into_iter().chain(pages::areas());
        let others = others.chain([api::class_area(), pages::class_area()]);
        let others = others.flat_map(|(_, routes)| routes);
        for route in others {
            let name = route.name.to_owned();
            if let Some(tier) = all.insert(name.clone(), route.tier) {
                assert_eq!(tier, route.tier, "{name}: its description says otherwise");
            }
        }
        all
    }

    fn of(tier: Tier) -> Vec<String> {
        let all = all().into_iter().filter(|(_, found)| *found == tier);
        all.map(|(name, _)| name).collect()
    }

    #[test]
    fn every_path_has_its_tier() {
        assert_eq!(of(Tier::Judged), JUDGED);
        assert_eq!(of(Tier::Operator), OPERATOR);
        assert_eq!(of(Tier::Teacher), TEACHER);
        let mut open = of(Tier::Open);
        assert!(open.len() > 40, "{open:?}");
        open.retain(|name| !name.starts_with("GET "));
        assert_eq!(open, OPEN_BUT_NOT_READING);
    }
}
