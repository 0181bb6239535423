use jiff::Timestamp;

/// What to read of a log: the options of `GET …/pods/{name}/log`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Goes on until the container ends.
    pub follow: bool,
    /// Only the last lines, this many; all if `None`.
    pub tail_lines: Option<u64>,
    /// Only lines from this time on: `sinceTime`, or now less `sinceSeconds`.
    pub since: Option<Timestamp>,
    /// Puts the time in front of each line.
    pub timestamps: bool,
    /// Ends after this many bytes, in the middle of a line if need be.
    pub limit_bytes: Option<u64>,
    /// Which of the container's outputs.
    pub streams: LogStreams,
}

/// Which of a container's outputs to read: the option `stream`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogStreams {
    /// Both.
    #[default]
    All,
    /// Standard output alone.
    Stdout,
    /// Standard error alone.
    Stderr,
}
