//! The options of a request: meta/v1 ListOptions, CreateOptions, DeleteOptions.

use std::time::Duration;

use serde_json::Value;
use skiff_api::Status;
use skiff_api::field::{Error, Path};

use super::Query;
use super::manager::options_kind;

/// How a list's resource version is meant (`resourceVersionMatch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    /// As it was at that version.
    Exact,
    /// As it is now; it must have come that far.
    NotOlderThan,
}

/// What a list or a watch is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    /// The most items of one answer; 0 for all.
    pub(crate) limit: usize,
    pub(crate) continue_token: Option<String>,
    /// `None` when not given; 0 means any.
    pub(crate) resource_version: Option<u64>,
    pub(crate) version_match: Option<VersionMatch>,
    pub(crate) allow_bookmarks: bool,
    pub(crate) send_initial_events: Option<bool>,
    /// `None` when not given, or 0.
    pub(crate) timeout: Option<Duration>,
}

impl ListOptions {
    /// Reads them from a query.
    pub(crate) fn read(query: &Query) -> Result<Self, Status> {
        let options = Self {
            label_selector: query.get("labelSelector").unwrap_or_default().to_owned(),
            field_selector: query.get("fieldSelector").unwrap_or_default().to_owned(),
            limit: number(query, "limit")?.unwrap_or(0),
            continue_token: query.get("continue").map(str::to_owned),
            resource_version: resource_version(query)?,
            version_match: version_match(query)?,
            allow_bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query
                .get("sendInitialEvents")
                .map(|_| query.flag("sendInitialEvents")),
            timeout: number(query, "timeoutSeconds")?
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
        };
        options.check(query.flag("watch"))?;
        Ok(options)
    }

    fn check(&self, watch: bool) -> Result<(), Status> {
        let forbidden = |why: &str| Err(Status::bad_request(why));
        if self.send_initial_events.is_some() && !watch {
            return forbidden(
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
            );
        }
        if self.send_initial_events.is_some()
            && self.version_match != Some(VersionMatch::NotOlderThan)
        {
            return forbidden(
                "sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            );
        }
        if self.continue_token.is_some() && !watch {
            if self.version_match.is_some() {
                return forbidden(
                    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
                );
            }
            if self.resource_version.is_some_and(|version| version > 0) {
                return forbidden("specifying resource version is not allowed when using continue");
            }
        }
        if self.version_match.is_some() && self.send_initial_events.is_none() {
            if watch {
                return forbidden(
                    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                );
            }
            if self.resource_version.is_none() {
                return forbidden(
                    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                );
            }
        }
        if self.version_match == Some(VersionMatch::Exact) && self.resource_version == Some(0) {
            return forbidden(
                "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
            );
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(query: &Query, name: &str) -> Result<Option<T>, Status> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        Status::bad_request(format!(
            "strconv.ParseInt: parsing {text:?}: invalid syntax: the value of {name} must be a number"
        ))
    })
}

/// The resource version from which on to read; `None` when not given, and 0 means any.
pub(crate) fn resource_version(query: &Query) -> Result<Option<u64>, Status> {
    let Some(text) = query.get("resourceVersion") else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        Status::bad_request(format!(
            "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    })
}

fn version_match(query: &Query) -> Result<Option<VersionMatch>, Status> {
    match query.get("resourceVersionMatch") {
        None => Ok(None),
        Some("Exact") => Ok(Some(VersionMatch::Exact)),
        Some("NotOlderThan") => Ok(Some(VersionMatch::NotOlderThan)),
        Some(other) => Err(Status::bad_request(format!(
            "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
        ))),
    }
}

/// How a write is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteOptions {
    /// Do all but store it.
    pub(crate) dry_run: bool,
}

impl WriteOptions {
    /// Reads them from a query.
    pub(crate) fn read(query: &Query) -> Result<Self, Status> {
        Ok(Self {
            dry_run: dry_run(query.all("dryRun"))?,
        })
    }
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>) -> Result<bool, Status> {
    let mut all = false;
    for value in values.filter(|value| !value.is_empty()) {
        if value != "All" {
            return Err(Status::bad_request(format!(
                "dryRun: Unsupported value: {value:?}: supported values: \"All\""
            )));
        }
        all = true;
    }
    Ok(all)
}

/// What becomes of the objects that the deleted one owns (`propagationPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They stay.
    Orphan,
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// How a delete is to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    pub(crate) grace_period_seconds: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    /// The uid that the object must have.
    pub(crate) uid: Option<String>,
    /// The resource version that the object must have.
    pub(crate) resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads them from a query and a body; what the body says counts.
    pub(crate) fn read(query: &Query, body: &Value) -> Result<Self, Status> {
        let text = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let policy = text("/propagationPolicy")
            .or_else(|| query.get("propagationPolicy").map(str::to_owned));
        let orphan = body["orphanDependents"].as_bool().or_else(|| {
            query
                .get("orphanDependents")
                .map(|_| query.flag("orphanDependents"))
        });
        let in_body = body["dryRun"].as_array().into_iter().flatten();
        let grace_period_seconds = match body["gracePeriodSeconds"].as_i64() {
            Some(seconds) => Some(seconds),
            None => number(query, "gracePeriodSeconds")?,
        };
        if grace_period_seconds.is_some_and(i64::is_negative) {
            return Err(Status::bad_request(
                "gracePeriodSeconds: Invalid value: must be greater than or equal to 0",
            ));
        }
        Ok(Self {
            dry_run: dry_run(in_body.filter_map(Value::as_str).chain(query.all("dryRun")))?,
            grace_period_seconds,
            propagation: propagation(policy.as_deref(), orphan)?,
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
        })
    }
}

fn propagation(policy: Option<&str>, orphan: Option<bool>) -> Result<Option<Propagation>, Status> {
    let path = Path::root("propagationPolicy");
    let refused = |error| Err(Status::invalid(&options_kind("delete"), "", &[error]));
    match (policy, orphan) {
        (Some(policy), Some(_)) => {
            let words = "orphanDependents and deletionPropagation cannot be both set";
            refused(Error::invalid(&path, policy, words))
        }
        (None, None) => Ok(None),
        (None, Some(true)) => Ok(Some(Propagation::Orphan)),
        (None, Some(false)) | (Some("Background"), _) => Ok(Some(Propagation::Background)),
        (Some("Orphan"), _) => Ok(Some(Propagation::Orphan)),
        (Some("Foreground"), _) => Ok(Some(Propagation::Foreground)),
        (Some(other), _) => {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            refused(Error::not_supported(&path, other, &known))
        }
    }
}
