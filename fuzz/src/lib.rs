//! What skiff reads from strangers, fed with anything: nothing may panic, and what is accepted keeps its promises.
//!
//! Each target takes bytes. `cargo test` feeds it its folder in `corpus/`; `make fuzz` lets libFuzzer look for more
//! (`libfuzzer/`), and what it finds becomes a file of the corpus.

mod bodies;
mod custom;
mod patches;
mod selectors;
mod streams;
mod texts;
mod tokens;

/// A target's name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; each has a folder of its name in `corpus/`.
pub const TARGETS: [Target; 8] = [
    ("continue_tokens", tokens::continue_tokens),
    ("custom_resources", custom::custom_resources),
    ("json_bodies", bodies::json),
    ("patches", patches::patches),
    ("protobuf_bodies", bodies::protobuf),
    ("selectors", selectors::selectors),
    ("spdy_frames", streams::spdy_frames),
    ("texts", texts::texts),
];

/// Feeds the target of that name.
///
/// # Panics
/// If there is none, and with what the target finds.
pub fn feed(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, feed) = found.expect("a target of that name");
    feed(bytes);
}
