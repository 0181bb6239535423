//! The order of a merged list: what the patch names keeps the patch's order, the rest keeps the server's.

use std::borrow::Borrow;
use std::collections::HashMap;

use serde_json::Value;

use super::directives::{self, Directive};
use super::{bad_patch, identity};
use crate::Status;

/// The first place of each item of a list.
struct Places(HashMap<String, usize>);

impl Places {
    fn of(list: &[impl Borrow<Value>], merge_key: Option<&str>) -> Result<Self, Status> {
        let mut places = HashMap::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            places
                .entry(identity(item.borrow(), merge_key)?)
                .or_insert(index);
        }
        Ok(Self(places))
    }
}

/// An item with its places in the two orders.
struct Placed {
    item: Value,
    patch: Option<usize>,
    server: Option<usize>,
}

/// Puts items into order: those of `patch_order` in its order, the others in that of `server_order`, and an item of
/// the others before one of the patch only if the server has them that way around.
pub(super) fn arrange(
    items: Vec<Value>,
    patch_order: &[impl Borrow<Value>],
    server_order: &[Value],
    merge_key: Option<&str>,
) -> Result<Vec<Value>, Status> {
    let (patch, server) = (
        Places::of(patch_order, merge_key)?,
        Places::of(server_order, merge_key)?,
    );
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in items {
        let key = identity(&item, merge_key)?;
        let placed = Placed {
            item,
            patch: patch.0.get(&key).copied(),
            server: server.0.get(&key).copied(),
        };
        if placed.patch.is_some() {
            named.push(placed)
        } else {
            others.push(placed)
        }
    }
    named.sort_by_key(|placed| placed.patch);
    others.sort_by_key(|placed| placed.server);
    Ok(interleave(named, others))
}

fn interleave(named: Vec<Placed>, others: Vec<Placed>) -> Vec<Value> {
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    loop {
        let other_first = match (named.peek(), others.peek()) {
            (None, None) => return arranged,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(named), Some(other)) => named
                .server
                .zip(other.server)
                .is_some_and(|(named, other)| other < named),
        };
        let next = if other_first {
            others.next()
        } else {
            named.next()
        };
        arranged.extend(next.map(|placed| placed.item));
    }
}

/// Refuses a patch whose items contradict its own `$setElementOrder`.
pub(super) fn validate(
    patch: &[Value],
    order: &[Value],
    merge_key: Option<&str>,
) -> Result<(), Status> {
    let places = Places::of(order, merge_key)?;
    let mut last = 0;
    for item in patch {
        if directives::of_item(item)? == Some(Directive::Delete) {
            continue;
        }
        match places.0.get(&identity(item, merge_key)?) {
            Some(place) if *place >= last => last = *place,
            _ => {
                let (patch, order) = (Value::from(patch), Value::from(order));
                return Err(bad_patch(format!(
                    "The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n"
                )));
            }
        }
    }
    Ok(())
}
