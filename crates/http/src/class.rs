//! A class that is shown a chain: who takes part, which of its nodes hear each other,
//! what the room is told. Its nodes are ordinary ones and know nothing of it. What is
//! done to them is ordered here and carried out elsewhere, where the keys are.

mod facts;
mod pupils;
mod room;
mod settings;
mod teacher;
mod view;

pub(crate) use pupils::PUPIL_NAME_LIMIT_CHARACTERS;
pub use room::Class;
pub(crate) use room::read_address;
pub use settings::{Cheat, ClassNode, ClassSettings, Deed, Order, Pace};
pub(crate) use teacher::TEACHER_COOKIE;
pub(crate) use view::{ClassView, Lane, LaneBlock, PaymentRow, TreeCell};
