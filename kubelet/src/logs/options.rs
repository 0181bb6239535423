use jiff::Timestamp;

/// What to read of a log: the options of `GET …/pods/{name}/log`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogOptions {
    /// Goes on until the container ends.
    pub(crate) follow: bool,
    /// Only the last lines, this many; all if `None`.
    pub(crate) tail_lines: Option<u64>,
    /// Only lines from this time on: `sinceTime`, or now less `sinceSeconds`.
    pub(crate) since: Option<Timestamp>,
    /// Puts the time in front of each line.
    pub(crate) timestamps: bool,
    /// Ends after this many bytes, in the middle of a line if need be.
    pub(crate) limit_bytes: Option<u64>,
    /// Which of the container's outputs.
    pub(crate) streams: LogStreams,
}

/// Which of a container's outputs to read: the option `stream`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogStreams {
    /// Both.
    #[default]
    All,
    /// Standard output alone.
    Stdout,
    /// Standard error alone.
    Stderr,
}
