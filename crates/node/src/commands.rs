//! What can be done to the node, no matter who asks: one function for each
//! command, which returns what came of it in a type of its own. What the core
//! decides, it decides behind the handle; how an answer is sent is not known here.

pub mod development;
pub mod mine;
pub mod peers;
pub mod saved_state;
pub mod submit;
pub mod submit_block;
