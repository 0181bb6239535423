use std::fs;

use skiff_kubelet::{Runtime, RuntimeEvent};

use crate::support::{Node, Pod, in_namespaces, next_event, until};

fn contents(log: &str) -> Vec<&str> {
    let lines = log.lines().map(|line| line.splitn(4, ' ').nth(3));
    lines.map(|content| content.unwrap_or_default()).collect()
}

#[test]
fn a_log_is_complete_when_its_container_has_ended() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let mut events = node.runtime.events();
        let pod = Pod::run(&node, "talker").await;
        let script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; echo end >&2";
        pod.start(&node, "main", &["sh", "-c", script]).await;
        while !matches!(
            next_event(&mut events).await,
            RuntimeEvent::ContainerExited { .. }
        ) {}
        let log = fs::read_to_string(pod.log_file("main")).unwrap();
        let contents = contents(&log);
        assert_eq!(contents.len(), 2001);
        assert!(contents.contains(&"2000") && contents.contains(&"end"));
        assert!(log.contains(" stderr F end\n"), "{log}");
        node.end().await;
    });
}

#[test]
fn after_a_rename_and_a_reopening_the_container_writes_to_a_new_file_and_nothing_is_lost() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "writer").await;
        let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; \
                      [ $((i % 50)) = 0 ] && sleep 0.01; done; sleep 1000";
        let id = pod.start(&node, "main", &["sh", "-c", script]).await;
        let path = pod.log_file("main");
        for number in 0..3 {
            until("the container writes to the file", || async {
                fs::metadata(&path).is_ok_and(|file| file.len() > 0)
            })
            .await;
            fs::rename(&path, path.with_extension(format!("log.{number}"))).unwrap();
            node.runtime.reopen_container_log(&id).await.unwrap();
        }
        until("all is written", || async {
            let log = fs::read_to_string(&path).unwrap_or_default();
            contents(&log).last() == Some(&"3000")
        })
        .await;
        let asides = (0..3).map(|number| path.with_extension(format!("log.{number}")));
        let all: String = asides
            .chain([path.clone()])
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        let numbers: Vec<String> = (1..=3000).map(|number: u32| number.to_string()).collect();
        assert_eq!(contents(&all), numbers);
        node.end().await;
    });
}
