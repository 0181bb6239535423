/// The stream that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// One line of a log file in CRI's format.
///
/// <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// RFC 3339 with up to nine decimals: `2016-10-06T00:17:09.669794202Z`.
    pub(super) timestamp: &'a str,
    pub(super) stream: Stream,
    /// The container's line goes on in the next line of the file.
    pub(super) partial: bool,
    pub(super) content: &'a [u8],
}

/// Reads a line without its newline; `None` if it is not in the format.
pub(super) fn parse(raw: &[u8]) -> Option<Line<'_>> {
    let mut fields = raw.splitn(4, |byte| *byte == b' ');
    let timestamp = std::str::from_utf8(fields.next()?).ok()?;
    let stream = match fields.next()? {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    // Tags are separated by colons; the first one says whether the line is whole.
    let partial = match fields.next()?.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Line {
        timestamp,
        stream,
        partial,
        content: fields.next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_format_are_read() {
        let line = |stream, partial, content| Line {
            timestamp: "2016-10-06T00:17:09.669794202Z",
            stream,
            partial,
            content,
        };
        for (rest, expected) in [
            (
                "stdout F a log",
                line(Stream::Stdout, false, b"a log".as_slice()),
            ),
            ("stderr P part", line(Stream::Stderr, true, b"part")),
            (
                "stdout F:x:y  two spaces",
                line(Stream::Stdout, false, b" two spaces"),
            ),
            ("stdout F ", line(Stream::Stdout, false, b"")),
            ("stdout F", line(Stream::Stdout, false, b"")),
        ] {
            let raw = format!("2016-10-06T00:17:09.669794202Z {rest}");
            assert_eq!(parse(raw.as_bytes()), Some(expected), "{rest}");
        }
    }

    #[test]
    fn other_lines_are_not() {
        for raw in [
            "",
            "time",
            "time stdin F x",
            "time stdout X x",
            "time stdout",
        ] {
            assert_eq!(parse(raw.as_bytes()), None, "{raw}");
        }
        assert_eq!(parse(b"\xff stdout F x"), None);
    }
}
