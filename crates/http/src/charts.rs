//! Charts as SVG. Only `series` knows what is drawn; where a chart stands is not
//! known here.

mod plot;
mod series;
mod ticks;
mod tree;

pub use plot::{Form, Plot};
pub use series::{Point, SERIES, Series};
pub use ticks::Axis;
pub(crate) use ticks::UNITS;
pub use tree::{Branch, Tree};
