//! Lists of a few of many Pods, by labels and by fields.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{ApiServer, Connection};
use super::filling::fill;
use super::lists::settle;
use super::objects::Mould;
use super::options::Load;
use super::report::{Row, Unit};
use super::space::Space;
use super::statistics::{Samples, median};
use super::tell;

/// How often each round lists.
const LISTS: u32 = 10;
/// Each Pod has one of so many labels.
const SHARES: u32 = 100;

/// A selection.
struct Selection {
    what: &'static str,
    query: String,
    /// How many Pods it lets through.
    pods: usize,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Creates Pods that fit on no node, and measures lists of some, beside the list of all.
pub(super) async fn measure(server: ApiServer, load: Load) -> Result<Vec<Row>> {
    tell(&format!("selectors, creating {} Pods", load.listed));
    let space = Space::create(&server, "selectors").await?;
    let path = space.path("pods");
    let pod = |number: u32| Mould::pending_pod_of(number % SHARES).named(&name(number));
    fill(&server, &path, load.listed, pod).await?;
    settle(&server, &space).await?;
    tell("selectors");
    let mut connection = server.connect().await?;
    let all = load.listed as usize;
    let everything = rounds(&mut connection, &path, all, load.rounds).await?;
    let mut rows = Vec::new();
    for selection in selections(load.listed) {
        let path = format!("{path}?{}", selection.query);
        let found = rounds(&mut connection, &path, selection.pods, load.rounds).await?;
        let what = format!(
            "{} of {all} Pods by {}, p50",
            selection.pods, selection.what
        );
        let row = Row::of_rounds(what, Unit::Milliseconds, &found);
        rows.push(row.beside("all of them", median(&everything)));
    }
    space.delete().await?;
    Ok(rows)
}

fn selections(pods: u32) -> [Selection; 4] {
    // Those of the first label, and each hundredth after it.
    let of_share = pods.div_ceil(SHARES) as usize;
    let selection = |what, query: String, pods| Selection { what, query, pods };
    [
        selection("label", "labelSelector=share%3D0".into(), of_share),
        selection(
            "labels in a set",
            "labelSelector=share%20in%20(0,1),app.kubernetes.io/name%3Dshop".into(),
            of_share + (pods - 1).div_ceil(SHARES) as usize,
        ),
        selection(
            "name",
            format!("fieldSelector=metadata.name%3D{}", name(0)),
            1,
        ),
        selection(
            "phase and node",
            "fieldSelector=status.phase%3DRunning,spec.nodeName%3Dnone".into(),
            0,
        ),
    ]
}

fn name(number: u32) -> String {
    format!("frontend-6d4cf56db6-{number:05}")
}

/// The median of each round, in milliseconds.
async fn rounds(
    connection: &mut Connection,
    path: &str,
    pods: usize,
    rounds: u32,
) -> Result<Vec<f64>> {
    let mut p50_ms = Vec::new();
    for _ in 0..rounds {
        let mut samples = Vec::new();
        for _ in 0..LISTS {
            let began = Instant::now();
            let body = connection.get(path).await?;
            samples.push(began.elapsed());
            let found = serde_json::from_slice::<List<'_>>(&body)?.items.len();
            ensure!(found == pods, "{path} has {found} Pods of {pods}");
        }
        p50_ms.push(samples.into_iter().collect::<Samples>().percentile_ms(0.5));
    }
    Ok(p50_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_knows_how_many_it_lets_through() {
        let of = |pods| selections(pods).map(|selection| selection.pods);
        assert_eq!(of(5000), [50, 100, 1, 0]);
        assert_eq!(of(101), [2, 3, 1, 0]);
        assert_eq!(of(1), [1, 1, 1, 0]);
    }
}
