//! Lists that merge: scalars as a set, objects by their merge key.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::directives::{self, Directive};
use super::{bad_patch, identity, merge_object, order};
use crate::{Node, NodeType, Status};

/// The list with the patch merged into it, in the order that Kubernetes gives it.
pub(super) fn merge(
    original: Vec<Value>,
    patch: &[Value],
    node: Node<'_>,
) -> Result<Vec<Value>, Status> {
    let merge_key = node.rule().merge_key.as_deref();
    let Some(merge_key) = merge_key else {
        if node
            .items()
            .is_some_and(|items| items.node_type() == NodeType::Object)
        {
            let type_name = node.items().and_then(Node::type_name).unwrap_or_default();
            return Err(bad_patch(format!(
                "cannot merge lists without merge key for {type_name}"
            )));
        }
        let merged = merge_scalars(&original, patch);
        return order::arrange(merged, patch, &original, None);
    };
    let changes = Changes::read(patch, merge_key)?;
    if changes.replace {
        return Ok(changes
            .items
            .into_iter()
            .filter_map(directives::without_in)
            .collect());
    }
    let kept = keep(original, &changes.deleted, merge_key)?;
    let merged = merge_items(kept.clone(), &changes.items, node, merge_key)?;
    order::arrange(merged, &changes.items, &kept, Some(merge_key))
}

fn merge_scalars(original: &[Value], patch: &[Value]) -> Vec<Value> {
    let mut seen = HashSet::new();
    let all = original.iter().chain(patch);
    all.filter(|item| seen.insert(item.to_string()))
        .cloned()
        .collect()
}

/// What the items of a patch say.
struct Changes<'a> {
    /// The whole list is replaced by the items.
    replace: bool,
    /// The items to merge.
    items: Vec<&'a Value>,
    /// The merge keys of the items to take out.
    deleted: HashSet<String>,
}

impl<'a> Changes<'a> {
    fn read(patch: &'a [Value], merge_key: &str) -> Result<Self, Status> {
        let mut changes = Self {
            replace: false,
            items: Vec::new(),
            deleted: HashSet::new(),
        };
        for item in patch {
            match directives::of_item(item)? {
                None => changes.items.push(item),
                Some(Directive::Replace) => changes.replace = true,
                Some(Directive::Delete) => {
                    changes.deleted.insert(identity(item, Some(merge_key))?);
                }
            }
        }
        Ok(changes)
    }
}

fn keep(
    original: Vec<Value>,
    deleted: &HashSet<String>,
    merge_key: &str,
) -> Result<Vec<Value>, Status> {
    let mut kept = Vec::with_capacity(original.len());
    for item in original {
        if !deleted.contains(&identity(&item, Some(merge_key))?) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn merge_items(
    mut merged: Vec<Value>,
    changes: &[&Value],
    node: Node<'_>,
    merge_key: &str,
) -> Result<Vec<Value>, Status> {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (index, item) in merged.iter().enumerate() {
        places
            .entry(identity(item, Some(merge_key))?)
            .or_insert(index);
    }
    for change in changes {
        let key = identity(change, Some(merge_key))?;
        let place = places.get(&key).and_then(|index| merged.get_mut(*index));
        match (place, change) {
            (Some(Value::Object(old)), Value::Object(change)) => {
                *old = merge_object(std::mem::take(old), change, node.items())?;
            }
            _ => {
                places.insert(key, merged.len());
                merged.extend(directives::without_in(change));
            }
        }
    }
    Ok(merged)
}
