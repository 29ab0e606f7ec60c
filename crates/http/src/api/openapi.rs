//! The description of the API (OpenAPI 3.1). What an endpoint does stands beside
//! its handler; here is what all of them have in common: which problems can
//! come, which headers answers have, which form names have. The tutorial's five
//! endpoints are described by hand, in `tutorial.json`.

use std::collections::BTreeMap;

use adit_api::problem::{PROBLEM_JSON, ProblemDocument};
use serde_json::{Map, Value, json};
use utoipa::{OpenApi, openapi};

use crate::area::{Area, OtherSites, Speech};
use crate::base_path::BasePath;
use crate::counters::Group;
use crate::request_id::REQUEST_ID_LIMIT_BYTES;
use crate::tier::{TIER, Tier};

/// The description without its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "adit",
        description = "A blockchain node. Hashes are 64 lower-case hex digits, amounts are in base \
            units, times are in milliseconds since 1970, indexes count from 1. What goes wrong \
            below /api/v1 is told by a problem document (RFC 9457). Wherever GET is, HEAD is too, \
            except at the tutorial's /mine and /nodes/resolve. Pages of other sites may read \
            (CORS), and change nothing unless --allow-origin names them. `x-tier` says who may do what: everybody what is `open`, \
            and what is `judged` by the rules of the chain; the `operator` alone the rest.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "tutorial", description = "The five endpoints of the tutorial, with its fields and status codes"),
        (name = "chain", description = "The chain as a whole"),
        (name = "blocks", description = "Blocks by index and hash"),
        (name = "transactions", description = "Transactions, in blocks and waiting"),
        (name = "addresses", description = "Who pays and who is paid"),
        (name = "branches", description = "Branches beside the main chain, and changes to them"),
        (name = "peers", description = "The registered nodes"),
        (name = "node", description = "This node"),
        (name = "development", description = "Only for chains to develop on"),
        (name = "operations", description = "For the operator of the node"),
    ),
    components(schemas(ProblemDocument)),
)]
pub(super) struct Description;

/// Where the description is.
pub(super) const PATH: &str = "/openapi.json";

/// The name of how the operator is known.
const OPERATOR: &str = "operator";

const TUTORIAL: &str = include_str!("tutorial.json");

/// What is handed in: the rules read it, and no type here.
const POSTED: &str = include_str!("posted.json");

const HASH_PATTERN: &str = "^[0-9a-f]{64}$";

const LOCATOR_PATTERN: &str = "^([0-9a-f]{64}(,[0-9a-f]{64}){0,63})?$";

/// Returns the whole description, given what stands beside the handlers of each
/// area.
pub(super) fn complete(described: impl Iterator<Item = (Area, openapi::OpenApi)>) -> Value {
    let mut all = Description::openapi();
    let mut areas = BTreeMap::from([(PATH.to_owned(), Area::OPERATIONS)]);
    for (area, described) in described {
        let paths = described.paths.paths.keys();
        areas.extend(paths.map(|path| (path.clone(), area)));
        all.merge(described);
    }
    let mut description = serde_json::to_value(all).expect("the description has string keys only");
    // Nobody has to say who they are, but for the operator's acts.
    description["security"] = json!([{}]);
    let mut posted: Value = serde_json::from_str(POSTED).expect("posted.json is JSON");
    for (name, schema) in members(&mut posted) {
        description["components"]["schemas"][name] = schema.take();
    }
    let by_hand: Value = serde_json::from_str(TUTORIAL).expect("tutorial.json is JSON");
    let Value::Object(by_hand) = by_hand else {
        unreachable!("tutorial.json is an object")
    };
    let paths = &mut description["paths"];
    for (path, mut item) in by_hand {
        for (_, operation) in members(&mut item) {
            operation[TIER] = json!(Tier::Open);
        }
        paths[path] = item;
    }
    description["components"]["securitySchemes"] = json!({ OPERATOR: {
        "type": "http", "scheme": "bearer",
        "description": "The token that the node was started with (--api-token). Requests from its \
            own machine need none." } });
    let paths = &mut description["paths"];
    for (path, item) in members(paths) {
        // The others that are described by hand are the tutorial's.
        let area = areas.get(path).copied();
        let area = area.unwrap_or(Area::tutorial(Group::Chain));
        for (method, operation) in members(item) {
            complete_operation(area, path, method, operation);
        }
    }
    description
}

/// Says below which URL all paths are.
pub(super) fn say_server(description: &mut Value, base: &BasePath) {
    let base = base.to_string();
    let url = if base.is_empty() { "/" } else { &base };
    description["servers"] = json!([{ "url": url, "description": "This node" }]);
}

/// Returns the members of an object; of anything else, none.
pub(super) fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn complete_operation(area: Area, path: &str, method: &str, operation: &mut Value) {
    if operation["tags"].is_null() {
        operation["tags"] = json!(["tutorial"]);
    }
    let is_for_the_operator = operation[TIER] == json!(Tier::Operator);
    if is_for_the_operator {
        operation["security"] = json!([{ OPERATOR: [] }, {}]);
    }
    let has_body = operation.get("requestBody").is_some();
    let is_reading = method == "get";
    let responses = &mut operation["responses"];
    let has_etag = responses.get("304").is_some();
    if is_for_the_operator {
        add_operator_problems(responses);
    }
    add_problems(area, path, has_body, responses);
    for (status, response) in members(responses) {
        describe_problem(area, status, response);
        let is_content = status.starts_with('2') || status == "304";
        describe_headers(area, status, is_reading, has_etag && is_content, response);
    }
    let is_page = describe_parameters(path, operation);
    if is_page {
        let link = "Where the next page is (RFC 8288), unless this is the last";
        header(
            &mut operation["responses"]["200"],
            "Link",
            link,
            false,
            json!({ "type": "string" }),
        );
    }
    // An empty body says what an empty object says.
    if ["/api/v1/dev/mine", "/api/v1/dev/revert"].contains(&path) {
        operation["requestBody"]["required"] = json!(false);
    }
    if has_etag {
        let known = json!({ "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETag of what the client has", "schema": { "type": "string" } });
        parameters(operation).push(known);
    }
}

