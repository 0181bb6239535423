//! Every order in which commits, compaction and readers can meet, done to the hub, where they do meet: a watch has no gap
//! and no repeat that its reader is not told of, and an old snapshot is the table as it was.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::{
    Change, Entry, History, Key, Options, Record, Revision, Snapshot, Value, Watch, WatchEnd,
    hub::Hub, window::Window,
};

const PREFIX: &str = "/k/";
/// The commits in their order: keys, and whether they are put or deleted. One of them is nobody's here.
const COMMITS: [&[(&str, bool)]; 4] = [
    &[("/k/a", true)],
    &[("/z", true)],
    &[("/k/a", true), ("/k/b", true)],
    &[("/k/a", false)],
];

/// Calls `visit` with every order of turns, of which each actor has so many.
fn every_order(turns: &mut [usize], order: &mut Vec<usize>, visit: &mut dyn FnMut(&[usize])) {
    if turns.iter().all(|left| *left == 0) {
        return visit(order);
    }
    for actor in 0..turns.len() {
        if turns[actor] > 0 {
            turns[actor] -= 1;
            order.push(actor);
            every_order(turns, order, visit);
            order.pop();
            turns[actor] += 1;
        }
    }
}

struct World {
    hub: Arc<Hub>,
    committed: usize,
    compacted: usize,
    /// All that happened under the prefix.
    history: Vec<(Revision, String)>,
    /// The table after each commit, by revision.
    tables: BTreeMap<Revision, Vec<String>>,
}

impl World {
    fn new() -> Self {
        let empty = Snapshot::empty(Revision::FIRST);
        let window = Window::new(Revision::FIRST, History::default());
        let options = Options {
            // A second delivery that nobody has read is one too many.
            watch_backlog_bytes: 1,
            ..Options::default()
        };
        Self {
            tables: BTreeMap::from([(Revision::FIRST, listed(&empty))]),
            hub: Arc::new(Hub::new(empty, window, options)),
            committed: 0,
            compacted: 0,
            history: Vec::new(),
        }
    }

    fn commit(&mut self) {
        let mut table = self.hub.snapshot();
        let revision = table.revision().next();
        let mut changes = Vec::new();
        for (name, is_put) in COMMITS[self.committed] {
            let key = Key::new(*name).unwrap();
            let record = if *is_put {
                Record::Put(Entry::new(key, &Value::plain("v"), revision, revision))
            } else {
                Record::Delete { key, revision }
            };
            changes.push(Arc::new(table.apply(record).unwrap()));
        }
        self.committed += 1;
        let ours = changes.iter().map(|change| (revision, line(change)));
        self.history
            .extend(ours.filter(|(_, line)| line.starts_with(PREFIX)));
        self.tables.insert(revision, listed(&table));
        self.hub.publish(table, &changes);
    }

    /// First all but the newest is forgotten, then all.
    fn compact(&mut self) {
        let newest = self.hub.revision().0;
        let up_to = if self.compacted == 0 {
            newest - 1
        } else {
            newest
        };
        self.compacted += 1;
        self.hub.forget(Revision(up_to));
    }

    /// What happened under the prefix after one revision, up to another.
    fn between(&self, after: Revision, up_to: Revision) -> Vec<&str> {
        let within = |at: Revision| after < at && at <= up_to;
        let lines = self.history.iter().filter(|(at, _)| within(*at));
        lines.map(|(_, line)| line.as_str()).collect()
    }
}

fn line(change: &Change) -> String {
    let was = change.previous().map(|previous| previous.revision.0);
    format!("{} {} {was:?}", change.key(), change.revision())
}

fn listed(snapshot: &Snapshot) -> Vec<String> {
    let entries = snapshot.range("", None);
    entries
        .map(|entry| format!("{} {}", entry.key, entry.revision))
        .collect()
}

/// Somebody who watches, and comes again when he is cut.
struct Reader {
    watch: Option<Watch>,
    /// From where on he has seen everything.
    after: Revision,
    seen: Vec<String>,
}

impl Reader {
    fn new() -> Self {
        Self {
            watch: None,
            after: Revision::FIRST,
            seen: Vec::new(),
        }
    }

    fn turn(&mut self, world: &World) {
        match &self.watch {
            None => self.watch_after(self.after, world),
            Some(_) => self.read(world),
        }
    }

    /// Watches on after a revision; if that is forgotten he is told, and begins with what is there now.
    fn watch_after(&mut self, known: Revision, world: &World) {
        let watch = Watch::new(&world.hub, PREFIX, known).unwrap_or_else(|gone| {
            assert!(known < gone.oldest, "{known} is still held: {gone}");
            self.seen.clear();
            self.after = world.hub.snapshot().revision();
            Watch::new(&world.hub, PREFIX, self.after).unwrap()
        });
        self.watch = Some(watch);
    }

    /// Reads all that has come, and knows then exactly what happened up to where the watch says that it is.
    fn read(&mut self, world: &World) {
        while let Some(watch) = &mut self.watch {
            let polled = pin!(watch.next()).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Ok(changes)) = polled {
                self.seen.extend(changes.iter().map(|change| line(change)));
                continue;
            }
            let reached = watch.revision();
            assert_eq!(self.seen, world.between(self.after, reached));
            match polled {
                Poll::Ready(end) => {
                    assert_eq!(end, Err(WatchEnd::Lagged));
                    self.watch_after(reached, world);
                }
                Poll::Pending => {
                    assert_eq!(reached, world.hub.revision(), "all that there is was read");
                    return;
                }
            }
        }
    }
}

#[test]
fn a_watch_is_the_history_in_every_order() {
    let mut orders = 0;
    every_order(
        &mut [COMMITS.len(), 2, 3, 2],
        &mut Vec::new(),
        &mut |order| {
            let mut world = World::new();
            let (mut late, mut slow) = (Reader::new(), Reader::new());
            slow.turn(&world);
            for actor in order {
                match actor {
                    0 => world.commit(),
                    1 => world.compact(),
                    2 => late.turn(&world),
                    _ => slow.turn(&world),
                }
            }
            late.read(&world);
            slow.read(&world);
            orders += 1;
        },
    );
    assert_eq!(orders, 69_300);
}

#[test]
fn an_old_snapshot_is_the_table_as_it_was_in_every_order() {
    every_order(&mut [COMMITS.len(), 2, 3], &mut Vec::new(), &mut |order| {
        let mut world = World::new();
        let mut listed_at = None;
        for actor in order {
            match actor {
                0 => world.commit(),
                1 => world.compact(),
                _ => {
                    let at = *listed_at.get_or_insert(world.hub.revision());
                    match world.hub.snapshot_at(at) {
                        Ok(snapshot) => assert_eq!(listed(&snapshot), world.tables[&at]),
                        Err(gone) => assert!(at < gone.oldest, "{at} is still held: {gone}"),
                    }
                }
            }
        }
    });
}
