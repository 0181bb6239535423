//! How a command ended, as the `Status` that clients read from the error stream.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};

use crate::runtime::RuntimeError;

/// `k8s.io/apimachinery/pkg/util/remotecommand` names the reason and the cause; clients look for both.
pub(super) fn status(outcome: &Result<i32, RuntimeError>) -> Status {
    match outcome {
        Ok(0) => Status {
            status: Some("Success".to_owned()),
            ..Status::default()
        },
        Ok(code) => failure(
            "NonZeroExitCode",
            format!("command terminated with non-zero exit code: exit code {code}"),
            StatusCause {
                reason: Some("ExitCode".to_owned()),
                message: Some(code.to_string()),
                ..StatusCause::default()
            },
            None,
        ),
        Err(error) => {
            let message = format!("error executing command in container: {error}");
            let cause = StatusCause {
                message: Some(message.clone()),
                ..StatusCause::default()
            };
            let shown = format!("Internal error occurred: {message}");
            failure("InternalError", shown, cause, Some(500))
        }
    }
}

fn failure(reason: &str, message: String, cause: StatusCause, code: Option<i32>) -> Status {
    Status {
        status: Some("Failure".to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        code,
        details: Some(StatusDetails {
            causes: Some(vec![cause]),
            ..StatusDetails::default()
        }),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_a_cause_that_clients_find() {
        let json = serde_json::to_value(status(&Ok(7))).unwrap();
        assert_eq!(json["status"], "Failure");
        assert_eq!(json["reason"], "NonZeroExitCode");
        assert_eq!(json["details"]["causes"][0]["reason"], "ExitCode");
        assert_eq!(json["details"]["causes"][0]["message"], "7");
    }

    #[test]
    fn success_is_success() {
        let json = serde_json::to_value(status(&Ok(0))).unwrap();
        assert_eq!(json["status"], "Success");
        assert_eq!(json.get("details"), None);
    }

    #[test]
    fn what_could_not_start_is_an_internal_error_with_the_runtimes_words() {
        let error = RuntimeError::Incomplete {
            call: "Exec",
            field: "spec",
        };
        let json = serde_json::to_value(status(&Err(error))).unwrap();
        assert_eq!(json["code"], 500);
        assert_eq!(
            json["message"],
            "Internal error occurred: error executing command in container: \
             Exec: the runtime's answer lacks spec"
        );
    }
}
