//! What versions of `kubectl` say in words of their own: the one place that knows of it.

use crate::terminal::Terminal;

/// Since which minor version the words hold that the tests expect, those words, and what versions before say.
const BEFORE: &[(u32, &str, &str)] = &[(
    30,
    "Node-Selectors: lives=nowhere",
    "Node-Selector: lives=nowhere",
)];

impl Terminal {
    /// What its `kubectl` says where the newest says `words`.
    pub fn in_its_words(&self, words: &str) -> String {
        let minor = self.kubectl_minor();
        let theirs = BEFORE.iter().filter(|(since, ..)| minor < *since);
        theirs.fold(words.to_owned(), |words, (_, newer, older)| {
            words.replace(newer, older)
        })
    }
}
