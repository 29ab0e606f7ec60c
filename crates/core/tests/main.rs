//! What the core promises, one module a subject.

mod json;
