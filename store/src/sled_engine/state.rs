//! What is written down beside the log: the format's version, and where the history stands.

use std::path::Path;

use super::{engine, sled_error};
use crate::{EngineError, OpenError, Position, Revision};

/// The version of the layout that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// Outside of the log's prefix, and the same in every version to come.
const FORMAT: &[u8] = b"format";
const STATE: &[u8] = b"state";

/// Where the history stands. Between two writes of it the log itself tells the newest revision.
pub(super) struct State {
    pub(super) position: Position,
    /// Whether nothing was written after this.
    pub(super) clean: bool,
}

impl State {
    /// Reads the state after checking that the data is of this version; writes that of an empty store where there
    /// is nothing yet.
    pub(super) fn load(db: &sled::Db, dir: &Path) -> Result<Self, OpenError> {
        let read = |key| {
            db.get(key)
                .map_err(sled_error("read its state"))
                .map_err(engine)
        };
        match read(FORMAT)? {
            Some(version) if *version == *FORMAT_VERSION.to_string().as_bytes() => {
                let state = read(STATE)?;
                Self::decode(state.as_deref()).map_err(engine)
            }
            Some(version) => Err(OpenError::Version {
                dir: dir.into(),
                found: version.escape_ascii().to_string(),
                supported: FORMAT_VERSION,
            }),
            None if db.is_empty() && db.tree_names().len() == 1 => {
                let empty = Self::empty();
                let mut batch = sled::Batch::default();
                batch.insert(FORMAT, FORMAT_VERSION.to_string().as_bytes());
                empty.write(&mut batch);
                let written = db.apply_batch(batch);
                written
                    .map_err(sled_error("write its state"))
                    .map_err(engine)?;
                Ok(empty)
            }
            None => Err(OpenError::Foreign { dir: dir.into() }),
        }
    }

    /// Adds the state to what is written.
    pub(super) fn write(&self, batch: &mut sled::Batch) {
        let Position { oldest, revision } = self.position;
        let mut bytes = Vec::with_capacity(17);
        bytes.extend(revision.0.to_be_bytes());
        bytes.extend(oldest.0.to_be_bytes());
        bytes.push(u8::from(self.clean));
        batch.insert(STATE, bytes);
    }

    fn decode(bytes: Option<&[u8]>) -> Result<Self, EngineError> {
        let bytes: Option<[u8; 17]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let Some([head @ .., clean]) = bytes else {
            return Err(EngineError::Record {
                key: STATE.escape_ascii().to_string(),
                problem: "it is missing or has a wrong length",
            });
        };
        let (revision, oldest) = head.split_at(8);
        let number = |bytes: &[u8]| Revision(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        let position = Position {
            oldest: number(oldest),
            revision: number(revision),
        };
        let clean = clean == 1;
        Ok(Self { position, clean })
    }

    fn empty() -> Self {
        let position = Position {
            oldest: Revision::FIRST,
            revision: Revision::FIRST,
        };
        let clean = true;
        Self { position, clean }
    }
}
