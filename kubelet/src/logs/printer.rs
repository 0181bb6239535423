//! From lines of the file to what the user sees: pure, but for what it remembers from line to line.

use jiff::Timestamp;

use super::line::{Line, Stream, parse};
use super::{LogOptions, LogStreams};

/// Prints the lines of a log that the options ask for.
#[derive(Debug)]
pub(super) struct Printer {
    since: Option<Timestamp>,
    timestamps: bool,
    streams: LogStreams,
    /// How many bytes may still be printed.
    left_bytes: u64,
    /// What is printed next begins a line, and so with the time.
    at_line_start: bool,
}

impl Printer {
    pub(super) fn new(options: &LogOptions) -> Printer {
        Printer {
            since: options.since,
            timestamps: options.timestamps,
            streams: options.streams,
            left_bytes: options.limit_bytes.unwrap_or(u64::MAX),
            at_line_start: true,
        }
    }

    /// Nothing more will be printed.
    pub(super) fn is_done(&self) -> bool {
        self.left_bytes == 0
    }

    /// Prints a line of the file, given without its newline; what is not in CRI's format is left out.
    pub(super) fn print(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let Some(line) = parse(raw).filter(|line| self.wants(line)) else {
            return;
        };
        if self.timestamps && self.at_line_start {
            self.put(nine_decimals(line.timestamp).as_bytes(), out);
            self.put(b" ", out);
        }
        self.put(line.content, out);
        if !line.partial {
            self.put(b"\n", out);
        }
        self.at_line_start = !line.partial;
    }

    fn wants(&mut self, line: &Line<'_>) -> bool {
        let stream = match self.streams {
            LogStreams::All => true,
            LogStreams::Stdout => line.stream == Stream::Stdout,
            LogStreams::Stderr => line.stream == Stream::Stderr,
        };
        stream && self.is_recent(line)
    }

    /// Lines are in the order of time: after the first that is recent enough, all are.
    fn is_recent(&mut self, line: &Line<'_>) -> bool {
        let Some(since) = self.since else { return true };
        let recent = line
            .timestamp
            .parse::<Timestamp>()
            .is_ok_and(|at| at >= since);
        if recent {
            self.since = None;
        }
        recent
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let left = usize::try_from(self.left_bytes).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(left)];
        out.extend_from_slice(bytes);
        self.left_bytes -= bytes.len() as u64;
    }
}

/// The time with all nine decimals, as the real kubelet prints it; containerd leaves zeros at the end out.
fn nine_decimals(timestamp: &str) -> String {
    let zone_at = timestamp
        .char_indices()
        .skip("2016-10-06T".len())
        .find(|(_, char)| matches!(char, 'Z' | '+' | '-'))
        .map_or(timestamp.len(), |(at, _)| at);
    let (time, zone) = timestamp.split_at(zone_at);
    let (seconds, decimals) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{decimals:0<9}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[&str] = &[
        "2024-05-01T10:00:00.1Z stdout F one",
        "2024-05-01T10:00:01Z stderr F two",
        "not of the format",
        "2024-05-01T10:00:02.000000002Z stdout P thr",
        "2024-05-01T10:00:03Z stdout F ee",
    ];

    fn printed(options: &LogOptions) -> String {
        let mut printer = Printer::new(options);
        let mut out = Vec::new();
        for line in LOG {
            printer.print(line.as_bytes(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn options_choose_what_is_printed() {
        let all = LogOptions::default();
        let since = Some("2024-05-01T10:00:01Z".parse().unwrap());
        for (options, expected) in [
            (all.clone(), "one\ntwo\nthree\n"),
            (
                LogOptions {
                    timestamps: true,
                    ..all.clone()
                },
                "2024-05-01T10:00:00.100000000Z one\n\
                 2024-05-01T10:00:01.000000000Z two\n\
                 2024-05-01T10:00:02.000000002Z three\n",
            ),
            (
                LogOptions {
                    since,
                    ..all.clone()
                },
                "two\nthree\n",
            ),
            (
                LogOptions {
                    limit_bytes: Some(6),
                    ..all.clone()
                },
                "one\ntw",
            ),
            (
                LogOptions {
                    limit_bytes: Some(0),
                    ..all.clone()
                },
                "",
            ),
            (
                LogOptions {
                    streams: LogStreams::Stderr,
                    ..all.clone()
                },
                "two\n",
            ),
            (
                LogOptions {
                    streams: LogStreams::Stdout,
                    ..all
                },
                "one\nthree\n",
            ),
        ] {
            assert_eq!(printed(&options), expected, "{options:?}");
        }
    }

    #[test]
    fn times_of_other_zones_keep_them() {
        for (time, full) in [
            (
                "2024-05-01T10:00:00.5+02:00",
                "2024-05-01T10:00:00.500000000+02:00",
            ),
            (
                "2024-05-01T10:00:00-07:00",
                "2024-05-01T10:00:00.000000000-07:00",
            ),
            (
                "2024-05-01T10:00:00.123456789Z",
                "2024-05-01T10:00:00.123456789Z",
            ),
        ] {
            assert_eq!(nine_decimals(time), full);
        }
    }
}
