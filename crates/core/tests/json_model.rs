//! Canonical JSON against a naive model: values of every kind, written in many
//! ways, all read as the same.

use std::collections::BTreeMap;

use adit_core::json::{
    self, canonical, canonical_prefix, elements, integer, is_finite_number, member, members,
    write_float, write_string,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::json::{MEBIBYTE, canonical_text};

/// A JSON value as Python would hold it, members in the order of the source.
#[derive(Debug, Clone)]
enum Model {
    Word(&'static str),
    Integer(String),
    Float(f64),
    Text(Vec<u32>),
    Array(Vec<Model>),
    Object(Vec<(Vec<u32>, Model)>),
}

impl Model {
    fn canonical(&self) -> String {
        match self {
            Model::Word(word) => (*word).to_owned(),
            Model::Integer(digits) if digits == "-0" => "0".to_owned(),
            Model::Integer(digits) => digits.clone(),
            Model::Float(value) => python_repr(*value),
            Model::Text(points) => canonical_string(points),
            Model::Array(values) => {
                let values: Vec<String> = values.iter().map(Model::canonical).collect();
                format!("[{}]", values.join(", "))
            }
            Model::Object(_) => {
                let members: Vec<String> = self
                    .sorted_members()
                    .iter()
                    .map(|(key, value)| format!("{}: {}", canonical_string(key), value.canonical()))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    fn sorted_members(&self) -> BTreeMap<&Vec<u32>, &Model> {
        match self {
            Model::Object(members) => members.iter().map(|(key, value)| (key, value)).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// One of the many ways to write the value down.
    fn render(&self, dice: &mut Dice) -> String {
        let text = match self {
            Model::Word(_) | Model::Integer(_) => self.canonical(),
            Model::Float(value) => render_float(*value, dice),
            Model::Text(points) => render_string(points, dice),
            Model::Array(values) => {
                let values: Vec<String> = values.iter().map(|value| value.render(dice)).collect();
                format!("[{}{}]", dice.space(), values.join(","))
            }
            Model::Object(members) => {
                let render = |(key, value): &(Vec<u32>, Model)| {
                    let key = render_string(key, dice);
                    format!(
                        "{}{key}{}:{}",
                        dice.space(),
                        dice.space(),
                        value.render(dice)
                    )
                };
                let members: Vec<String> = members.iter().map(render).collect();
                format!("{{{}{}}}", members.join(","), dice.space())
            }
        };
        format!("{}{text}{}", dice.space(), dice.space())
    }

    /// Walks canonical text along with the model.
    fn assert_views_agree(&self, text: &[u8]) {
        assert_eq!(members(text).is_some(), matches!(self, Model::Object(_)));
        assert_eq!(elements(text).is_some(), matches!(self, Model::Array(_)));
        let number = matches!(self, Model::Integer(_) | Model::Float(_));
        assert_eq!(is_finite_number(text), number);
        match self {
            Model::Integer(digits) => {
                assert_eq!(integer(text), digits.replace("-0", "0").parse().ok())
            }
            Model::Text(points) => {
                let characters: Option<String> =
                    points.iter().map(|&p| char::from_u32(p)).collect();
                assert_eq!(json::string(text), characters);
            }
            Model::Array(values) => {
                let found: Vec<&[u8]> = elements(text).expect("an array, as just seen").collect();
                assert_eq!(found.len(), values.len());
                values
                    .iter()
                    .zip(found)
                    .for_each(|(value, text)| value.assert_views_agree(text));
            }
            Model::Object(_) => self.assert_member_views_agree(text),
            _ => assert_eq!(json::string(text), None),
        }
    }

    fn assert_member_views_agree(&self, text: &[u8]) {
        let expected = self.sorted_members();
        let found: Vec<(&[u8], &[u8])> = members(text).expect("an object").collect();
        assert_eq!(found.len(), expected.len());
        for ((key, value), (found_key, found_value)) in expected.into_iter().zip(found) {
            let quoted = canonical_string(key);
            assert_eq!(found_key, inside(&quoted).as_bytes());
            assert_eq!(
                member(text, std::str::from_utf8(found_key).expect("ASCII")),
                Some(found_value)
            );
            value.assert_views_agree(found_value);
        }
    }
}

fn canonical_string(points: &[u32]) -> String {
    let mut text = String::new();
    for &point in points {
        match point {
            0x08 => text += "\\b",
            0x09 => text += "\\t",
            0x0a => text += "\\n",
            0x0c => text += "\\f",
            0x0d => text += "\\r",
            0x22 => text += "\\\"",
            0x5c => text += "\\\\",
            0x20..0x7f => text.push(char::from_u32(point).expect("ASCII")),
            _ => {
                text += &units(point)
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect::<String>()
            }
        }
    }
    format!("\"{text}\"")
}

fn units(point: u32) -> impl Iterator<Item = u32> {
    let astral = point.checked_sub(0x10000);
    let (first, second) = match astral {
        Some(rest) => (0xd800 + (rest >> 10), Some(0xdc00 + (rest & 0x3ff))),
        None => (point, None),
    };
    [first].into_iter().chain(second)
}

/// The fewest digits that read back as the same number, by trying.
fn python_repr(value: f64) -> String {
    let shortest = (0..17)
        .map(|places| format!("{value:.places$e}"))
        .find(|text| text.parse() == Ok(value))
        .expect("17 digits always do");
    let (digits, exponent) = shortest.split_once('e').expect("printed with an exponent");
    let exponent: i32 = exponent.parse().expect("printed as a number");
    let places = digits
        .split_once('.')
        .map_or(0, |(_, places)| places.len() as i32);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value:.*}", (places - exponent).max(1) as usize)
}

fn render_float(value: f64, dice: &mut Dice) -> String {
    match dice.throw(4) {
        0 => format!("{value:e}").replace('e', "E+").replace("+-", "-"),
        1 => format!("{value:.20e}"),
        2 => format!("{value:.1080}"),
        _ => python_repr(value),
    }
}

fn render_string(points: &[u32], dice: &mut Dice) -> String {
    let mut text = String::new();
    for &point in points {
        let plain = char::from_u32(point).filter(|c| *c >= ' ' && !"\"\\".contains(*c));
        match (plain, dice.throw(4)) {
            (_, 0) => text += &unicode_escapes(point),
            (_, 1) => text += &unicode_escapes(point).to_uppercase().replace("\\U", "\\u"),
            (Some('/'), 2) => text += "\\/",
            (Some(character), _) => text.push(character),
            (None, _) => text += inside(&canonical_string(&[point])),
        }
    }
    format!("\"{text}\"")
}

fn unicode_escapes(point: u32) -> String {
    units(point).map(|unit| format!("\\u{unit:04x}")).collect()
}

fn inside(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// Choices that follow from a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "  ", "\n\t", " \r\n "][self.throw(7) as usize]
    }
}

fn points() -> impl Strategy<Value = Vec<u32>> {
    let point = prop_oneof![
        4 => 0x61_u32..0x64,
        2 => 0x00_u32..0x100,
        1 => prop::sample::select(vec![0x22_u32, 0x2f, 0x5c, 0x7f, 0xe9, 0xe000, 0xffff, 0x1f600]),
        1 => 0xd7f0_u32..0xe010,
        1 => 0x100_u32..0x11_0000,
    ];
    vec(point, 0..12).prop_map(joined)
}

/// A high and a low surrogate that stand together are one character.
fn joined(points: Vec<u32>) -> Vec<u32> {
    let mut joined: Vec<u32> = Vec::new();
    for point in points {
        match (joined.last_mut(), point) {
            (Some(high @ 0xd800..0xdc00), 0xdc00..0xe000) => {
                *high = 0x10000 + ((*high - 0xd800) << 10) + (point - 0xdc00);
            }
            _ => joined.push(point),
        }
    }
    joined
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "NaN",
            "Infinity",
            "-Infinity"
        ])
        .prop_map(Model::Word),
        "-?(0|[1-9][0-9]{0,30})".prop_map(Model::Integer),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Model::Float),
        (-1_000_000_000_i64..1_000_000_000).prop_map(|value| Model::Float(value as f64 / 1000.0)),
        points().prop_map(Model::Text),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Model::Array),
            vec((points(), inner), 0..8).prop_map(Model::Object),
        ]
    })
}

fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_171_017),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable(1000))]

    #[test]
    fn any_value_written_in_any_way_comes_out_as_the_model_says(
        model in model(), seed in any::<u64>(),
    ) {
        let source = model.render(&mut Dice(seed));
        let expected = model.canonical();
        prop_assert_eq!(canonical_text(&source), Ok(expected.clone()), "{}", source);
        prop_assert_eq!(canonical_text(&expected), Ok(expected.clone()));
        model.assert_views_agree(expected.as_bytes());
    }

    #[test]
    fn a_prefix_cut_anywhere_asks_for_more_or_gives_the_whole(
        model in model(), seed in any::<u64>(), cut in any::<prop::sample::Index>(),
    ) {
        let source = model.render(&mut Dice(seed)) + "\n";
        let end = source.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let cut = cut.index(source.len());
        let mut out = Vec::new();
        let consumed = canonical_prefix(&source.as_bytes()[..cut], MEBIBYTE, &mut out);
        if cut < end {
            prop_assert_eq!(consumed, Ok(None));
        }
        let consumed = canonical_prefix(source.as_bytes(), MEBIBYTE, &mut out);
        prop_assert_eq!(consumed, Ok(Some(end)));
        prop_assert!(out.ends_with(model.canonical().as_bytes()));
    }

    #[test]
    fn no_bytes_whatever_make_anything_panic(
        bytes in vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(b"{}[]\",:\\ u0-1.eEdD8tI\xc3\xa9".to_vec()),
        ], 0..200),
    ) {
        let mut out = Vec::new();
        let _ = canonical_prefix(&bytes, MEBIBYTE, &mut out);
        for start in 0..bytes.len() {
            let text = &bytes[start..];
            if let Ok(found) = canonical(text, MEBIBYTE) {
                prop_assert_eq!(canonical(&found, MEBIBYTE), Ok(found));
            }
            let _ = (json::string(text), integer(text), is_finite_number(text), member(text, "a"));
            members(text).into_iter().flatten().for_each(drop);
            elements(text).into_iter().flatten().for_each(drop);
        }
        for garbage in [[b"{", bytes.as_slice(), b"}"].concat(), [b"[\"", bytes.as_slice(), b"\"]"].concat()] {
            members(&garbage).into_iter().flatten().for_each(drop);
            elements(&garbage).into_iter().flatten().for_each(drop);
            let _ = json::string(&garbage[1..]);
        }
    }

    #[test]
    fn written_strings_and_floats_are_canonical(points in points(), value in any::<f64>()) {
        let text: String = points.iter().filter_map(|&point| char::from_u32(point)).collect();
        let mut written = Vec::new();
        write_string(&text, &mut written);
        prop_assert_eq!(canonical(&written, MEBIBYTE), Ok(written.clone()));
        prop_assert_eq!(json::string(&written), Some(text));
        let mut written = Vec::new();
        write_float(value, &mut written);
        prop_assert_eq!(canonical(&written, MEBIBYTE), Ok(written));
    }
}
