//! `certs.d/<registry>/hosts.toml`: where containerd asks for the images of a registry.
//!
//! <https://github.com/containerd/containerd/blob/main/docs/hosts.md>

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::config::quote;

/// The files for these mirrors, by registry: what is to be written.
pub(super) fn hosts_files(mirrors: &[(String, String)]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (registry, mirror) in mirrors {
        let file = files
            .entry(registry.clone())
            .or_insert_with(|| format!("server = {}\n", quote(&upstream(registry))));
        let _ = write!(
            file,
            "\n[host.{}]\n  capabilities = [\"pull\", \"resolve\"]\n",
            quote(mirror)
        );
    }
    files
}

/// Where a registry is when no mirror answers; Docker Hub's name is not its address.
fn upstream(registry: &str) -> String {
    match registry {
        "docker.io" => "https://registry-1.docker.io".to_owned(),
        other => format!("https://{other}"),
    }
}

/// Makes `dir` hold these files and no registry more. containerd reads them anew for each pull.
pub(super) fn write(dir: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let known = entry
            .file_name()
            .to_str()
            .is_some_and(|name| files.contains_key(name));
        if !known {
            fs::remove_dir_all(entry.path())?;
        }
    }
    for (registry, content) in files {
        let folder = dir.join(registry);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("hosts.toml"), content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(registry: &str, mirror: &str) -> (String, String) {
        (registry.to_owned(), mirror.to_owned())
    }

    #[test]
    fn mirrors_of_a_registry_are_asked_in_their_order() {
        let files = hosts_files(&[
            pair("docker.io", "http://10.0.0.1:5000"),
            pair("docker.io", "http://10.0.0.2:5000"),
            pair("quay.io", "http://10.0.0.1:5000"),
        ]);
        assert_eq!(
            files["docker.io"],
            "server = \"https://registry-1.docker.io\"\n\
             \n[host.\"http://10.0.0.1:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n\
             \n[host.\"http://10.0.0.2:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
        );
        assert!(files["quay.io"].starts_with("server = \"https://quay.io\"\n"));
    }

    #[test]
    fn a_mirror_that_is_no_longer_wanted_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &hosts_files(&[pair("docker.io", "http://127.0.0.1:1")]),
        )
        .unwrap();
        write(
            dir.path(),
            &hosts_files(&[pair("quay.io", "http://127.0.0.1:1")]),
        )
        .unwrap();
        assert!(!dir.path().join("docker.io").exists());
        assert!(dir.path().join("quay.io/hosts.toml").is_file());
    }
}
