//! What users are told on the standard output.

/// Prints a line. That nobody reads it any more, as after `skiff status | head -1`, ends nothing.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}
