//! What can be set of an experiment, as data: its names, what they mean, their
//! bounds and defaults. The command line and the page are made of it, so that both
//! refuse the same.

use std::collections::BTreeMap;

use crate::run::LabError;

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, as behind `--`.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is if nobody says.
    pub default: &'static str,
    /// What it means, in a sentence.
    pub help: &'static str,
}

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number within bounds.
    Number {
        /// The least that it may be.
        least: f64,
        /// The most.
        most: f64,
    },
    /// A whole number within bounds.
    Whole {
        /// The least that it may be.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A number within bounds, or `none`.
    NumberOrNone {
        /// The least that it may be.
        least: f64,
        /// The most.
        most: f64,
    },
    /// One of some words.
    Word(&'static [&'static str]),
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A whole number.
    Whole(u64),
    /// A word.
    Word(String),
    /// None.
    None,
}

/// A share.
pub const SHARE: Kind = Kind::Number {
    least: 0.0,
    most: 1.0,
};

impl Kind {
    /// What it takes, in words.
    pub fn expected(&self) -> String {
        match self {
            Kind::Number { least, most } => format!("a number from {least} to {most}"),
            Kind::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Kind::NumberOrNone { least, most } => {
                format!("a number from {least} to {most}, or none")
            }
            Kind::Word(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// What to write in its place.
    pub fn placeholder(&self) -> &'static str {
        match self {
            Kind::Number { .. } | Kind::NumberOrNone { .. } => "NUMBER",
            Kind::Whole { .. } => "COUNT",
            Kind::Word(_) => "WORD",
        }
    }

    /// Reads a value; `None` if it is not of that kind, or out of bounds.
    pub fn read(&self, text: &str) -> Option<Value> {
        let number = |least: f64, most: f64| {
            let number: f64 = text.parse().ok()?;
            (least..=most)
                .contains(&number)
                .then_some(Value::Number(number))
        };
        match self {
            Kind::Number { least, most } => number(*least, *most),
            Kind::NumberOrNone { .. } if text == "none" => Some(Value::None),
            Kind::NumberOrNone { least, most } => number(*least, *most),
            Kind::Whole { least, most } => {
                let number: u64 = text.parse().ok()?;
                (*least..=*most)
                    .contains(&number)
                    .then_some(Value::Whole(number))
            }
            Kind::Word(words) => words.contains(&text).then(|| Value::Word(text.to_owned())),
        }
    }
}

/// The settings of an experiment, with their values.
#[derive(Debug, Clone)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Those of `settings`; what is not in `given` is as by default.
    pub fn read(
        settings: &[Setting],
        given: &BTreeMap<String, String>,
    ) -> Result<Values, LabError> {
        let mut values = BTreeMap::new();
        for setting in settings {
            let text = given
                .get(setting.name)
                .map_or(setting.default, String::as_str);
            let value = setting.kind.read(text).ok_or_else(|| LabError::Setting {
                name: setting.name,
                expected: setting.kind.expected(),
                found: text.to_owned(),
            })?;
            values.insert(setting.name, value);
        }
        Ok(Values(values))
    }

    /// A number.
    ///
    /// # Panics
    ///
    /// When there is no such setting: experiments ask for their own.
    pub fn number(&self, name: &str) -> f64 {
        match &self.0[name] {
            Value::Number(number) => *number,
            Value::Whole(number) => *number as f64,
            other => panic!("{name} is no number: {other:?}"),
        }
    }

    /// A number, or none.
    pub fn number_or_none(&self, name: &str) -> Option<f64> {
        match &self.0[name] {
            Value::None => None,
            _ => Some(self.number(name)),
        }
    }

    /// A whole number.
    ///
    /// # Panics
    ///
    /// As `number`.
    pub fn whole(&self, name: &str) -> u64 {
        match &self.0[name] {
            Value::Whole(number) => *number,
            other => panic!("{name} is no whole number: {other:?}"),
        }
    }

    /// A word.
    ///
    /// # Panics
    ///
    /// As `number`.
    pub fn word(&self, name: &str) -> &str {
        match &self.0[name] {
            Value::Word(word) => word,
            other => panic!("{name} is no word: {other:?}"),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}
