//! CronJobs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{self, text};
use super::common::defaults::{default_to, ensure};
use super::common::{Field, checks, describe};
use super::{job, pod_spec, workload};
use crate::field::{Error, Errors, Path};
use crate::{Column, CronSchedule, Descriptor, Strategy, metadata, names, time_zone};

/// The Jobs it makes are named after it and the time, and names of Jobs may have 63 characters.
const NAME_MAX: usize = 52;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("cj"),
        categories: describe::all(),
        subresources: describe::status(),
        ..describe::namespaced(describe::BATCH, "CronJob", "cronjobs", CronJob)
    }
}

pub(super) struct CronJob;

impl Strategy for CronJob {
    fn default(&self, cron_job: &mut Value) {
        let Some(spec) = ensure(cron_job, "spec") else {
            return;
        };
        default_to(spec, "concurrencyPolicy", "Allow");
        default_to(spec, "suspend", false);
        default_to(spec, "successfulJobsHistoryLimit", 3);
        default_to(spec, "failedJobsHistoryLimit", 1);
        ensure(spec, "jobTemplate")
            .and_then(|template| ensure(template, "spec"))
            .and_then(|spec| ensure(spec, "template"))
            .map(pod_spec::default_template);
    }

    fn prepare_create(&self, cron_job: &mut Value) {
        if cron_job.is_object() {
            cron_job["status"] = json!({});
        }
    }

    fn validate(&self, cron_job: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(cron_job).get("spec");
        schedule(&spec, &mut errors);
        zone(&spec.get("timeZone"), &mut errors);
        let numbers = [
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        ];
        checks::all_non_negative(&spec, &numbers, &mut errors);
        let policy = spec.get("concurrencyPolicy");
        checks::one_of(&policy, &["Allow", "Forbid", "Replace"], &mut errors);
        job::validate_template(&spec.get("jobTemplate").get("spec"), &mut errors);
        let name = metadata::name(cron_job);
        if name.len() > NAME_MAX {
            let path = Path::root("metadata").child("name");
            let words = format!("must be no more than {NAME_MAX} characters");
            errors.push(Error::invalid(&path, name, words));
        }
        errors
    }

    fn warnings(&self, cron_job: &Value) -> Vec<String> {
        let template = Field::root(cron_job).get("spec").get("jobTemplate");
        let mut warnings = pod_spec::warnings(&template.get("spec").get("template").get("spec"));
        let wrong = names::dns_label(metadata::name(cron_job));
        if !wrong.is_empty() {
            let words = wrong.join(", ");
            warnings.push(format!(
                "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; \
                 a DNS label is recommended: [{words}]"
            ));
        }
        warnings
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            cells::name_column(),
            Column::new("Schedule", "string"),
            Column::new("Timezone", "string"),
            Column::new("Suspend", "boolean"),
            Column::new("Active", "integer"),
            Column::new("Last Schedule", "string"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns.push(Column::wide("Selector", "string"));
        columns
    }

    fn cells(&self, cron_job: &Value, now: Timestamp) -> Vec<Value> {
        let last = &cron_job["status"]["lastScheduleTime"];
        let last = match last.is_null() {
            true => cells::NONE.to_owned(),
            false => cells::since(last, now),
        };
        let suspended = match cron_job["spec"]["suspend"].as_bool() {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        };
        let mut cells = vec![
            cells::name(cron_job),
            text(cron_job, "/spec/schedule").into(),
            cells::or_none(text(cron_job, "/spec/timeZone")).into(),
            suspended.into(),
            cells::items(cron_job, "/status/active").len().into(),
            last.into(),
            cells::age(cron_job, now),
        ];
        let template = &cron_job["spec"]["jobTemplate"];
        cells.extend(workload::template_cells(template));
        cells.push(cells::NONE.into());
        cells
    }
}

fn schedule(spec: &Field<'_>, errors: &mut Errors) {
    let schedule = spec.get("schedule");
    if schedule.is_empty() {
        errors.push(schedule.required(""));
        return;
    }
    if let Err(wrong) = CronSchedule::parse(schedule.str()) {
        errors.push(schedule.invalid(wrong.to_string()));
    }
    if schedule.str().contains("TZ") {
        let words = match spec.get("timeZone").is_set() {
            true => "cannot use both timeZone field and TZ or CRON_TZ in schedule",
            false => "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        };
        errors.push(schedule.invalid(words));
    }
}

fn zone(zone: &Field<'_>, errors: &mut Errors) {
    if !zone.is_set() {
        return;
    }
    if zone.is_empty() {
        errors.push(zone.invalid("timeZone must be nil or non-empty string"));
    } else if zone.str().eq_ignore_ascii_case("local") {
        let words =
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(zone.invalid(words));
    } else if let Err(wrong) = time_zone(zone.str()) {
        errors.push(zone.invalid(wrong.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn cron_job() -> Value {
        json!({
            "metadata": {"name": "hello", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "OnFailure", "containers": [{"name": "hello", "image": "busybox:1.28"}],
            }}}}},
        })
    }

    fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut cron_job = cron_job();
        change(&mut cron_job["spec"]);
        create_errors(&CronJob, &cron_job)
    }

    #[test]
    fn a_cron_job_in_the_list() {
        let mut object = created(&CronJob, &cron_job());
        object["status"] = json!({"lastScheduleTime": "2026-01-01T00:04:00Z", "active": [{}]});
        let row = [
            ("Name", json!("hello")),
            ("Schedule", json!("*/5 * * * *")),
            ("Timezone", json!("<none>")),
            ("Suspend", json!("False")),
            ("Active", json!(1)),
            ("Last Schedule", json!("60s")),
            ("Age", json!("5m")),
            ("Containers", json!("hello")),
            ("Images", json!("busybox:1.28")),
            ("Selector", json!("<none>")),
        ];
        assert_row(&CronJob, &object, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert_eq!(
            wrong(|spec| spec["timeZone"] = "Europe/Berlin".into()),
            [""; 0]
        );
        assert_eq!(wrong(|spec| spec["schedule"] = "@daily".into()), [""; 0]);
        assert_eq!(
            wrong(|spec| spec["schedule"] = "often".into()),
            [
                "spec.schedule: Invalid value: \"often\": expected exactly 5 fields, found 1: [often]"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["schedule"] = "TZ=UTC 0 * * * *".into()),
            ["spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": \
              cannot use TZ or CRON_TZ in schedule, use timeZone field instead"]
        );
        assert_eq!(
            wrong(|spec| spec["timeZone"] = "Nowhere".into()),
            ["spec.timeZone: Invalid value: \"Nowhere\": unknown time zone Nowhere"]
        );
        assert_eq!(
            wrong(|spec| spec["concurrencyPolicy"] = "Queue".into()),
            ["spec.concurrencyPolicy: Unsupported value: \"Queue\": \
              supported values: \"Allow\", \"Forbid\", \"Replace\""]
        );
        assert_eq!(
            wrong(|spec| spec["jobTemplate"]["spec"]["manualSelector"] = true.into()),
            [
                "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\""
            ]
        );
        let mut long = cron_job();
        long["metadata"]["name"] = "a".repeat(53).into();
        let errors = create_errors(&CronJob, &long);
        assert!(
            errors[0].ends_with("must be no more than 52 characters"),
            "{errors:?}"
        );
    }
}
