use std::fs::File;
use std::path::PathBuf;

use serde_json::json;

use super::*;

/// An archive of these files, written to a folder that goes away with the test.
fn archive(files: &[(&str, Vec<u8>)], links: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    let mut tar = tar::Builder::new(File::create(&path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, target).unwrap();
    }
    tar.into_inner().unwrap();
    (dir, path)
}

fn in_layout(blob: &Blob) -> (String, Vec<u8>) {
    let Source::Memory(bytes) = &blob.source else {
        panic!("a blob of a test is in memory");
    };
    (blob_path(&blob.descriptor.digest), bytes.clone())
}

fn index(manifests: serde_json::Value) -> Vec<u8> {
    json!({"schemaVersion": 2, "manifests": manifests})
        .to_string()
        .into_bytes()
}

fn small_image() -> [Blob; 3] {
    let layer = Blob::from_bytes(LAYER_TYPE, b"layer".to_vec());
    let config = Blob::from_bytes(CONFIG_TYPE, b"{}".to_vec());
    let manifest = Blob::manifest(MANIFEST_TYPE, &config.descriptor, &[&layer.descriptor]);
    [layer, config, manifest]
}

#[test]
fn an_old_docker_archive_gets_a_manifest() {
    let saved = json!([{
        "Config": "abc.json",
        "RepoTags": ["app:1", "app:latest"],
        "Layers": ["one/layer.tar", "two/layer.tar"],
    }]);
    let (_dir, path) = archive(
        &[
            ("abc.json", b"{}".to_vec()),
            ("one/layer.tar", b"layer".to_vec()),
            ("manifest.json", saved.to_string().into_bytes()),
        ],
        &[("two/layer.tar", "../one/layer.tar")],
    );
    let content = read(&path).unwrap();
    let names: Vec<&str> = content
        .images
        .iter()
        .map(|image| image.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["docker.io/library/app:1", "docker.io/library/app:latest"]
    );
    let manifest = content.blobs.last().unwrap();
    assert_eq!(manifest.descriptor, content.images[0].target);
    // The linked layer has the digest of the one it links to.
    assert_eq!(manifest.children[0], manifest.children[1]);
    assert_eq!(content.blobs[0].descriptor.size, 5);
}

#[test]
fn an_oci_layout_keeps_its_digests_and_comes_children_first() {
    let [layer, config, manifest] = small_image();
    let mut listed = json!(manifest.descriptor);
    listed["annotations"] = json!({NAME_ANNOTATION: "docker.io/library/app:1"});
    let files = [in_layout(&layer), in_layout(&config), in_layout(&manifest)];
    let mut files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    files.push(("./index.json", index(json!([listed]))));
    let (_dir, path) = archive(&files, &[]);

    let content = read(&path).unwrap();
    let digests: Vec<&String> = content
        .blobs
        .iter()
        .map(|blob| &blob.descriptor.digest)
        .collect();
    assert_eq!(
        digests,
        [
            &layer.descriptor.digest,
            &config.descriptor.digest,
            &manifest.descriptor.digest
        ]
    );
    assert_eq!(
        content.images[0].id.as_ref(),
        Some(&config.descriptor.digest)
    );
    assert_eq!(content.blobs[2].children.len(), 2);
}

#[test]
fn platforms_that_an_archive_does_not_have_are_left_out() {
    let [layer, config, manifest] = small_image();
    let absent = Blob::from_bytes(MANIFEST_TYPE, b"absent".to_vec());
    let inner = Blob::from_bytes(
        "application/vnd.oci.image.index.v1+json",
        index(json!([manifest.descriptor, absent.descriptor])),
    );
    let mut listed = json!(inner.descriptor);
    listed["annotations"] = json!({REF_NAME_ANNOTATION: "quay.io/a/app:1"});
    let files = [
        in_layout(&layer),
        in_layout(&config),
        in_layout(&manifest),
        in_layout(&inner),
        ("index.json".to_owned(), index(json!([listed]))),
    ];
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    let (_dir, path) = archive(&files, &[]);

    let content = read(&path).unwrap();
    assert_eq!(content.images[0].name, "quay.io/a/app:1");
    assert_eq!(content.images[0].id, None);
    let top = content.blobs.last().unwrap();
    assert_eq!(top.children, [manifest.descriptor.digest]);
}

#[test]
fn what_is_no_image_archive_is_refused_with_a_reason() {
    let lacking = json!([{"Config": "abc.json", "RepoTags": ["a:1"], "Layers": ["gone.tar"]}]);
    let nameless = json!([{"Config": "abc.json", "RepoTags": null, "Layers": []}]);
    for (files, reason) in [
        (vec![("readme", b"hello".to_vec())], "neither manifest.json"),
        (
            vec![("manifest.json", b"[{".to_vec())],
            "manifest.json: EOF",
        ),
        (
            vec![
                ("abc.json", b"{}".to_vec()),
                ("manifest.json", lacking.to_string().into_bytes()),
            ],
            "it lacks gone.tar",
        ),
        (
            vec![
                ("abc.json", b"{}".to_vec()),
                ("manifest.json", nameless.to_string().into_bytes()),
            ],
            "no image in it has a name",
        ),
    ] {
        let (_dir, path) = archive(&files, &[]);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
