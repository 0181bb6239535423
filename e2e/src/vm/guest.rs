//! A guest.
/// Guest.
#[derive(Debug)]
pub struct Guest;
