//! What can be done to the node, whoever asks for it: one function a command,
//! which says what came of it in its own type. What the core decides, it decides
//! behind the handle; how an answer is sent is not known here.

pub(crate) mod mine;
pub(crate) mod peers;
pub(crate) mod rewind;
pub(crate) mod submit;
pub(crate) mod submit_block;
