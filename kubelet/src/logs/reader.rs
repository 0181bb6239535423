//! Reads a log file, and follows it through rotations until its container ends.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use nix::sys::inotify::AddWatchFlags;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::sync::CancellationToken;

use super::LogOptions;
use super::printer::Printer;
use super::tail::offset_of_last;
use super::watch::Watch;

const READ_BYTES: usize = 64 << 10;
/// containerd cuts lines at 16 KiB. What is longer than this is no log, and is passed over.
const LINE_LIMIT_BYTES: usize = 1 << 20;

/// The text of the log at `path`, in pieces of about 64 KiB, each ready when there is something to show.
///
/// With [`LogOptions::follow`] it goes on until `ended`, which is to be cancelled once the container has ended (its log is
/// complete by then); otherwise `ended` is not looked at. Fails at the start if there is no such file.
pub(crate) async fn read_log(
    path: PathBuf,
    options: LogOptions,
    ended: CancellationToken,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
    let reader = Reader::open(path, &options, ended).await?;
    Ok(stream::try_unfold(reader, |mut reader| async move {
        let piece = reader.next().await?;
        Ok(piece.map(|piece| (piece, reader)))
    })
    .into_stream())
}

struct Reader {
    path: PathBuf,
    file: File,
    /// Which file it is, to notice that the path leads to another one.
    inode: u64,
    /// A line without its end so far.
    unfinished: Vec<u8>,
    /// The unfinished line is too long and left out.
    skipping: bool,
    printer: Printer,
    follow: Option<Follow>,
}

struct Follow {
    changes: Watch,
    ended: CancellationToken,
    /// All of the log is written: the next end of the file is the end.
    complete: bool,
    /// The path leads to a new file: the next end of this one is its end.
    rotated: bool,
}

impl Reader {
    async fn open(
        path: PathBuf,
        options: &LogOptions,
        ended: CancellationToken,
    ) -> io::Result<Reader> {
        // Watched before it is read: what comes in between is seen.
        let follow = match options.follow {
            true => Some(Follow::start(&path, ended)?),
            false => None,
        };
        let mut file = File::open(&path).await?;
        let inode = file.metadata().await?.ino();
        if let Some(lines) = options.tail_lines {
            file = seek_to_last(file, lines).await?;
        }
        Ok(Reader {
            path,
            file,
            inode,
            unfinished: Vec::new(),
            skipping: false,
            printer: Printer::new(options),
            follow,
        })
    }

    /// The next piece of text; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut buffer = vec![0; READ_BYTES];
        while !self.printer.is_done() {
            let count = self.file.read(&mut buffer).await?;
            if count == 0 {
                if self.wait_for_more().await? {
                    continue;
                }
                return Ok(None);
            }
            let mut text = Vec::new();
            self.take(&buffer[..count], &mut text);
            if !text.is_empty() {
                return Ok(Some(text.into()));
            }
        }
        Ok(None)
    }

    /// Prints the lines that these bytes complete.
    fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (part, complete) = match part.strip_suffix(b"\n") {
                Some(rest) => (rest, true),
                None => (part, false),
            };
            if self.unfinished.len() + part.len() > LINE_LIMIT_BYTES {
                self.unfinished.clear();
                self.skipping = true;
            } else if !self.skipping {
                self.unfinished.extend_from_slice(part);
            }
            if complete {
                if !self.skipping {
                    self.printer.print(&self.unfinished, text);
                }
                self.unfinished.clear();
                self.skipping = false;
            }
        }
    }

    /// At the end of the file: returns whether it is worth reading again, after waiting if need be.
    async fn wait_for_more(&mut self) -> io::Result<bool> {
        let Some(follow) = &mut self.follow else {
            return Ok(false);
        };
        if follow.rotated {
            follow.rotated = false;
            self.file = File::open(&self.path).await?;
            self.inode = self.file.metadata().await?.ino();
            return Ok(true);
        }
        if leads_elsewhere(&self.path, self.inode).await {
            // What was written to the old file before it was left may not have been read yet.
            follow.rotated = true;
            return Ok(true);
        }
        if follow.complete {
            return Ok(false);
        }
        // Both are cancel-safe: an event that is not taken stays.
        tokio::select! {
            () = follow.ended.cancelled() => follow.complete = true,
            events = follow.changes.events() => drop(events?),
        }
        Ok(true)
    }
}

impl Follow {
    fn start(path: &Path, ended: CancellationToken) -> io::Result<Follow> {
        let changes = Watch::new()?;
        let flags =
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        changes.add(path.parent().unwrap_or(Path::new("/")), flags)?;
        Ok(Follow {
            changes,
            ended,
            complete: false,
            rotated: false,
        })
    }
}

/// Between the rename and the new file, the path leads nowhere: that is no other file yet.
async fn leads_elsewhere(path: &Path, inode: u64) -> bool {
    fs::metadata(path)
        .await
        .is_ok_and(|there| there.ino() != inode)
}

async fn seek_to_last(file: File, lines: u64) -> io::Result<File> {
    let mut blocking = file.into_std().await;
    let (blocking, offset) = tokio::task::spawn_blocking(move || {
        offset_of_last(&mut blocking, lines).map(|offset| (blocking, offset))
    })
    .await
    .map_err(io::Error::other)??;
    let mut file = File::from_std(blocking);
    file.seek(SeekFrom::Start(offset)).await?;
    Ok(file)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
