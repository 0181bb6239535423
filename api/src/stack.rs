//! A deep stack: parser and evaluator go down into an expression, in the debug build by a hundred kilobytes a level.

use std::thread;

/// For an expression whose depth nobody has measured, parsed or evaluated.
pub(crate) const OF_ANY_DEPTH: usize = 512 << 20;
/// For evaluating one that is known to be no deeper than it may be.
pub(crate) const OF_KNOWN_DEPTH: usize = 64 << 20;

/// Does some work on a stack of that many bytes, which takes memory only as far as it is used. What gives up by a panic, as
/// the evaluator does in some corners, is an error like others.
pub(crate) fn on_a_stack<T: Send>(
    bytes: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, String> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(bytes);
        let worker = builder.spawn_scoped(scope, work);
        let done = worker
            .map_err(|error| format!("no thread: {error}"))?
            .join();
        done.map_err(|_| "internal error of the evaluator".to_owned())
    })
}
