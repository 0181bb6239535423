//! Virtual machines for what the host's kernel cannot show: IPVS, and the loss of power.
//!
//! ```text
//!   debs ──► Kernel, QEMU ─┐
//!   files ──► Initrd ──────┼──► Machine ──► console lines, power cut
//!   PowerCutDisk (NBD) ────┘       └─ tap on a TestNet ──► a shell over TCP, and a node of a cluster
//! ```

mod disk;
mod guest;
mod initrd;
mod machine;
mod nbd;
mod parts;
mod root;

pub use disk::PowerCutDisk;
pub use guest::Guest;
pub use initrd::Initrd;
pub use machine::{Machine, Setup};
