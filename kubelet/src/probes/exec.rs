use std::time::Duration;

use super::Outcome;
use crate::runtime::Runtime;

/// Exit code 0 passes; what the command printed is told.
pub(super) async fn probe<R: Runtime>(
    runtime: &R,
    container_id: &str,
    command: Vec<String>,
    timeout: Duration,
) -> Outcome {
    match runtime
        .exec_sync(container_id, command.clone(), timeout)
        .await
    {
        Ok(output) if output.exit_code == 0 => Outcome::Passed,
        Ok(output) => {
            let printed = [output.stdout, output.stderr].concat();
            Outcome::Failed(String::from_utf8_lossy(&printed).into_owned())
        }
        Err(error) if error.is_timeout() => Outcome::Failed(format!(
            "command timed out: {command:?} timed out after {}s",
            timeout.as_secs()
        )),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}
