//! The pages as a browser without JavaScript gets them: whole, under a strict
//! policy, every link leading somewhere, and nothing that others wrote passing
//! for markup.

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

use crate::raw::{Answer, Node};
use crate::support::{Server, adit, ask};

/// A page, taken apart.
struct Page {
    text: String,
    tags: Vec<Tag>,
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

/// Elements that have no end.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "col"];

/// What somebody might write where a name is expected.
const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</td></table></main>",
    "&lt;b&gt; &amp; &#60;",
    "a/b?c=d&e#f",
    "%2e%2e%2f",
    "javascript:alert(1)",
    "\u{202e}evil\u{2066}\u{200b}",
    "{{ frame.rules }} {% block %}",
    "\u{0}\u{7}\n\t",
    "..",
];

impl Page {
    /// Takes a page apart; it has to be whole, and under the policy.
    #[track_caller]
    fn of(path: &str, answer: &Answer) -> Page {
        let header = |name: &str| {
            let found = answer.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path}");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let text = answer.text().to_string();
        assert!(text.starts_with("<!doctype html>"), "{path}");
        assert!(text.trim_end().ends_with("</html>"), "{path}");
        let tags = tags(path, &text);
        let page = Page { text, tags };
        page.check(path);
        page
    }

    #[track_caller]
    fn check(&self, path: &str) {
        let count = |name: &str| self.tags.iter().filter(|tag| tag.name == name).count();
        for once in ["html", "head", "title", "main", "h1"] {
            assert_eq!(count(once), 1, "{path}: {once}");
        }
        for never in ["style", "img", "iframe", "object", "base"] {
            assert_eq!(count(never), 0, "{path}: {never}");
        }
        for tag in &self.tags {
            for (name, value) in &tag.attributes {
                assert!(name != "style" && !name.starts_with("on"), "{path}: {name}");
                let is_link = ["href", "src", "action"].contains(&name.as_str());
                assert!(!is_link || value.starts_with(['/', '#']), "{path}: {value}");
            }
            if tag.name == "script" {
                assert!(tag.of("src").starts_with("/assets/"), "{path}");
            }
        }
        let hidden = ['\u{202e}', '\u{2066}', '\u{200b}', '\u{0}', '\u{7}'];
        assert!(
            !self.text.contains(hidden),
            "{path}: a character that is not seen"
        );
    }

    /// The paths that it leads to.
    fn links(&self) -> Vec<String> {
        let tags = self.tags.iter();
        let links = tags.flat_map(|tag| [tag.of("href"), tag.of("src")]);
        let paths = links.filter_map(|link| link.split('#').next());
        paths
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

impl Tag {
    fn of(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// The tags of a page, of which every one is closed where it has to be.
#[track_caller]
fn tags(path: &str, text: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = &text["<!doctype html>".len()..];
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(end) = rest.strip_prefix('/') {
            let (name, after) = end.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "{path}: {:.200}", rest);
            rest = after;
            continue;
        }
        let (mut tag, after) = tag(rest);
        rest = after;
        if tag.name == "title" && open.iter().any(|name| name == "svg") {
            tag.name = "svg-title".to_owned();
            open.push("title".to_owned());
        } else if !VOID.contains(&tag.name.as_str())
            && !tag.attributes.iter().any(|(name, _)| name == "/")
        {
            open.push(tag.name.clone());
        }
        found.push(tag);
    }
    assert_eq!(open, Vec::<String>::new(), "{path}");
    found
}

/// The tag that a text begins with, behind its `<`, and what follows.
fn tag(text: &str) -> (Tag, &str) {
    let end = text
        .find(|c: char| c.is_whitespace() || ['>', '/'].contains(&c))
        .unwrap();
    let (name, mut rest) = text.split_at(end);
    assert!(
        name.starts_with(|c: char| c.is_ascii_lowercase()),
        "a bare <: {text:.80}"
    );
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            let name = name.to_owned();
            return (Tag { name, attributes }, after);
        }
        if let Some(after) = rest.strip_prefix('/') {
            attributes.push(("/".to_owned(), String::new()));
            rest = after;
            continue;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || ['=', '>', '/'].contains(&c))
            .unwrap();
        let (name, after) = rest.split_at(end);
        rest = after;
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (inside, after) = quoted.split_once('"').unwrap();
            value = unescaped(inside);
            rest = after;
        }
        attributes.push((name.to_owned(), value));
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
}

/// Follows every link from the first page on; all of them lead to something.
/// Returns the pages.
#[track_caller]
fn crawl(address: &str, from: &[&str]) -> BTreeMap<String, Page> {
    let mut known: BTreeMap<String, Option<Page>> = BTreeMap::new();
    let mut next: VecDeque<(String, String)> = VecDeque::new();
    next.extend(
        from.iter()
            .map(|path| (path.to_string(), "the test".to_owned())),
    );
    while let Some((path, from)) = next.pop_front() {
        if known.contains_key(&path) {
            continue;
        }
        let answer = ask(address, &format!("GET {path}"), "").unwrap();
        // Searches lead on; others give what they have at once.
        let is_there = answer.status == 200 || (answer.status == 303 && path.starts_with("/docs"));
        assert!(
            is_there,
            "{path}, linked from {from}: {} {}",
            answer.status,
            answer.text()
        );
        let is_ours = answer.text().contains("<a class=\"skip\"");
        let page = is_ours.then(|| Page::of(&path, &answer));
        for link in page.iter().flat_map(Page::links) {
            next.push_back((link, path.clone()));
        }
        known.insert(path, page);
        assert!(known.len() < 2_000, "there is no end of pages");
    }
    known
        .into_iter()
        .filter_map(|(path, page)| Some((path, page?)))
        .collect()
}

