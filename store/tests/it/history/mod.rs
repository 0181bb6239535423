//! Random histories, done to the store and to a model that is too simple to be wrong.

mod crowd;
mod model;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Builder;
use world::World;

use crate::bed::Bed;

const KEYS: [&str; 6] = ["/a/1", "/a/1/x", "/a/2", "/b/1", "/b/2", "/c"];
const PREFIXES: [&str; 4] = ["/", "/a/", "/a/1", "/b/"];
/// Small, so that histories run over it.
const HISTORY: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Write>),
    Compact {
        back: u64,
    },
    Watch {
        prefix: usize,
        back: u64,
    },
    /// Reads what the watches have, and compares an old snapshot.
    Read {
        back: u64,
    },
    Reopen {
        clean: bool,
    },
}

#[derive(Clone, Debug)]
struct Write {
    key: usize,
    /// The value's size; `None` deletes.
    size: Option<usize>,
    guard: Guard,
}

#[derive(Clone, Copy, Debug)]
enum Guard {
    None,
    Absent,
    Present,
    /// At the key's revision, plus this.
    At(u64),
}

fn write() -> impl Strategy<Value = Write> {
    let size = prop_oneof![
        4 => (0usize..40).prop_map(Some),
        1 => (10_000usize..200_000).prop_map(Some),
        2 => Just(None),
    ];
    let guard = prop_oneof![
        3 => Just(Guard::None),
        1 => Just(Guard::Absent),
        1 => Just(Guard::Present),
        2 => (0u64..2).prop_map(Guard::At),
    ];
    (0..KEYS.len(), size, guard).prop_map(|(key, size, guard)| Write { key, size, guard })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(write(), 1..4).prop_map(Step::Commit),
        1 => (0u64..10).prop_map(|back| Step::Compact { back }),
        3 => (0..PREFIXES.len(), 0u64..15).prop_map(|(prefix, back)| Step::Watch { prefix, back }),
        3 => (0u64..15).prop_map(|back| Step::Read { back }),
        1 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(&Bed::sled(), String::new(), &steps));
    }
}

#[test]
fn a_store_on_etcd_does_what_the_model_does() {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let bed = Bed::etcd();
    let worlds = AtomicUsize::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let lived = runner.run(&prop::collection::vec(step(), 1..60), |steps| {
        let number = worlds.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(live(&bed, format!("/world/{number}"), &steps));
        Ok(())
    });
    lived.unwrap();
}

async fn live(bed: &Bed, prefix: String, steps: &[Step]) {
    let mut world = World::new(bed, prefix).await;
    for step in steps {
        world.step(step).await;
    }
}
