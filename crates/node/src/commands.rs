//! What can be done to the node, whoever asks for it: one function a command,
//! which says what came of it in its own type. What the core decides, it decides
//! behind the handle; how an answer is sent is not known here.

pub mod mine;
pub mod peers;
pub mod rewind;
pub mod submit;
pub mod submit_block;