fn form(node: &Node, path: &str, body: &str) -> Answer {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    node.request("POST", path, &[kind], body.as_bytes())
}

#[track_caller]
fn leads_to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.headers.iter().find(|(name, _)| name == "location");
    location.unwrap().1.clone()
}

#[test]
fn every_page_is_whole_and_every_link_leads_somewhere() {
    let node = Server::adit(["--in-memory"]);
    let other = Server::adit(["--in-memory"]);
    for number in 0..3 {
        node.pay("alice", &format!("bob {number}"));
        node.mine();
    }
    for _ in 0..5 {
        other.mine();
    }
    node.register([other.address.as_str(), "127.0.0.1:9"]);
    // The branch of three is dropped for one of five.
    node.get("/nodes/resolve").expect_status(200);
    for number in 0..120 {
        node.pay("alice", &format!("carol {number}"));
    }
    node.mine();
    for number in 0..30 {
        node.pay("dave", &format!("erin {number}"));
    }
    let from = ["/", "/tamper", "/search", "/peers/127.0.0.1:9/audit"];
    let pages = crawl(&node.address, &from);
    for part in [
        "/block/",
        "/blocks",
        "/tx/",
        "/address/",
        "/pending",
        "/peers",
        "/forks",
        "/reorg/",
        "/charts",
        "/verify",
    ] {
        assert!(pages.keys().any(|path| path.starts_with(part)), "no {part}");
    }
    let audits = format!("action=\"/peers/{}/audit\"", other.address);
    assert!(pages["/peers"].text.contains(&audits));
    assert!(pages.keys().any(|path| path.contains("?from=100")));
    assert!(
        pages
            .keys()
            .any(|path| path.starts_with("/pending?cursor="))
    );
}

#[test]
fn a_sealed_chain_has_the_same_pages() {
    let dev = Server::start(&mut adit(["dev", "-p", "0", "--log", "info"]));
    for _ in 0..3 {
        dev.mine();
    }
    let pages = crawl(&dev.address, &["/", "/tamper", "/search"]);
    let home = &pages["/"].text;
    assert!(home.contains("adit send") && home.contains("name=\"signed\""));
    let address = pages
        .iter()
        .find(|(path, _)| path.starts_with("/address/adit1"));
    let (_, address) = address.unwrap();
    assert!(address.text.contains("class=\"qr\"") && address.text.contains("Balance"));
}

