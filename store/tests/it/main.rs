//! The store from outside, on a real directory.

mod common;
mod crash;
mod model;
mod reopen;
mod store;
