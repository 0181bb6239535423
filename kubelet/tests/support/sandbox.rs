use std::process::Command;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Runs a test in network and mount namespaces of its own: what it does to either ends with it.
pub(crate) fn in_namespaces<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let name = thread::current()
        .name()
        .unwrap_or("test")
        .replace("::", "-");
    let thread = thread::Builder::new().name(name).spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("be root");
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.expect("iproute2 is installed").success());
        // All on this one thread: only it is in the namespaces, with what it starts.
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    });
    if let Err(panic) = thread.expect("start a thread").join() {
        std::panic::resume_unwind(panic);
    }
}
