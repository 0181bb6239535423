use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// inotify, awaited instead of asked.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: AsyncFd<Descriptor>,
}

impl Watch {
    pub(super) fn new() -> io::Result<Watch> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // SAFETY: `Descriptor` owns the descriptor, which nobody can reach to close it, and always gives the same one.
        #[allow(unsafe_code)]
        let inotify =
            unsafe { AsyncFd::register_with_interest(Descriptor(inotify), Interest::READABLE) }?;
        Ok(Watch { inotify })
    }

    pub(super) fn add(&self, path: &Path, flags: AddWatchFlags) -> io::Result<WatchDescriptor> {
        Ok(self.inotify.get_ref().0.add_watch(path, flags)?)
    }

    /// Ends a watch. One that has ended by itself is fine.
    pub(super) fn remove(&self, watch: WatchDescriptor) {
        let _ = self.inotify.get_ref().0.rm_watch(watch);
    }

    /// Waits for events. Cancel-safe: none are taken before they are returned.
    pub(super) async fn events(&self) -> io::Result<Vec<InotifyEvent>> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let read = ready.try_io(|inotify| match inotify.get_ref().0.read_events() {
                Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
                other => other.map_err(io::Error::from),
            });
            if let Ok(events) = read {
                return events;
            }
        }
    }
}

/// [`AsyncFd`] asks for a raw descriptor, which [`Inotify`] does not give.
#[derive(Debug)]
struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
