//! What a client would rather have: which of the media types that there are (RFC
//! 9110, 12.5.1), and whether an answer may come packed (12.5.3). What is sent
//! then, others decide.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName};

/// The weight of what is wanted most, in thousandths.
const WHOLE_WEIGHT: u16 = 1_000;

/// Returns the type that the client likes best. Where it likes several as well, or
/// none, or does not say, that is the first of them.
pub(crate) fn best_of<'a>(headers: &HeaderMap, offered: &[&'a str]) -> &'a str {
    let wanted: Vec<Item<'_>> = items(headers, ACCEPT).collect();
    let mut best = ("", 0);
    for (place, &media_type) in offered.iter().enumerate() {
        let weight = weight_of(&wanted, media_type);
        if place == 0 || weight > best.1 {
            best = (media_type, weight);
        }
    }
    best.0
}

/// Whether the client would rather have a page than plain text: browsers would.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    best_of(headers, &["text/plain", "text/html"]) == "text/html"
}

/// Whether the client asks for answers in gzip by name, and likes them no less
/// than plain ones.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let wanted: Vec<Item<'_>> = items(headers, ACCEPT_ENCODING).collect();
    let weight = |names: &[&str]| {
        let mut found = wanted.iter();
        let found = found.find(|item| names.iter().any(|name| item.is_named(name)));
        found.map(|item| item.weight)
    };
    let gzip = weight(&["gzip", "x-gzip"]);
    gzip.is_some_and(|gzip| gzip > 0 && gzip >= weight(&["identity"]).unwrap_or(0))
}

/// One item of such a header, or a media type that is offered.
struct Item<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: u16,
}

impl<'a> Item<'a> {
    /// Reads an item; one that can't be read counts as if it were not there.
    fn read(text: &'a str) -> Option<Item<'a>> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let (mut parameters, mut weight) = (Vec::new(), WHOLE_WEIGHT);
        for part in parts.filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=')?;
            let (key, value) = (key.trim(), value.trim());
            match key.eq_ignore_ascii_case("q") {
                true => weight = read_weight(value)?,
                false => parameters.push((key, value.trim_matches('"'))),
            }
        }
        Some(Item {
            name,
            parameters,
            weight,
        })
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns how exactly this range names a type; `None` if it does not.
    /// Parameters that the type does not have say nothing about it.
    fn closeness(&self, media_type: &Item<'_>) -> Option<(u8, usize)> {
        let kind = media_type.name.split('/').next().unwrap_or_default();
        let name = match self.name.split_once('/')? {
            _ if self.is_named(media_type.name) => 2,
            (range, "*") if range.eq_ignore_ascii_case(kind) => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let mut agreeing = 0;
        for (key, value) in &media_type.parameters {
            let mut asked = self.parameters.iter();
            let asked = asked.find(|(asked, _)| asked.eq_ignore_ascii_case(key));
            match asked {
                Some((_, asked)) if asked.eq_ignore_ascii_case(value) => agreeing += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some((name, agreeing))
    }
}

/// Returns how much a type is wanted: the range that names it most exactly says it.
fn weight_of(wanted: &[Item<'_>], media_type: &str) -> u16 {
    let Some(media_type) = Item::read(media_type) else {
        return 0;
    };
    let named = wanted
        .iter()
        .filter_map(|range| Some((range.closeness(&media_type)?, range.weight)));
    named.max().map_or(0, |(_, weight)| weight)
}

fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Item<'_>> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(Item::read)
}

fn read_weight(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    let thousandths = weight * f32::from(WHOLE_WEIGHT);
    (0.0..=1.0)
        .contains(&weight)
        .then_some(thousandths.round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), line.parse().expect("a header's value"));
        }
        headers
    }

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        for (lines, expected) in [
            (&[][..], false),
            (&["*/*"], false),
            (&["text/html"], true),
            (&["TEXT/HTML; charset=utf-8"], true),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], true),
            (&["application/json", "text/html;q=0.9"], true),
            (&["text/*"], false),
            (&["text/plain, text/html"], false),
            (&["text/plain;q=0.5, text/html;q=0.6"], true),
            (&["text/html;q=0.1, */*"], false),
            (&["text/html;q=0"], false),
            (&["image/avif,image/webp,*/*;q=0.8"], false),
            (&["application/json"], false),
            (&["text/html;q=2", "text/html;q=x", ";;,", "text"], false),
        ] {
            let headers = headers(ACCEPT, lines);
            assert_eq!(wants_html(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_most_exact_range_says_how_much_a_type_is_wanted() {
        const NEW: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        const OLD: &str = "text/plain; version=0.0.4; charset=utf-8";
        for (line, expected) in [
            // Prometheus 2 and 3, and one that is told to read the older only.
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                NEW,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                NEW,
            ),
            ("text/plain;version=0.0.4;q=0.6,*/*;q=0.5", OLD),
            ("application/openmetrics-text;version=0.0.1,text/plain", OLD),
            ("text/plain", OLD),
            ("text/*", OLD),
            ("*/*", NEW),
            ("image/png", NEW),
            ("*/*, application/openmetrics-text;q=0", OLD),
        ] {
            let headers = headers(ACCEPT, &[line]);
            assert_eq!(best_of(&headers, &[NEW, OLD]), expected, "{line}");
        }
    }

    #[test]
    fn gzip_comes_to_those_alone_who_ask_for_it() {
        for (lines, expected) in [
            (&[][..], false),
            (&[""], false),
            (&["gzip"], true),
            (&["deflate, GZIP;q=0.5, br"], true),
            (&["x-gzip"], true),
            (&["br", "gzip"], true),
            (&["*"], false),
            (&["gzip;q=0, *"], false),
            (&["gzip;q=0.000"], false),
            (&["identity, gzip;q=0.5"], false),
            (&["identity;q=0.5, gzip"], true),
            (&["br, deflate, zstd"], false),
            (&["gzip;q=x"], false),
        ] {
            let headers = headers(ACCEPT_ENCODING, lines);
            assert_eq!(takes_gzip(&headers), expected, "{lines:?}");
        }
    }
}
