//! The trace: a Pod's way, stage by stage.

use anyhow::{Context, Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

/// The stages of a Pod behind a Service, in their order.
const STAGES: [&str; 11] = [
    "stored",
    "scheduled",
    "seen by kubelet",
    "sandbox",
    "network",
    "image",
    "created",
    "started",
    "ready",
    "in endpoints",
    "in dataplane",
];

#[test]
fn trace_of_a_pod_behind_a_service() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create svc clusterip web --tcp=80:80")?;
        cluster.kubectl("create deployment web --image=nginx:1.19")?;
        let pod = cluster.pods_ready("app=web", 1)?.remove(0);
        let drawn = eventually("all stages", 60, || {
            let drawn = cluster.skiff_does(&format!("trace pod {pod}"))?;
            ensure!(drawn.contains("in dataplane"), "{drawn}");
            Ok(drawn)
        })?;
        let line_of = |stage: &str| {
            let mut lines = drawn.lines();
            let line = lines.position(|line| line.starts_with(stage));
            line.with_context(|| format!("no stage {stage} in\n{drawn}"))
        };
        let lines = STAGES
            .map(line_of)
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        // An image is looked for beside the sandbox, and who binds hears of it after the kubelet does.
        let later = |earlier: usize, later: usize| {
            let in_order = lines[earlier] < lines[later];
            ensure!(
                in_order,
                "{} before {} in\n{drawn}",
                STAGES[later],
                STAGES[earlier]
            );
            Ok(())
        };
        for (one, next) in [
            (0, 1),
            (0, 2),
            (2, 3),
            (3, 4),
            (4, 6),
            (5, 6),
            (6, 7),
            (7, 8),
            (8, 9),
            (9, 10),
        ] {
            later(one, next)?;
        }
        let address = cluster.field(&format!("pod {pod}"), ".status.podIP")?;
        for part in [
            &format!("Pod default/{pod} on"),
            "default/web",
            "nginx:1.19",
            &format!("{address}:80"),
        ] {
            ensure!(drawn.contains(part), "no {part} in\n{drawn}");
        }

        let service = cluster.skiff_does("trace service web")?;
        let stage = |words: &str| service.lines().position(|line| line.starts_with(words));
        let way = [
            stage("stored"),
            stage("in endpoints"),
            stage("in dataplane"),
        ];
        ensure!(way.is_sorted() && way[0].is_some(), "{service}");
        ensure!(service.contains(&format!("{address}:80")), "{service}");
        let unknown = cluster.refused(&format!(
            "skiff trace --data-dir={} pod nobody",
            cluster.data_dir().display()
        ))?;
        ensure!(unknown.contains("pods \"nobody\" not found"), "{unknown}");
        Ok(())
    })
}
