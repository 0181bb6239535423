//! The store from outside, on a real directory.

mod bed;
mod common;
mod crash;
mod etcd;
mod etcd_tls;
mod full_disk;
mod history;
mod members;
mod reopen;
mod store;
