//! What users are told on the standard output.

/// Prints a line. That nobody reads it any more, as after `skiff status | head -1`, ends nothing.
///
/// # Panics
/// If it cannot be written for any other reason, as to a full disk.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        match writeln!(std::io::stdout(), $($words)*) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                panic!("cannot print: {error}")
            }
            _ => {}
        }
    }};
}
