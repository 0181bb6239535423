//! The end of a log, found from its end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::LogOptions;
use super::printer::Printer;

const BLOCK_BYTES: u64 = 16 << 10;

/// Where the last `lines` lines of the file begin. Lines are those of the file, as the real kubelet counts. Blocks.
pub(super) fn offset_of_last(file: &mut File, lines: u64) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut block_end = end;
    let mut newlines_left = lines;
    let mut block = Vec::new();
    while block_end > 0 {
        let start = block_end.saturating_sub(BLOCK_BYTES);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(block_end - start).read_to_end(&mut block)?;
        for (at, _) in block
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'\n')
        {
            // Each newline ends a line; the one before the first line that is wanted is one more than there are lines.
            if newlines_left == 0 {
                return Ok(start + at as u64 + 1);
            }
            newlines_left -= 1;
        }
        block_end = start;
    }
    Ok(if lines == 0 { end } else { 0 })
}

/// The last output of a container, for the termination message of `FallbackToLogsOnError`: at most
/// `max_lines` lines and `max_bytes` bytes (2,048 and 80 in Kubernetes). Blocks.
pub(crate) fn last_output(path: &Path, max_lines: u64, max_bytes: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let offset = offset_of_last(&mut file, max_lines)?;
    file.seek(SeekFrom::Start(offset))?;
    // A line of the file is at most 16 KiB and some; without a bound a broken file could be anything.
    let mut raw = Vec::new();
    file.take(max_lines.saturating_mul(17 << 10).min(4 << 20))
        .read_to_end(&mut raw)?;

    let mut printer = Printer::new(&LogOptions::default());
    let mut out = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        printer.print(line, &mut out);
    }
    let start = out.len().saturating_sub(max_bytes);
    Ok(String::from_utf8_lossy(&out[start..]).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        for (content, lines, offset) in [
            ("a\nb\nc\n", 0, 6),
            ("a\nb\nc\n", 1, 4),
            ("a\nb\nc\n", 2, 2),
            ("a\nb\nc\n", 3, 0),
            ("a\nb\nc\n", 9, 0),
            ("", 3, 0),
            ("\n\n\n", 2, 1),
        ] {
            let found = offset_of_last(&mut file_of(content.as_bytes()), lines).unwrap();
            assert_eq!(found, offset, "{content:?} {lines}");
        }
    }

    #[test]
    fn lines_longer_than_a_block_are_found_too() {
        let long = usize::try_from(BLOCK_BYTES).unwrap() * 2 + 5;
        let content = format!("first\n{}\nlast\n", "x".repeat(long));
        let found = offset_of_last(&mut file_of(content.as_bytes()), 2).unwrap();
        assert_eq!(found, 6);
    }

    #[test]
    fn the_last_output_is_cut_in_front() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let lines: String = (0..100)
            .map(|number| format!("2024-05-01T10:00:00Z stdout F line {number}\n"))
            .collect();
        std::fs::write(&path, lines).unwrap();
        assert_eq!(last_output(&path, 2, 2048).unwrap(), "line 98\nline 99\n");
        assert_eq!(last_output(&path, 80, 8).unwrap(), "line 99\n");
        assert!(
            last_output(&path, 80, 2048)
                .unwrap()
                .starts_with("line 20\n")
        );
    }
}
