//! What is asked of the kubelet: which container, with which parameters.

use serde_json::Value;
use skiff_api::{Status, metadata};

use crate::request::Query;

/// How a stream's parameters are called at the API and at the kubelet.
const STREAMS: [(&str, &str); 4] = [
    ("stdin", "input"),
    ("stdout", "output"),
    ("stderr", "error"),
    ("tty", "tty"),
];

/// The container that is meant: the only one, unless one is named.
pub(super) fn container_of(pod: &Value, named: Option<&str>) -> Result<String, Status> {
    let name = metadata::name(pod);
    let names = |list: &str| -> Vec<String> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        let names = containers.filter_map(|container| container["name"].as_str());
        names.map(str::to_owned).collect()
    };
    let containers = names("containers");
    let init = names("initContainers");
    let ephemeral = names("ephemeralContainers");
    match named {
        Some(named) => {
            let mut all = containers.iter().chain(&init).chain(&ephemeral);
            if all.any(|known| known == named) {
                return Ok(named.to_owned());
            }
            let message = format!("container {named} is not valid for pod {name}");
            Err(Status::bad_request(message))
        }
        None => match &containers[..] {
            [only] => Ok(only.clone()),
            all => {
                let mut message = format!(
                    "a container name must be specified for pod {name}, choose one of: [{}]",
                    all.join(" ")
                );
                if !init.is_empty() {
                    message += &format!(" or one of the init containers: [{}]", init.join(" "));
                }
                Err(Status::bad_request(message))
            }
        },
    }
}

/// What the kubelet is asked for a log.
pub(super) fn log_query(query: &Query) -> String {
    let known = [
        "follow",
        "previous",
        "sinceSeconds",
        "sinceTime",
        "timestamps",
        "tailLines",
        "limitBytes",
        "stream",
    ];
    let given = query.iter().filter(|(key, _)| known.contains(key));
    join(given)
}

/// What the kubelet is asked for a stream.
pub(super) fn stream_query(query: &Query) -> String {
    let commands = query.all("command").map(|command| ("command", command));
    let streams = STREAMS.iter().filter(|(ours, _)| query.flag(ours));
    join(commands.chain(streams.map(|(_, theirs)| (*theirs, "1"))))
}

/// Which ports the kubelet is asked for. Only clients by WebSocket name them here.
pub(super) fn ports_query(query: &Query) -> String {
    join(query.all("ports").map(|ports| ("ports", ports)))
}

fn join<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.map(|(key, value)| format!("{key}={}", encode_percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode_percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().unwrap())
    }

    #[test]
    fn parameters_are_named_as_the_kubelet_names_them() {
        let exec = query(
            "command=sh&command=-c&command=echo+a%26b&stdin=true&stdout=true&stderr=false&container=c",
        );
        assert_eq!(
            stream_query(&exec),
            "command=sh&command=-c&command=echo%20a%26b&input=1&output=1"
        );
        let log = query("follow=true&tailLines=3&container=c&insecureSkipTLSVerifyBackend=true");
        assert_eq!(log_query(&log), "follow=true&tailLines=3");
    }

    #[test]
    fn one_container_is_meant_or_named() {
        let one = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}});
        assert_eq!(container_of(&one, None).unwrap(), "a");
        assert_eq!(
            container_of(&one, Some("x")).unwrap_err().message,
            "container x is not valid for pod p"
        );
        let two = json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "a"}, {"name": "b"}],
            "initContainers": [{"name": "i"}],
        }});
        assert_eq!(container_of(&two, Some("i")).unwrap(), "i");
        assert_eq!(
            container_of(&two, None).unwrap_err().message,
            "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
        );
    }
}
