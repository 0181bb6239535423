//! A machine beside the node, at the other end of a cable of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use super::ip;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace that a thread holds; it ends with this.
pub(super) struct Beside(mpsc::Sender<Job>);

impl Beside {
    /// A machine with the address `own`, whose default route leads over the cable to the node's address `node`.
    pub(super) fn new(node: &str, own: &str) -> Self {
        static CABLES: AtomicU32 = AtomicU32::new(0);
        let cable = CABLES.fetch_add(1, Ordering::Relaxed);
        let (near, far) = (format!("near{cable}"), format!("far{cable}"));
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("needs root");
            tell.send(nix::unistd::gettid()).expect("told");
            todo.into_iter().for_each(|job| job());
        });
        let thread = told.recv().expect("a namespace");
        ip(&format!(
            "link add {near} type veth peer name {far} netns {thread}"
        ));
        ip(&format!("addr add {node}/24 dev {near}"));
        ip(&format!("link set {near} up"));
        let beside = Self(jobs);
        let lines = [
            "link set lo up".to_owned(),
            format!("addr add {own}/24 dev {far}"),
            format!("link set {far} up"),
            format!("route add default via {node}"),
        ];
        beside.run(move || lines.iter().for_each(|line| ip(line)));
        beside
    }

    /// Does something there.
    pub(super) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        let job = move || drop(done.send(job()));
        self.0.send(Box::new(job)).expect("it lives");
        result.recv().expect("done")
    }
}

/// Tells each who connects the address that it is seen with.
pub(super) fn tell_peers(at: &str) {
    let listener = TcpListener::bind(at).expect("listen");
    std::thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let _ = write!(stream, "{}", peer.ip());
        }
    });
}

/// What is told at an address.
pub(super) fn asked(address: &str) -> String {
    let address = address.parse().expect("an address");
    let mut stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("connected");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("told");
    told
}

/// Whether somebody answers at an address soon.
pub(super) fn answers(address: &str) -> bool {
    let address = address.parse().expect("an address");
    TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok()
}
