//! The files of a volume whose content comes from the API.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::KeyToPath;

use super::VolumeError;

/// The mode of files of which neither the item nor the volume says one.
pub(super) const DEFAULT_MODE: u32 = 0o644;

/// Files by their path in the volume.
pub(super) type Payload = BTreeMap<String, File>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) data: Vec<u8>,
    pub(super) mode: u32,
}

/// A mode of the API, a number of permission bits.
pub(super) fn mode(set: Option<i32>) -> Option<u32> {
    set.and_then(|mode| u32::try_from(mode).ok())
        .map(|mode| mode & 0o777)
}

/// The keys of a ConfigMap or Secret as files: all of them by their own names, or the items that are listed.
pub(super) fn project(
    kind: &str,
    data: &BTreeMap<String, Vec<u8>>,
    items: Option<&Vec<KeyToPath>>,
    default_mode: u32,
    optional: bool,
) -> Result<Payload, VolumeError> {
    let file = |data: &Vec<u8>, mode| File {
        data: data.clone(),
        mode,
    };
    let items = match items {
        None => {
            let all = data.iter();
            return Ok(all
                .map(|(key, data)| (key.clone(), file(data, default_mode)))
                .collect());
        }
        Some(items) => items,
    };
    let mut payload = Payload::new();
    for item in items {
        match data.get(&item.key) {
            Some(data) => {
                let mode = mode(item.mode).unwrap_or(default_mode);
                payload.insert(checked(&item.path)?, file(data, mode));
            }
            None if optional => {}
            None => {
                let key = &item.key;
                let words = format!("{kind} references non-existent {kind} key: {key}");
                return Err(VolumeError::Refused(words));
            }
        }
    }
    Ok(payload)
}

/// A path that stays in the volume. The API server's validation says the same; this is the second lock on the door.
pub(super) fn checked(path: &str) -> Result<String, VolumeError> {
    let is_bad = path.is_empty()
        || path.starts_with('/')
        || path.starts_with("..")
        || path
            .split('/')
            .any(|part| part == ".." || part.is_empty() || part == ".");
    if is_bad {
        return Err(VolumeError::Refused(format!("invalid path: {path:?}")));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, path: &str, mode: Option<i32>) -> KeyToPath {
        KeyToPath {
            key: key.to_owned(),
            path: path.to_owned(),
            mode,
        }
    }

    fn data() -> BTreeMap<String, Vec<u8>> {
        [
            ("a".to_owned(), b"1".to_vec()),
            ("b".to_owned(), b"2".to_vec()),
        ]
        .into()
    }

    #[test]
    fn items_choose_keys_paths_and_modes() {
        let items = vec![item("a", "dir/x", Some(0o400)), item("b", "y", None)];
        let payload = project("configmap", &data(), Some(&items), 0o644, false).expect("files");
        let seen: Vec<_> = payload
            .iter()
            .map(|(path, file)| (path.as_str(), file.mode))
            .collect();
        assert_eq!(seen, [("dir/x", 0o400), ("y", 0o644)]);
    }

    #[test]
    fn a_missing_key_is_named_unless_it_is_optional() {
        let items = vec![item("none", "x", None)];
        let error = project("configmap", &data(), Some(&items), 0o644, false).expect_err("no key");
        let words = "configmap references non-existent configmap key: none";
        assert_eq!(error.to_string(), words);
        assert_eq!(
            project("secret", &data(), Some(&items), 0o644, true).expect("nothing"),
            Payload::new()
        );
    }

    #[test]
    fn no_path_leaves_the_volume() {
        for path in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a//b",
            "..data",
        ] {
            assert!(checked(path).is_err(), "{path}");
        }
        assert!(checked("a/b.c").is_ok());
    }
}
