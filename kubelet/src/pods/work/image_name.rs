//! Names of images (<https://github.com/distribution/reference>).

const MAX_TAG: usize = 128;
const TAG_CHARS: &str = "_.-";

/// Whether a text names an image, as far as the runtime needs it to.
pub(super) fn check(image: &str) -> Result<(), String> {
    let wrong = |why: &str| {
        Err(format!(
            "Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {why}"
        ))
    };
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return wrong("invalid reference format");
    }
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return wrong("invalid reference format");
    }
    let path = match repository.split_once('/') {
        Some((domain, rest)) if is_domain(domain) => rest,
        _ => repository,
    };
    if path.chars().any(|char| char.is_ascii_uppercase()) {
        let words = format!("invalid reference format: repository name ({path}) must be lowercase");
        return wrong(&words);
    }
    if !path.split('/').all(is_component) {
        return wrong("invalid reference format");
    }
    Ok(())
}

/// The registry that an image comes from.
pub(super) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((domain, _)) if is_domain(domain) => domain,
        _ => "docker.io",
    }
}

fn is_domain(text: &str) -> bool {
    text.contains(['.', ':'])
        || text == "localhost"
        || text.chars().any(|char| char.is_ascii_uppercase())
}

fn is_component(text: &str) -> bool {
    let is_edge = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    is_edge(text.chars().next())
        && is_edge(text.chars().last())
        && text.chars().all(|char| {
            char.is_ascii_lowercase() || char.is_ascii_digit() || TAG_CHARS.contains(char)
        })
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= MAX_TAG
        && !tag.starts_with(['.', '-'])
        && tag
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || TAG_CHARS.contains(char))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.chars().all(|char| char.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_they_are_pulled() {
        let digest = format!("busybox@sha256:{}", "0".repeat(64));
        for good in [
            "nginx",
            "nginx:1.19",
            "a/b_c/d-e:T.1",
            "localhost:5000/x",
            "reg.io:443/a/b:v1",
            &digest,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "nginx:",
            "a//b",
            "-a",
            "a b",
            "nginx@sha256:1",
            "nginx:-x",
            "a/b/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let error = check("NGINX").expect_err("upper case");
        assert!(
            error.ends_with("invalid reference format: repository name (NGINX) must be lowercase"),
            "{error}"
        );
    }
}
