//! What the store promises, one module a subject. Real files in temporary
//! folders; blocks made by the tutorial's rules, without solving puzzles.

mod crash;
mod damage;
mod index;
mod locking;
mod order;
mod pending;
mod reading;
mod staging;
mod world;