#[test]
fn what_others_write_is_never_markup() {
    let node = Server::adit(["--in-memory"]);
    let long = "x".repeat(10_000);
    let mut paths = vec!["/".to_owned(), "/pending".to_owned()];
    for round in 0..2 {
        for name in HOSTILE.into_iter().chain([long.as_str(), ""]) {
            let body = json!({ "sender": name, "recipient": name, "amount": 1.5e300 });
            node.post("/transactions/new", &body.to_string())
                .expect_status(201);
        }
        if round == 0 {
            node.mine();
        }
    }
    // A name that no path can hold is shown, and leads nowhere.
    for name in ["%3Cscript%3E", "%22%3E%3Cimg", "%E2%80%AE", "%00", "a%2Fb"] {
        paths.push(format!("/search?q={name}"));
        paths.push(format!("/address/{name}"));
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let pages = crawl(&node.address, &paths);
    let home = &pages["/"].text;
    assert!(home.contains("&#60;script&#62;alert(1)"), "{home}");
    assert!(home.contains("[U+202E]evil") || pages["/pending"].text.contains("[U+202E]evil"));
    assert!(pages.contains_key("/address/%3Cscript%3Ealert%281%29%3C%2Fscript%3E"));
    assert!(!pages["/pending"].text.contains(&"x".repeat(200)));
}

#[test]
fn forms_do_what_they_say() {
    let node = Node::start();
    let sent = form(
        &node,
        "/send",
        "sender=al+ice&recipient=%3Cbob%3E&amount=2.50",
    );
    let place = leads_to(&sent);
    assert!(place.starts_with("/tx/"), "{place}");
    let page = Page::of(&place, &node.get(&place));
    assert!(page.text.contains("It waits for a block") && page.text.contains("&#60;bob&#62;"));
    let mined = leads_to(&form(&node, "/mine-block", ""));
    let page = Page::of(&mined, &node.get(&mined));
    assert!(page.text.contains("<h1>Block 2</h1>") && page.text.contains("al ice"));
    assert_eq!(node.checked_chain().len(), 2);

    assert_eq!(
        leads_to(&form(&node, "/peers", "node=127.0.0.1%3A9")),
        "/peers"
    );
    assert_eq!(node.status()["nodes"], json!(["127.0.0.1:9"]));
    assert_eq!(leads_to(&form(&node, "/peers/ask", "")), "/peers");
    assert!(node.get("/peers").text().contains("It does not answer."));
    assert_eq!(
        leads_to(&form(&node, "/peers/127.0.0.1:9/remove", "")),
        "/peers"
    );
    assert_eq!(node.status()["nodes"], json!([]));
}

#[test]
fn a_form_that_cannot_be_taken_says_why_on_a_page() {
    let node = Node::start();
    for (path, body, says) in [
        (
            "/send",
            "sender=a&recipient=b&amount=much",
            "expected a finite number, found a string",
        ),
        (
            "/send",
            "sender=a&recipient=b&amount=%2B5",
            "expected a finite number, found a string",
        ),
        (
            "/send",
            "sender=a&recipient=b&amount=NaN",
            "expected a finite number, found a string",
        ),
        ("/send", "sender=a", "The form cannot be read"),
        ("/send", "", "The form cannot be read"),
        ("/send", "signed=%7B%7D", "Missing values"),
        ("/peers", "node=", ""),
        ("/peers", "node=not+a+host", ""),
        ("/peers/%20/remove", "", ""),
    ] {
        let answer = form(&node, path, body);
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
        let page = Page::of(path, &answer);
        assert!(page.text.contains(says), "{path} {body}: {}", page.text);
    }
    assert_eq!(form(&node, "/send", &"x".repeat(300_000)).status, 413);
    assert_eq!(node.status()["length"], 1);
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

#[test]
fn a_form_on_a_page_of_another_site_changes_nothing() {
    let node = Node::start();
    for foreign in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        for (path, body) in [
            ("/mine-block", ""),
            ("/send", "sender=a&recipient=b&amount=1"),
            ("/peers", "node=127.0.0.1:9"),
            ("/peers/ask", ""),
            ("/check", "node=127.0.0.1:9"),
            ("/peers/127.0.0.1:9/remove", ""),
        ] {
            let answer = node.request("POST", path, &[foreign], body.as_bytes());
            assert_eq!(answer.status, 403, "{foreign}, {path}");
        }
    }
    for path in ["/mine-block", "/send", "/peers/ask"] {
        assert_eq!(node.get(path).status, 405, "{path}");
    }
    assert_eq!(node.status()["length"], 1);
    assert_eq!(node.status()["pending"], 0);
    assert_eq!(node.status()["nodes"], json!([]));
}

#[test]
fn a_browser_that_is_lost_gets_a_page_and_a_program_a_list() {
    let node = Node::start();
    let browser = ["Accept: text/html,application/xhtml+xml,*/*;q=0.8"];
    let answer = node.request("GET", "/no/%3Cb%3E", &browser, b"");
    assert_eq!(answer.status, 404);
    Page::of("/no", &answer);
    for path in ["/send", "/mine-block", "/peers/ask"] {
        let answer = node.request("GET", path, &browser, b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        let page = Page::of(path, &answer);
        assert!(
            page.text.contains("use what the header Allow lists"),
            "{path}"
        );
        let answer = node.get(path);
        assert_eq!(answer.status, 405);
        assert!(answer.text().starts_with("GET does nothing at "), "{path}");
    }
    for (path, headers) in [("/nothing", &[][..]), ("/api/v1/nothing", &browser[..])] {
        let answer = node.request("GET", path, headers, b"");
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("<html"), "{path}");
    }
    let none = format!("/block/{}", "0".repeat(64));
    for (path, status) in [
        (none.as_str(), 404),
        ("/block/12", 400),
        ("/blocks?cursor=!", 400),
        ("/charts?blocks=x", 400),
    ] {
        let answer = node.request("GET", path, &browser, b"");
        assert_eq!(answer.status, status, "{path}");
        Page::of(path, &answer);
    }
}

#[test]
fn a_search_for_one_thing_leads_to_it() {
    let node = Node::start();
    let hash = node.status()["tip"].as_str().unwrap().to_owned();
    for query in [hash.as_str(), "1", "+1+"] {
        let answer = node.get(&format!("/search?q={query}"));
        assert_eq!(leads_to(&answer), format!("/block/{hash}"), "{query}");
    }
    let page = Page::of("/search", &node.get("/search?q=%3Cb%3E"));
    assert!(page.text.contains("Nothing here is called"));
}

#[test]
fn the_first_page_is_small() {
    let node = Node::start();
    for _ in 0..10 {
        node.get("/mine");
        node.post(
            "/transactions/new",
            r#"{"sender": "a", "recipient": "b", "amount": 5}"#,
        );
    }
    let home = node.get("/");
    let mut bytes = home.body.len();
    for path in Page::of("/", &home).links() {
        if path.starts_with("/assets/") {
            bytes += node.get(&path).body.len();
        }
    }
    bytes += node.get("/assets/live.js").body.len();
    assert!(bytes < 100_000, "{bytes} bytes");
}