fn add_operator_problems(responses: &mut Value) {
    responses["401"] = json!({ "description":
        "It is for the operator: no token was shown, or a wrong one (`rule` says which)" });
    responses["403"] = json!({ "description":
        "It is for the operator, and the node has no token; or a page of another site, or a name \
         that is not the node's" });
    let text = "How to show who one is: by the node's token (RFC 6750)";
    let schema = json!({ "type": "string", "const": "Bearer" });
    header(
        &mut responses["401"],
        "WWW-Authenticate",
        text,
        true,
        schema,
    );
}

/// Adds what can go wrong everywhere, where nothing more is said of it.
fn add_problems(area: Area, path: &str, has_body: bool, responses: &mut Value) {
    let mut add = |status: &str, description: &str| {
        if responses.get(status).is_none() {
            responses[status] = json!({ "description": description });
        }
    };
    add(
        "403",
        "A page of another site, or a name that is not the node's",
    );
    if path.contains('{') {
        add("404", "There is nothing of that name");
    }
    if has_body {
        add("408", "The body did not come in time");
        add("413", "The body is too long");
    }
    if area.speech == Speech::Problems {
        add("400", "A part of the request cannot be read");
        add("503", "Not now: `Retry-After` says when");
    }
}

/// Describes a problem: a document in the API, plain text elsewhere.
fn describe_problem(area: Area, status: &str, response: &mut Value) {
    if !status.starts_with(['4', '5']) {
        return;
    }
    response["content"] = match area.speech {
        Speech::Problems => {
            let schema = json!({ "$ref": "#/components/schemas/ProblemDocument" });
            json!({ PROBLEM_JSON: { "schema": schema } })
        }
        Speech::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
    };
}

fn describe_headers(
    area: Area,
    status: &str,
    is_reading: bool,
    has_etag: bool,
    response: &mut Value,
) {
    if area.has_request_ids {
        let id = json!({ "type": "string", "minLength": 1, "maxLength": REQUEST_ID_LIMIT_BYTES });
        let text = "The id of the request, which is in the node's log";
        header(response, "X-Request-Id", text, true, id);
    }
    if area.other_sites == OtherSites::Read && is_reading {
        let text = "Pages of other sites may read it";
        let any = json!({ "type": "string", "const": "*" });
        header(response, "Access-Control-Allow-Origin", text, true, any);
    }
    if has_etag {
        let etag = json!({ "type": "string", "pattern": "^(W/)?\"[^\"]*\"$" });
        let text = "Names what was sent; weakly, where it was packed";
        header(response, "ETag", text, true, etag);
    }
    if status == "503" {
        let text = "In how many seconds to try again";
        let seconds = json!({ "type": "integer", "minimum": 1 });
        header(response, "Retry-After", text, true, seconds);
    }
}

fn header(response: &mut Value, name: &str, text: &str, is_required: bool, schema: Value) {
    response["headers"][name] =
        json!({ "description": text, "required": is_required, "schema": schema });
}

/// Adds which form names have. Returns whether the operation's answer comes in
/// pages.
fn describe_parameters(path: &str, operation: &mut Value) -> bool {
    let mut is_page = false;
    for parameter in parameters(operation) {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let schema = &mut parameter["schema"];
        // In an address there is no null.
        if let Some(types) = schema["type"].as_array_mut() {
            types.retain(|name| name != "null");
            schema["type"] = types[0].take();
        }
        // Without a format, generators make integers of 32 bits; of those that are
        // named, this has the most.
        if schema["type"] == "integer" {
            schema["format"] = "int64".into();
        }
        let of_hash = path.starts_with("/api/v1/tx/") || path.starts_with("/api/v1/reorgs/");
        match name.as_str() {
            "hash" => schema["pattern"] = HASH_PATTERN.into(),
            "id" if of_hash => schema["pattern"] = HASH_PATTERN.into(),
            "locator" => schema["pattern"] = LOCATOR_PATTERN.into(),
            "cursor" => is_page = true,
            _ => {}
        }
    }
    is_page
}

fn parameters(operation: &mut Value) -> &mut Vec<Value> {
    let operation = operation.as_object_mut();
    let operation = operation.expect("an operation is an object");
    let list = operation.entry("parameters").or_insert_with(|| json!([]));
    list.as_array_mut().expect("parameters are a list")
}

/// Returns all endpoints: method and path, the tutorial's first.
pub(super) fn endpoints(description: &Value) -> Vec<(String, String)> {
    let empty = Map::new();
    let paths = description["paths"].as_object().unwrap_or(&empty);
    let mut found = Vec::new();
    for (path, item) in paths {
        let methods = item.as_object().unwrap_or(&empty);
        for (method, operation) in methods {
            let is_tutorial = operation["tags"][0] == "tutorial";
            found.push((!is_tutorial, path, method.to_ascii_uppercase()));
        }
    }
    found.sort();
    let found = found.into_iter();
    found
        .map(|(_, path, method)| (method, path.clone()))
        .collect()
}
