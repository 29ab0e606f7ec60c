//! Charts as SVG. Only `series` knows what is drawn; where a chart stands is not
//! known here.

mod plot;
mod series;
mod ticks;

pub use plot::{Form, Plot};
pub use series::{Point, SERIES, Series, Wanted};
pub use ticks::Axis;
pub(crate) use ticks::UNITS;
