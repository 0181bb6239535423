//! Sets of fields: what a manager owns, what a write changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element;

/// A set of fields, as a tree by path element.
///
/// Elements are written as in FieldsV1 (`f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`). A field and what is inside it are
/// members each for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether the field that the path leads to is in the set.
    pub(super) member: bool,
    /// What is in the set below it; none of them is empty.
    children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// The field itself, and nothing inside it.
    pub(super) fn leaf() -> Self {
        Self {
            member: true,
            children: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Puts a set below an element that has none yet.
    pub(super) fn put(&mut self, element: String, child: Self) {
        if !child.is_empty() {
            self.children.insert(element, child);
        }
    }

    /// What is below an element.
    pub(super) fn below(&self, element: &str) -> Option<&Self> {
        self.children.get(element)
    }

    /// Takes all away that is below an element.
    pub(super) fn cut(&mut self, element: &str) {
        self.children.remove(element);
    }

    /// Changes what is below an element, if there is anything.
    pub(super) fn change(&mut self, element: &str, change: impl FnOnce(&mut Self)) {
        if let Some(child) = self.children.get_mut(element) {
            change(child);
            if child.is_empty() {
                self.children.remove(element);
            }
        }
    }

    /// All elements with what is below them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children
            .iter()
            .map(|(element, child)| (element.as_str(), child))
    }

    /// Adds what is in the other.
    pub(super) fn unite(&mut self, other: &Self) {
        self.member |= other.member;
        for (element, theirs) in &other.children {
            match self.children.get_mut(element) {
                Some(ours) => ours.unite(theirs),
                None => {
                    self.children.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// Takes away what is in the other; what is inside a field of it stays.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.member &= !other.member;
        for (element, theirs) in &other.children {
            self.change(element, |ours| ours.subtract(theirs));
        }
    }

    /// What is in both.
    pub(super) fn common(&self, other: &Self) -> Self {
        let mut common = Self {
            member: self.member && other.member,
            children: BTreeMap::new(),
        };
        for (element, ours) in &self.children {
            if let Some(theirs) = other.children.get(element) {
                common.put(element.clone(), ours.common(theirs));
            }
        }
        common
    }

    /// The path of each member, for people: `.spec.replicas`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&mut String::new(), &mut paths);
        paths
    }

    fn collect(&self, path: &mut String, paths: &mut Vec<String>) {
        if self.member {
            paths.push(path.clone());
        }
        for (element, child) in &self.children {
            let length = path.len();
            path.push_str(&element::in_words(element));
            child.collect(path, paths);
            path.truncate(length);
        }
    }

    /// The set of a whole object as FieldsV1.
    pub(super) fn into_json(self) -> Value {
        let fields = self.children.into_iter().map(|(element, child)| {
            let is_member = child.member;
            let mut below = child.into_json();
            if let (true, Value::Object(below)) = (is_member, &mut below)
                && !below.is_empty()
            {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (element, below)
        });
        Value::Object(fields.collect())
    }

    /// Reads FieldsV1; `None` if it is none.
    pub(super) fn of_json(fields: &Value) -> Option<Self> {
        let mut set = Self::default();
        for (element, below) in fields.as_object()? {
            if element == "." {
                continue;
            }
            let mut child = Self::of_json(below)?;
            child.member = child.children.is_empty() || below.get(".").is_some();
            set.put(element::canonical(element)?, child);
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(fields: Value) -> FieldSet {
        FieldSet::of_json(&fields).unwrap()
    }

    #[test]
    fn fields_v1_is_read_and_written_as_it_was() {
        let cases = [
            json!({}),
            json!({ "f:spec": { "f:replicas": {} } }),
            json!({ "f:metadata": { "f:labels": { ".": {}, "f:app.io/name": {} } } }),
            json!({ "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:name": {} } } }),
            json!({ "f:finalizers": { "v:\"a/b\"": {} }, "f:list": { "i:0": {} } }),
        ];
        for fields in cases {
            assert_eq!(set(fields.clone()).into_json(), fields);
        }
        let spaced = json!({ "k:{ \"name\" : \"a\" }": {} });
        assert_eq!(set(spaced).into_json(), json!({ "k:{\"name\":\"a\"}": {} }));
        for bad in [
            json!(1),
            json!({ "spec": {} }),
            json!({ "k:[]": {} }),
            json!({ "f:a": 1 }),
            json!({ "i:x": {} }),
        ] {
            assert_eq!(FieldSet::of_json(&bad), None, "{bad}");
        }
    }

    #[test]
    fn sets_are_united_subtracted_and_intersected() {
        let one = set(json!({ "f:a": { ".": {}, "f:b": {}, "f:c": {} }, "f:d": {} }));
        let other = set(json!({ "f:a": { "f:b": {}, "f:x": {} }, "f:d": {}, "f:e": {} }));
        let mut all = one.clone();
        all.unite(&other);
        let united =
            json!({ "f:a": { ".": {}, "f:b": {}, "f:c": {}, "f:x": {} }, "f:d": {}, "f:e": {} });
        assert_eq!(all.into_json(), united);
        let mut rest = one.clone();
        rest.subtract(&other);
        assert_eq!(rest.into_json(), json!({ "f:a": { ".": {}, "f:c": {} } }));
        assert_eq!(
            one.common(&other).into_json(),
            json!({ "f:a": { "f:b": {} }, "f:d": {} })
        );
        // What is inside a field stays when the field goes.
        let mut inside = one.clone();
        inside.subtract(&set(json!({ "f:a": {} })));
        assert_eq!(
            inside.into_json(),
            json!({ "f:a": { "f:b": {}, "f:c": {} }, "f:d": {} })
        );
    }

    #[test]
    fn paths_are_for_people() {
        let fields = json!({
            "f:spec": { "f:replicas": {}, "f:containers": { "k:{\"name\":\"a\"}": { ".": {}, "f:image": {} } } },
            "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": {} },
            "f:finalizers": { "v:\"a/b\"": {} },
            "f:list": { "i:3": {} },
        });
        let paths = set(fields).paths();
        let expected = [
            ".finalizers[=\"a/b\"]",
            ".list[3]",
            ".ports[port=80,protocol=\"TCP\"]",
            ".spec.containers[name=\"a\"]",
            ".spec.containers[name=\"a\"].image",
            ".spec.replicas",
        ];
        assert_eq!(paths, expected);
    }
}
