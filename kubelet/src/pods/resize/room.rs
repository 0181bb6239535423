//! What the node has for Pods, and what each was granted of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Refusal;
use super::amounts::{Amounts, judge};
use super::order::Rank;
use crate::pods::object;

/// The room of the node.
#[derive(Debug)]
pub(crate) struct Room {
    all: Amounts,
    /// By the uids of Pods.
    held: Mutex<HashMap<String, Held>>,
    /// Whether all Pods of the node are in it. Told anew when a Pod has left, or has less.
    freed: watch::Sender<bool>,
}

/// The part of one Pod; it is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    uid: String,
}

/// What one Pod has, and what it waits for.
#[derive(Debug)]
struct Held {
    amounts: Amounts,
    wish: Option<(Rank, Amounts)>,
}

impl Room {
    /// The room of a node that has so much for Pods; it is closed.
    pub(crate) fn new(allocatable: &BTreeMap<String, ApiQuantity>) -> Self {
        Self {
            all: Amounts::of_node(allocatable),
            held: Mutex::default(),
            freed: watch::Sender::new(false),
        }
    }

    /// Takes in a Pod that is bound to the node: what it was granted, and what it wants.
    pub(crate) fn enter(self: &Arc<Self>, granted: &Pod, wanted: &Pod) -> Place {
        let uid = object::uid(granted).to_owned();
        let (amounts, wish) = (Amounts::of(granted), Amounts::of(wanted));
        let rank = Rank::of(wanted, Timestamp::now());
        let held = Held {
            amounts,
            wish: (wish != amounts).then_some((rank, wish)),
        };
        self.held.lock().insert(uid.clone(), held);
        Place {
            room: self.clone(),
            uid,
        }
    }

    /// All Pods of the node are in it: what they want can be judged.
    pub(crate) fn open(&self) {
        self.freed.send_replace(true);
    }

    /// Whether it was opened.
    pub(crate) fn is_open(&self) -> bool {
        *self.freed.borrow()
    }

    /// Tells when there may be more room.
    pub(crate) fn freed(&self) -> watch::Receiver<bool> {
        self.freed.subscribe()
    }

    /// Has all look again whether there is room for what they want.
    fn tell(&self) {
        self.freed.send_modify(|_| {});
    }
}

impl Place {
    /// Grants the Pod what it asks for now, after those that wait and come before it.
    ///
    /// # Errors
    /// If the node does not have it; then the Pod waits, and all stays as it was.
    pub(crate) fn resize(&self, pod: &Pod) -> Result<(), Refusal> {
        let (rank, wanted) = (Rank::of(pod, Timestamp::now()), Amounts::of(pod));
        let mut held = self.room.held.lock();
        let Some(own) = held.get_mut(&self.uid) else {
            return Ok(());
        };
        let before = own.wish.map(|(rank, _)| rank);
        own.wish = Some((rank.waiting_since(before), wanted));
        let has_changed = settle(self.room.all, &mut held);
        let refusal = refusal(self.room.all, &held, &self.uid);
        drop(held);
        if has_changed {
            self.room.tell();
        }
        refusal.map_or(Ok(()), Err)
    }

