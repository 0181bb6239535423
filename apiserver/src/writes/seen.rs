//! Objects in the versions of those who own their fields. The rules of ownership are pure and webhooks are not: what the
//! rules ask for and is not there yet is noted, asked for, and then they begin again.

use parking_lot::Mutex;
use serde_json::Value;
use skiff_api::managed::{Version, Versions};
use skiff_api::{Schema, Status};

use super::Writes;

/// More rounds than this no write takes: the versions of a kind are few.
const ROUNDS: usize = 32;

/// The conversions of one write.
#[derive(Default)]
pub(super) struct Seen(Mutex<Conversions>);

#[derive(Default)]
struct Conversions {
    known: Vec<(Wanted, Value)>,
    wanted: Vec<Wanted>,
}

/// An object, and the version that it is wanted in.
#[derive(Clone, PartialEq)]
struct Wanted(Value, String);

impl Seen {
    fn find(&self, object: &Value, api_version: &str) -> Option<Value> {
        let mut conversions = self.0.lock();
        let wanted = Wanted(object.clone(), api_version.to_owned());
        let known = conversions.known.iter().find(|(known, _)| *known == wanted);
        if let Some((_, converted)) = known {
            return Some(converted.clone());
        }
        conversions.wanted.push(wanted);
        None
    }

    fn take_wanted(&self) -> Vec<Wanted> {
        std::mem::take(&mut self.0.lock().wanted)
    }

    fn know(&self, wanted: Wanted, converted: Value) {
        self.0.lock().known.push((wanted, converted));
    }
}

impl Writes<'_> {
    /// Does what needs objects in other versions, again until they are all there.
    pub(super) async fn settled<T>(
        &self,
        mut work: impl FnMut() -> Result<T, Status> + Send,
    ) -> Result<T, Status> {
        for _ in 0..ROUNDS {
            let done = work();
            let wanted = self.seen.take_wanted();
            if wanted.is_empty() {
                return done;
            }
            for wanted in wanted {
                let Wanted(object, version) = wanted.clone();
                let converted = self
                    .storage
                    .versions
                    .converted(vec![object], &version)
                    .await?;
                if let Some(converted) = converted.into_iter().next() {
                    self.seen.know(wanted, converted);
                }
            }
        }
        Err(Status::internal("the owners of fields cannot be told"))
    }

    fn schema_in(&self, api_version: &str) -> Option<Schema> {
        let (group, version) = api_version.split_once('/')?;
        let plural = &self.descriptor.plural;
        self.api.kinds.get(group, version, plural)?.schema()
    }
}

/// Built-in kinds have the same fields in all versions that they are written in.
impl Versions for Writes<'_> {
    fn of(&self, api_version: &str) -> Version {
        let custom = self.descriptor.strategy.custom();
        if custom.is_none_or(|custom| custom.api_version() == api_version) {
            return Version::Alike;
        }
        self.schema_in(api_version)
            .map_or(Version::Gone, Version::Other)
    }

    fn converted(&self, object: &Value, api_version: &str) -> Option<Value> {
        self.seen.find(object, api_version)
    }
}
