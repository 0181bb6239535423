/// The full name of an image, as CRI and containerd want it: `busybox` is `docker.io/library/busybox:latest`.
///
/// The rules are those of the distribution project's reference package, which Docker and containerd share.
pub(super) fn normalize(name: &str) -> String {
    let (host, path) = match name.split_once('/') {
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => ("docker.io", name),
    };
    let host = if host == "index.docker.io" {
        "docker.io"
    } else {
        host
    };
    let library = match host == "docker.io" && !path.contains('/') {
        true => "library/",
        false => "",
    };
    let last = path.rsplit('/').next().unwrap_or(path);
    let tag = match last.contains([':', '@']) {
        true => "",
        false => ":latest",
    };
    format!("{host}/{library}{path}{tag}")
}

fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        for (short, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.28", "docker.io/library/busybox:1.28"),
            ("library/busybox:1.28", "docker.io/library/busybox:1.28"),
            ("docker.io/busybox", "docker.io/library/busybox:latest"),
            ("index.docker.io/a/b:1", "docker.io/a/b:1"),
            ("user/app", "docker.io/user/app:latest"),
            ("localhost/app:dev", "localhost/app:dev"),
            ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
            ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
        ] {
            assert_eq!(normalize(short), full);
        }
    }
}
