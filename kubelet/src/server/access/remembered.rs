//! What the API server answered, each answer for a while.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// No more than so many answers are kept.
const LIMIT: usize = 1000;

/// A question, as its digest: questions have any length, and tokens are better not kept.
type Key = [u8; 32];

/// The answers to questions that were asked not long ago.
pub(super) struct Remembered<V> {
    answers: Mutex<HashMap<Key, Answer<V>>>,
}

struct Answer<V> {
    value: V,
    until: Instant,
}

impl<V: Clone> Remembered<V> {
    pub(super) fn new() -> Self {
        Self {
            answers: Mutex::default(),
        }
    }

    /// The answer to this question, if it still holds.
    pub(super) fn get(&self, question: &[u8]) -> Option<V> {
        let answers = self.answers.lock();
        let answer = answers.get(&key(question))?;
        (Instant::now() < answer.until).then(|| answer.value.clone())
    }

    /// Keeps an answer for so long, or until there are too many that hold longer.
    pub(super) fn put(&self, question: &[u8], value: V, lasting: Duration) {
        let now = Instant::now();
        let mut answers = self.answers.lock();
        answers.retain(|_, answer| now < answer.until);
        if answers.len() >= LIMIT {
            let first = answers.iter().min_by_key(|(_, answer)| answer.until);
            if let Some(first) = first.map(|(key, _)| *key) {
                answers.remove(&first);
            }
        }
        let until = now + lasting;
        answers.insert(key(question), Answer { value, until });
    }
}

fn key(question: &[u8]) -> Key {
    Sha256::digest(question).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_its_time() {
        let remembered = Remembered::new();
        assert_eq!(remembered.get(b"a"), None);
        remembered.put(b"a", true, Duration::from_secs(300));
        remembered.put(b"b", false, Duration::from_secs(30));
        advance(Duration::from_secs(29)).await;
        assert_eq!(remembered.get(b"b"), Some(false));
        advance(Duration::from_secs(1)).await;
        assert_eq!(remembered.get(b"b"), None);
        assert_eq!(remembered.get(b"a"), Some(true));
        advance(Duration::from_secs(270)).await;
        assert_eq!(remembered.get(b"a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_one_that_ends_first_goes() {
        let remembered = Remembered::new();
        remembered.put(b"short", 0, Duration::from_secs(10));
        for number in 1..=LIMIT {
            let question = number.to_string();
            remembered.put(question.as_bytes(), number, Duration::from_secs(60));
        }
        assert_eq!(remembered.answers.lock().len(), LIMIT);
        assert_eq!(remembered.get(b"short"), None);
        assert_eq!(remembered.get(b"1"), Some(1));

        advance(Duration::from_secs(60)).await;
        remembered.put(b"new", 0, Duration::from_secs(60));
        assert_eq!(remembered.answers.lock().len(), 1);
    }
}
