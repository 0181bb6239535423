//! Selectors of labels and of fields.

use std::collections::BTreeMap;

use skiff_api::{FieldSelector, Selector};

pub(crate) fn selectors(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(selector) = Selector::parse(text) {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        // Whether everything is selected is one question, asked in two ways.
        if selector.is_everything() {
            assert!(selector.matches(&labels), "{text:?}");
        }
        let again = Selector::parse(&selector.to_string());
        assert_eq!(again.ok(), Some(selector), "{text:?}");
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let is_selected = selector.matches(|_| None);
        assert!(is_selected || !selector.is_everything(), "{text:?}");
    }
}
