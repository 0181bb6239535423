//! The store from outside, on a real directory.

mod common;
mod crash;
mod full_disk;
mod history;
mod reopen;
mod store;
