//! A watcher that is left alone and looked at again by what is read: the changes meanwhile must not be lost.

use std::collections::BTreeSet;
use std::pin::pin;
use std::{io, thread};

use anyhow::Result;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::mpsc;

/// Short, so that the watch has ended when it is looked at again.
const WATCH_SECONDS: u32 = 1;

pub(crate) async fn run(client: Client, config: watcher::Config) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let config = config.labels("watched").timeout(WATCH_SECONDS);
    let mut events = pin!(watcher(maps, config).default_backoff());
    let mut commands = commands();
    let mut looks = true;
    let mut cache = Cache::default();
    loop {
        tokio::select! {
            command = commands.recv() => match command.as_deref() {
                Some("stop") => {
                    looks = false;
                    println!("stopped");
                }
                Some(_) => {
                    looks = true;
                    println!("started");
                }
                None => break,
            },
            Some(event) = events.next(), if looks => match event {
                Ok(event) => cache.take(event),
                Err(error) => eprintln!("{error}"),
            },
        }
    }
    println!("knows {}", Vec::from_iter(cache.known).join(" "));
    Ok(())
}

/// The lines that are typed, until their end.
fn commands() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        let mut typed = io::stdin().lines().map_while(Result::ok);
        typed.try_for_each(|line| sender.blocking_send(line))
    });
    lines
}

/// The names of what there is.
#[derive(Default)]
struct Cache {
    known: BTreeSet<String>,
    listed: BTreeSet<String>,
}

impl Cache {
    fn take(&mut self, event: Event<ConfigMap>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(map) => drop(self.listed.insert(map.name_any())),
            Event::InitDone => {
                self.known
                    .difference(&self.listed)
                    .for_each(|gone| println!("deleted {gone}"));
                self.listed
                    .difference(&self.known)
                    .for_each(|new| println!("added {new}"));
                self.known.clone_from(&self.listed);
            }
            Event::Apply(map) => {
                let is_new = self.known.insert(map.name_any());
                println!(
                    "{} {}",
                    if is_new { "added" } else { "changed" },
                    map.name_any()
                );
            }
            Event::Delete(map) => {
                self.known.remove(&map.name_any());
                println!("deleted {}", map.name_any());
            }
        }
    }
}
