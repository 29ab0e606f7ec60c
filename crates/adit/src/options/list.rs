//! Several values in one option, separated by commas. Blanks and empty places
//! are what people leave between them. What is listed is not known here.

use std::str::FromStr;

/// What one option, or one variable, lists.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<List<T>, T::Err> {
        let parts = text.split(',').map(str::trim);
        let given = parts.filter(|part| !part.is_empty());
        given.map(str::parse).collect::<Result<_, _>>().map(List)
    }
}

impl<T> List<T> {
    /// A list of one.
    pub(crate) fn of(one: T) -> List<T> {
        List(vec![one])
    }
}

/// Everything that is listed by an option that was given several times.
pub(crate) fn all_of<T: Clone>(lists: &[List<T>]) -> Vec<T> {
    lists.iter().flat_map(|list| &list.0).cloned().collect()
}
