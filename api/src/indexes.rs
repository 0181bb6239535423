//! Sets of completion indexes in the text form of Jobs, `1,3-5,7`
//! (batch/v1 `JobStatus.completedIndexes`, `SuccessPolicyRule.succeededIndexes`).

use std::fmt;

/// Completion indexes as increasing intervals, so that a hundred thousand of them stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexSet(Vec<(u32, u32)>);

impl IndexSet {
    /// Parses increasing intervals; none if the text is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = Self::default();
        if text.is_empty() {
            return Some(set);
        }
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            let follows = set.0.last().is_none_or(|(_, before)| first > *before);
            if first > last || !follows {
                return None;
            }
            set.push(first, last);
        }
        Some(set)
    }

    /// Whether the index is in the set.
    pub fn contains(&self, index: u32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= index);
        after > 0 && self.0[after - 1].1 >= index
    }

    /// How many indexes there are.
    pub fn count(&self) -> usize {
        let sizes = self
            .0
            .iter()
            .map(|(first, last)| (last - first) as usize + 1);
        sizes.sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All indexes, increasing.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Those below `end`.
    pub fn below(&self, end: u32) -> Self {
        let kept = self.0.iter().filter(|(first, _)| *first < end);
        Self(
            kept.map(|(first, last)| (*first, (*last).min(end - 1)))
                .collect(),
        )
    }

    /// The greatest index.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|(_, last)| *last)
    }

    /// Those in either set.
    pub fn union(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_unstable();
        let mut union = Self::default();
        all.into_iter()
            .for_each(|(first, last)| union.push(first, last));
        union
    }

    /// How many are in both sets.
    pub fn count_common(&self, other: &Self) -> usize {
        self.0
            .iter()
            .flat_map(|(first, last)| {
                other
                    .0
                    .iter()
                    .map(move |(a, b)| (first.max(a), last.min(b)))
            })
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| (last - first) as usize + 1)
            .sum()
    }

    /// The least index that is in both sets.
    pub fn first_common(&self, other: &Self) -> Option<u32> {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((first, last)), Some((a, b))) = (ours.peek(), theirs.peek()) {
            if first.max(a) <= last.min(b) {
                return Some(*first.max(a));
            }
            match last < b {
                true => ours.next(),
                false => theirs.next(),
            };
        }
        None
    }

    /// Adds an interval that begins no earlier than the last one.
    fn push(&mut self, first: u32, last: u32) {
        match self.0.last_mut() {
            Some((_, before)) if first <= before.saturating_add(1) => *before = last.max(*before),
            _ => self.0.push((first, last)),
        }
    }
}

impl FromIterator<u32> for IndexSet {
    fn from_iter<I: IntoIterator<Item = u32>>(indexes: I) -> Self {
        let mut sorted: Vec<u32> = indexes.into_iter().collect();
        sorted.sort_unstable();
        let mut set = Self::default();
        sorted.into_iter().for_each(|index| set.push(index, index));
        set
    }
}

impl fmt::Display for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            match last - first {
                0 => write!(f, "{first}")?,
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_are_an_interval() {
        let set: IndexSet = [7, 1, 4, 3, 5, 9, 10].into_iter().collect();
        assert_eq!(set.to_string(), "1,3-5,7,9,10");
        assert_eq!(IndexSet::parse("1,3-5,7,9,10"), Some(set.clone()));
        assert_eq!((set.count(), set.last()), (7, Some(10)));
        assert!(set.contains(4) && !set.contains(6) && !set.contains(0));
        assert_eq!(set.below(5).to_string(), "1,3,4");
    }

    #[test]
    fn sets_meet() {
        let set = |text: &str| IndexSet::parse(text).unwrap();
        assert_eq!(set("0-3,8").union(&set("2-5,7")).to_string(), "0-5,7,8");
        assert_eq!(set("0-3,8").count_common(&set("2-5,8")), 3);
    }

    #[test]
    fn what_is_no_set() {
        for text in ["1,", "a", "3-1", "5,1", "1-", "-1", "1,1"] {
            assert_eq!(IndexSet::parse(text), None, "{text}");
        }
    }
}
