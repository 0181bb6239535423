//! Container logs: read, followed and rotated.
//!
//! ```text
//!   container ──► containerd ──► <data_dir>/logs/pods/<ns>_<pod>_<uid>/<container>/<n>.log
//!                     ▲ reopen         │ inotify
//!   rotate_logs ──────┴── rename ──────┤
//!   read_log ◄──── tail, since, follow ┘
//! ```
//!
//! The files are in CRI's format, one line of text each: time, stream, `F` or `P` (the line goes on), content.
//! Nothing here wakes up while containers write nothing.

mod forgotten;
mod line;
mod options;
mod path;
mod printer;
mod reader;
mod rotation;
mod tail;
mod watch;
mod written;

pub(crate) use self::forgotten::remove_forgotten_logs;
pub(crate) use self::options::{LogOptions, LogStreams};
pub(crate) use self::path::{container_log_path, pod_log_dir, pod_logs_dir};
pub(crate) use self::reader::read_log;
pub(crate) use self::rotation::{RotationPolicy, rotate_logs};
pub(crate) use self::tail::last_output;
