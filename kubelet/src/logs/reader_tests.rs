use std::fs::OpenOptions;
use std::io::Write;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;

use super::*;

type Text = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A log that a container writes.
struct Log {
    dir: tempfile::TempDir,
}

impl Log {
    fn new() -> Log {
        let log = Log {
            dir: tempfile::tempdir().unwrap(),
        };
        log.write("");
        log
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("0.log")
    }

    fn write(&self, raw: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(self.path()).unwrap();
        file.write_all(raw.as_bytes()).unwrap();
    }

    fn line(&self, content: &str) {
        self.write(&format!("2024-05-01T10:00:00Z stdout F {content}\n"));
    }

    async fn read(&self, options: LogOptions, ended: &CancellationToken) -> Text {
        let reading = read_log(self.path(), options, ended.clone());
        Box::pin(reading.await.unwrap())
    }
}

fn following() -> LogOptions {
    LogOptions {
        follow: true,
        ..LogOptions::default()
    }
}

/// The text that comes next: as much as is expected.
async fn expect(text: &mut Text, expected: &str) {
    let mut seen = String::new();
    while seen.len() < expected.len() {
        let piece = timeout(Duration::from_secs(10), text.next()).await;
        let piece = piece.expect("more text").expect("no end yet").unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(seen, expected);
}

async fn expect_end(text: &mut Text) {
    let end = timeout(Duration::from_secs(10), text.next()).await;
    assert!(end.expect("an end").is_none());
}

#[tokio::test]
async fn without_follow_it_ends_where_the_file_ends() {
    let log = Log::new();
    for number in 0..5 {
        log.line(&number.to_string());
    }
    log.write("2024-05-01T10:00:00Z stdout F not yet who");
    let options = LogOptions {
        tail_lines: Some(2),
        ..LogOptions::default()
    };
    let mut text = log.read(options, &CancellationToken::new()).await;
    expect(&mut text, "3\n4\n").await;
    expect_end(&mut text).await;
}

#[tokio::test]
async fn following_shows_lines_as_they_are_written() {
    let log = Log::new();
    let ended = CancellationToken::new();
    let mut text = log.read(following(), &ended).await;
    log.line("one");
    expect(&mut text, "one\n").await;
    log.write("2024-05-01T10:00:01Z stdout F ha");
    log.write("lf\n");
    expect(&mut text, "half\n").await;
}

#[tokio::test]
async fn following_ends_with_the_container_but_not_before_its_last_line() {
    let log = Log::new();
    let ended = CancellationToken::new();
    let mut text = log.read(following(), &ended).await;
    log.line("last words");
    ended.cancel();
    expect(&mut text, "last words\n").await;
    expect_end(&mut text).await;
}

#[tokio::test]
async fn following_goes_on_in_the_new_file_after_a_rotation() {
    let log = Log::new();
    let ended = CancellationToken::new();
    let mut text = log.read(following(), &ended).await;
    log.line("before");
    expect(&mut text, "before\n").await;

    let old = log.dir.path().join("0.log.20240501-100000");
    std::fs::rename(log.path(), &old).unwrap();
    let mut writer = OpenOptions::new().append(true).open(&old).unwrap();
    writer
        .write_all(b"2024-05-01T10:00:00Z stdout F between\n")
        .unwrap();
    log.line("after");
    expect(&mut text, "between\nafter\n").await;
    ended.cancel();
    expect_end(&mut text).await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_passed_over() {
    let log = Log::new();
    log.line(&"x".repeat(LINE_LIMIT_BYTES));
    log.line("after");
    let mut text = log
        .read(LogOptions::default(), &CancellationToken::new())
        .await;
    expect(&mut text, "after\n").await;
    expect_end(&mut text).await;
}

#[tokio::test]
async fn a_log_that_is_not_there_is_an_error() {
    let path = PathBuf::from("/nonexistent/0.log");
    let outcome = read_log(path, LogOptions::default(), CancellationToken::new()).await;
    assert_eq!(outcome.err().unwrap().kind(), io::ErrorKind::NotFound);
}