    /// The Pod wants nothing but what it was granted: it does not wait any more, and what was kept for it is free.
    pub(crate) fn withdraw(&self, granted: &Pod) {
        let amounts = Amounts::of(granted);
        let mut held = self.room.held.lock();
        let own = held.get_mut(&self.uid);
        let before = own.map(|own| {
            own.wish = None;
            std::mem::replace(&mut own.amounts, amounts)
        });
        drop(held);
        if before.is_some_and(|before| before != amounts) {
            self.room.tell();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.held.lock().remove(&self.uid);
        self.room.tell();
    }
}

/// Grants all that wait what there is room for, one after the other: those first that give something back. Says whether any
/// has something else now.
fn settle(all: Amounts, held: &mut HashMap<String, Held>) -> bool {
    let waiting = held.iter().filter_map(|(uid, one)| {
        let (rank, wanted) = one.wish?;
        Some((!wanted.is_within(one.amounts), rank, uid.clone()))
    });
    let mut waiting: Vec<_> = waiting.collect();
    waiting.sort();
    let mut has_changed = false;
    for (_, _, uid) in waiting {
        if refusal(all, held, &uid).is_none()
            && let Some(one) = held.get_mut(&uid)
            && let Some((_, wanted)) = one.wish.take()
        {
            has_changed |= one.amounts != wanted;
            one.amounts = wanted;
        }
    }
    has_changed
}

/// Why a Pod does not get what it waits for, if so.
fn refusal(all: Amounts, held: &HashMap<String, Held>, uid: &str) -> Option<Refusal> {
    let own = held.get(uid)?;
    let (_, wanted) = own.wish?;
    if wanted.is_within(own.amounts) {
        return None;
    }
    let others = held.iter().filter(|(other, _)| *other != uid);
    let used = others.fold(Amounts::default(), |sum, (_, one)| sum.and(one.amounts));
    judge(all, used, wanted).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::resize::RefusalKind;
    use serde_json::json;

    fn pod(uid: &str, cpu: &str, memory: &str) -> Pod {
        let requests = json!({"cpu": cpu, "memory": memory});
        let pod = json!({
            "metadata": {"uid": uid},
            "spec": {"containers": [{"name": "a", "resources": {"requests": requests}}]},
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    fn room() -> Arc<Room> {
        let of = |name: &str, amount: &str| (name.to_owned(), ApiQuantity(amount.to_owned()));
        Arc::new(Room::new(&[of("cpu", "4"), of("memory", "4Gi")].into()))
    }

    fn enter(room: &Arc<Room>, uid: &str, cpu: &str) -> Place {
        let pod = pod(uid, cpu, "1Gi");
        room.enter(&pod, &pod)
    }

    #[test]
    fn a_pod_gets_what_the_node_has() {
        let room = room();
        let (web, _other) = (enter(&room, "web", "1"), enter(&room, "other", "2"));
        let (deferred, infeasible) = (RefusalKind::Deferred, RefusalKind::Infeasible);
        for (cpu, memory, expected) in [
            ("2", "3Gi", None),
            (
                "2500m",
                "1Gi",
                Some((
                    deferred,
                    "Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000",
                )),
            ),
            (
                "5",
                "1Gi",
                Some((
                    infeasible,
                    "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
                )),
            ),
            (
                "5",
                "4500Mi",
                Some((
                    infeasible,
                    "Node didn't have enough capacity: memory, requested: 4718592000, capacity: 4294967296",
                )),
            ),
        ] {
            let refusal = web.resize(&pod("web", cpu, memory)).err();
            let refusal = refusal.map(|refusal| (refusal.kind, refusal.message));
            let expected = expected.map(|(kind, message)| (kind, message.to_owned()));
            assert_eq!(refusal, expected, "{cpu} {memory}");
        }
    }

    #[test]
    fn more_than_can_be_counted_is_refused() {
        let mut two = pod("web", "1", "10P");
        let containers = &mut two.spec.as_mut().expect("a spec").containers;
        containers.extend(pod("", "1", "64Mi").spec.expect("a spec").containers);
        let web = enter(&room(), "web", "1");
        let refusal = web.resize(&two).expect_err("too much");
        assert_eq!(refusal.kind, RefusalKind::Infeasible);
    }

    #[test]
    fn room_is_closed_until_all_pods_are_in_it() {
        let room = room();
        let freed = room.freed();
        drop(enter(&room, "web", "1"));
        assert!(freed.has_changed().expect("a room") && !room.is_open());
        room.open();
        drop(enter(&room, "web", "1"));
        assert!(room.is_open());
    }

    #[test]
    fn room_is_free_when_a_pod_has_left() {
        let room = room();
        let web = enter(&room, "web", "1");
        let other = enter(&room, "other", "3");
        let freed = room.freed();
        assert!(web.resize(&pod("web", "2", "1Gi")).is_err());
        assert!(!freed.has_changed().expect("a room"));
        drop(other);
        assert!(freed.has_changed().expect("a room"));
        assert!(web.resize(&pod("web", "2", "1Gi")).is_ok());
    }

    /// With a priority.
    fn important(uid: &str, cpu: &str, priority: i32) -> Pod {
        let mut pod = pod(uid, cpu, "64Mi");
        pod.spec.as_mut().expect("a spec").priority = Some(priority);
        pod
    }

    #[test]
    fn whoever_asks_first_the_more_important_one_gets_it() {
        let room = room();
        let enter = |uid: &str, priority| {
            let granted = important(uid, "500m", priority);
            room.enter(&granted, &granted)
        };
        let (low, high, small) = (enter("low", 0), enter("high", 10), enter("small", 0));
        let other = enter("other", 0);
        let ask = |place: &Place, cpu: &str, priority| {
            place
                .resize(&important("", cpu, priority))
                .map_err(|refusal| refusal.kind)
        };
        let deferred = Err(RefusalKind::Deferred);
        assert_eq!(ask(&other, "2500m", 0), Ok(()));
        assert_eq!(ask(&low, "1500m", 0), deferred);
        assert_eq!(ask(&high, "3", 10), deferred);
        assert_eq!(ask(&small, "500m", 0), Ok(()), "what fits waits for nobody");
        drop(other);
        assert_eq!(
            ask(&low, "1500m", 0),
            deferred,
            "3 and a half are left for the first"
        );
        assert_eq!(ask(&high, "3", 10), Ok(()));
        assert_eq!(ask(&high, "1", 10), Ok(()));
        assert_eq!(ask(&low, "1500m", 0), Ok(()));
    }

    #[test]
    fn those_that_gave_up_are_not_waited_for() {
        let room = room();
        let (low, high) = (enter(&room, "low", "1"), enter(&room, "high", "3"));
        let wanted = important("high", "5", 10);
        assert!(high.resize(&wanted).is_err());
        high.withdraw(&pod("high", "3", "1Gi"));
        assert!(low.resize(&pod("low", "2", "1Gi")).is_err());
        high.withdraw(&pod("high", "2", "1Gi"));
        assert!(low.resize(&pod("low", "2", "1Gi")).is_ok());
    }

    #[test]
    fn what_was_wanted_before_a_restart_is_known_when_the_room_opens() {
        let room = room();
        let (granted, wanted) = (important("high", "1", 10), important("high", "3", 10));
        let high = room.enter(&granted, &wanted);
        let low = enter(&room, "low", "1");
        assert!(low.resize(&important("low", "2", 0)).is_err());
        assert!(high.resize(&wanted).is_ok());
    }
}
