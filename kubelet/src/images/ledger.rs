//! Which images are there since when, when each was last used, and which are to go: pure.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::runtime::PAUSE_IMAGE;
use crate::runtime::cri::Image;

/// Of the disk, so much may be in use: the kubelet's `imageGCHighThresholdPercent` and `imageGCLowThresholdPercent`.
const HIGH_PERCENT: u64 = 85;
const LOW_PERCENT: u64 = 80;
/// A share of a large disk is more than images need: while so much is free, none goes.
const ENOUGH_BYTES: u64 = 10 << 30;
/// An image that came a moment ago is about to be used: `imageMinimumGCAge`.
const MIN_AGE: SignedDuration = SignedDuration::from_mins(2);

/// How many bytes are to be freed, if the disk is too full.
pub(super) fn excess_bytes(capacity: u64, available: u64) -> Option<u64> {
    let used = capacity.saturating_sub(available);
    let is_full = capacity > 0 && used.saturating_mul(100) >= capacity.saturating_mul(HIGH_PERCENT);
    (is_full && available < ENOUGH_BYTES).then(|| used - capacity / 100 * LOW_PERCENT)
}

/// What is known of the node's images, by id.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    bytes: u64,
    detected: Timestamp,
    /// `None` if it was never seen in use.
    last_used: Option<Timestamp>,
    is_used: bool,
}

impl Ledger {
    /// Takes in what there is now. `used` has ids and references of images that containers were made from.
    pub(super) fn note(&mut self, images: &[Image], used: &HashSet<&str>, now: Timestamp) {
        let removable = images.iter().filter(|image| !is_kept(image));
        let mut known = std::mem::take(&mut self.0);
        for image in removable {
            let before = known.remove(&image.id);
            let names = image.repo_digests.iter().chain(&image.repo_tags);
            let is_used = names
                .chain([&image.id])
                .any(|name| used.contains(name.as_str()));
            let entry = Entry {
                bytes: image.size,
                detected: before.as_ref().map_or(now, |before| before.detected),
                last_used: match is_used {
                    true => Some(now),
                    false => before.and_then(|before| before.last_used),
                },
                is_used,
            };
            self.0.insert(image.id.clone(), entry);
        }
    }

    /// The images to remove so that so many bytes are freed, with their sizes; fewer bytes if there are no more.
    pub(super) fn to_remove(&self, bytes: u64, now: Timestamp) -> Vec<(String, u64)> {
        let is_old = |entry: &Entry| now.duration_since(entry.detected) >= MIN_AGE;
        let unused = self.0.iter().filter(|(_, one)| !one.is_used && is_old(one));
        let mut candidates: Vec<(&String, &Entry)> = unused.collect();
        candidates.sort_by_key(|(_, one)| (one.last_used, one.detected));
        let mut freed = 0_u64;
        let needed = candidates.into_iter().take_while(|(_, one)| {
            let is_needed = freed < bytes;
            freed = freed.saturating_add(one.bytes);
            is_needed
        });
        needed.map(|(id, one)| (id.clone(), one.bytes)).collect()
    }
}

/// The image of sandboxes is used by what is no container.
fn is_kept(image: &Image) -> bool {
    image.pinned || image.repo_tags.iter().any(|tag| tag == PAUSE_IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, bytes: u64) -> Image {
        Image {
            id: id.to_owned(),
            repo_tags: vec![format!("docker.io/library/{id}:1")],
            repo_digests: vec![format!("docker.io/library/{id}@sha256:{id}")],
            size: bytes,
            ..Image::default()
        }
    }

    fn minutes(count: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(count)
    }

    #[test]
    fn a_full_disk_is_emptied_to_the_lower_threshold() {
        for (capacity, available, expected) in [
            (1000, 160, None),
            (1000, 150, Some(50)),
            (1000, 0, Some(200)),
            (0, 0, None),
        ] {
            assert_eq!(
                excess_bytes(capacity, available),
                expected,
                "{available} left"
            );
        }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_used_stays() {
        let all = [
            image("a", 10),
            image("b", 10),
            image("c", 10),
            image("d", 10),
        ];
        let mut ledger = Ledger::default();
        let use_of =
            |names: &[&'static str]| -> HashSet<&'static str> { names.iter().copied().collect() };
        ledger.note(
            &all,
            &use_of(&["docker.io/library/a@sha256:a", "b"]),
            minutes(0),
        );
        ledger.note(
            &all,
            &use_of(&["docker.io/library/a@sha256:a", "d"]),
            minutes(5),
        );
        ledger.note(
            &all,
            &use_of(&["docker.io/library/a@sha256:a"]),
            minutes(10),
        );
        let going = |bytes| -> Vec<String> {
            let going = ledger.to_remove(bytes, minutes(10)).into_iter();
            going.map(|(id, _)| id).collect()
        };
        assert_eq!(going(1), ["c"]);
        assert_eq!(going(11), ["c", "b"]);
        assert_eq!(going(1000), ["c", "b", "d"]);
    }

    #[test]
    fn what_came_a_moment_ago_and_the_pause_image_stay() {
        let mut pause = image("pause", 1);
        pause.repo_tags = vec![PAUSE_IMAGE.to_owned()];
        let pinned = Image {
            pinned: true,
            ..image("pinned", 1)
        };
        let mut ledger = Ledger::default();
        ledger.note(
            &[pause, pinned, image("new", 1)],
            &HashSet::new(),
            minutes(0),
        );
        assert_eq!(ledger.to_remove(9, minutes(1)), []);
        assert_eq!(ledger.to_remove(9, minutes(2)), [("new".to_owned(), 1)]);
        ledger.note(&[], &HashSet::new(), minutes(3));
        assert_eq!(ledger.to_remove(9, minutes(9)), []);
    }
}
