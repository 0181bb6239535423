//! Many Services in IPVS, which the machine's own kernel may not have: in a virtual machine.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::changes::{Changes, change, spread};
use super::clocks::Offset;
use super::filling::fill;
use crate::TestNet;
use crate::bench::client::ApiServer;
use crate::bench::inside::Inside;
use crate::bench::options::Load;
use crate::bench::report::{Row, Unit};
use crate::bench::space::Space;
use crate::bench::statistics::{median, milliseconds};
use crate::bench::tell;
use crate::vm::Guest;

/// How many change, one in each pause: an emulated processor is some ten times slower than the host's.
const CHANGES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);
/// How many raw calls are timed together.
const CALLS: u32 = 400;
/// An endpoint that is replaced takes two: the new one is put, the old one taken.
const CALLS_A_CHANGE: f64 = 2.0;

/// Fills a cluster in a virtual machine and changes some Services.
pub(in crate::bench) fn measure(load: &Load) -> Result<Vec<Row>> {
    let net = TestNet::new()?;
    tell("services-ipvs, starting the machine");
    let mut machine = Guest::boot(&net)?;
    machine.up(&["--proxy-mode=ipvs"])?;
    let kubeconfig = PathBuf::from(machine.sh("echo $KUBECONFIG")?.trim());
    let server = ApiServer::from_kubeconfig(&kubeconfig, load.protocol)?;
    let inside = Inside::of(net.router())?;
    let (offset, changes) = inside
        .run(while_it_runs(server, load.ipvs_services))
        .with_context(|| machine.log())?;
    tell("services-ipvs, by hand");
    let raw = (0..load.rounds).map(|_| raw_call_ms(&machine));
    let raw_ms = median(&raw.collect::<Result<Vec<_>>>()?) * CALLS_A_CHANGE;
    Ok(rows(load.ipvs_services, &changes, raw_ms, offset))
}

async fn while_it_runs(server: ApiServer, services: u32) -> Result<(Offset, Changes)> {
    let space = Space::create(&server, "services").await?;
    tell(&format!("services-ipvs, filling with {services}"));
    fill(&server, &space, 0..services).await?;
    let offset = Offset::of(&server, &space).await?;
    tell("services-ipvs, changing");
    let changed = spread(CHANGES, services);
    let changes = change(&server, &space, &changed, PAUSE, offset).await?;
    Ok((offset, changes))
}

/// The milliseconds of one call of netlink that puts or takes a real server: ipvsadm makes one for each line.
fn raw_call_ms(machine: &Guest<'_>) -> Result<f64> {
    let said = machine.inside(&format!(
        "cat > /tmp/calls.sh <<'END'
put=$(for i in $(seq {half}); do echo \"-a -t 198.51.100.1:80 -r 198.51.100.2:$i -m -w 1\"; done)
take=$(for i in $(seq {half}); do echo \"-d -t 198.51.100.1:80 -r 198.51.100.2:$i\"; done)
ipvsadm -A -t 198.51.100.1:80 -s rr
began=$EPOCHREALTIME
printf '%s\\n' \"$put\" \"$take\" | ipvsadm -R
ended=$EPOCHREALTIME
printf '' | ipvsadm -R
echo $began $ended $EPOCHREALTIME
ipvsadm -D -t 198.51.100.1:80
END
bash -e /tmp/calls.sh",
        half = CALLS / 2
    ))?;
    let times: Result<Vec<f64>, _> = said.split_whitespace().map(str::parse).collect();
    let times = times.with_context(|| format!("not times: {said}"))?;
    ensure!(times.len() == 3, "not three times: {said}");
    let without = times[2] - times[1];
    Ok((times[1] - times[0] - without) * 1e3 / f64::from(CALLS))
}

fn rows(services: u32, changes: &Changes, raw_ms: f64, offset: Offset) -> Vec<Row> {
    let mut rows = Vec::new();
    for (figure, share) in [("p50", 0.5), ("p99", 0.99)] {
        let took = changes.in_kernel.percentile_ms(share);
        rows.push(
            Row::of_one(
                format!("ipvs, change of one of {services} Services, {figure}"),
                Unit::Milliseconds,
                took,
            )
            .beside("raw netlink calls", raw_ms),
        );
        rows.push(Row::of_one(
            format!("its ratio, {figure}"),
            Unit::Ratio,
            took / raw_ms,
        ));
    }
    rows.push(changes.answered.row("ipvs, of it the API server's answer"));
    rows.push(Row::of_one(
        "ipvs, the machine's clock known within",
        Unit::Milliseconds,
        milliseconds(offset.within),
    ));
    rows
}
