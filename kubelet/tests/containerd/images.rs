use skiff_kubelet::Runtime;
use skiff_kubelet::cri::AuthConfig;

use crate::support::{Node, Pod, Registry, in_namespaces, until};

#[test]
fn images_are_imported_listed_and_removed() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let runtime = &node.runtime;
        let image = runtime.image_status("busybox:1.28").await.unwrap();
        let image = image.expect("busybox is there under its short name too");
        assert_eq!(image.repo_tags, ["docker.io/library/busybox:1.28"]);
        let listed = runtime.list_images().await.unwrap();
        // Busybox and the pause image.
        assert_eq!(listed.len(), 2, "{listed:?}");

        runtime.remove_image("busybox:1.28").await.unwrap();
        until("the image is gone", || async {
            let image = runtime.image_status("busybox:1.28").await.unwrap();
            image.is_none()
        })
        .await;
        node.end().await;
    });
}

#[test]
fn an_image_comes_from_a_mirror_for_those_who_know_the_password() {
    in_namespaces(|| async {
        let registry = Registry::start().await;
        let mirror = ("docker.io".to_owned(), registry.url.clone());
        let node = Node::start_empty(|config| config.mirrors.push(mirror)).await;
        let runtime = &node.runtime;

        let refused = runtime.pull_image("busybox:1.28", None).await.unwrap_err();
        assert!(refused.to_string().contains("failed to pull"), "{refused}");
        let auth = AuthConfig {
            username: "user".to_owned(),
            password: "secret".to_owned(),
            ..AuthConfig::default()
        };
        let pulled = runtime.pull_image("busybox:1.28", Some(auth)).await;
        assert!(pulled.unwrap().starts_with("sha256:"));
        let pod = Pod::run(&node, "pulled").await;
        pod.start(&node, "main", &["sleep", "1000"]).await;
        node.end().await;
    });
}

#[test]
fn an_archive_that_is_none_is_refused() {
    in_namespaces(|| async {
        let node = Node::start_empty(|_| {}).await;
        let path = node.data_dir().join("readme");
        std::fs::write(&path, "no archive").unwrap();
        let error = node.runtime.import_image(path).await.unwrap_err();
        assert!(error.to_string().contains("image archive"), "{error}");
        let gone = node.runtime.import_image("/nonexistent.tar".into()).await;
        assert_eq!(gone.unwrap_err().to_string(), "/nonexistent.tar");
        node.end().await;
    });
}
