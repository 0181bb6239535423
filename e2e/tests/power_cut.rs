//! Power is cut under write load, again and again, on a disk that forgets what was not flushed
//! (scenario E4): every write that was acknowledged is there.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use skiff_e2e::example_binary;
use skiff_e2e::vm::{Initrd, Machine, PowerCutDisk, Setup};

const MODULES: &[&str] = &["virtio_pci", "virtio_blk", "virtio_console"];
/// Bounds on an emulated machine while the host is busy with other tests.
const BOOT: Duration = Duration::from_secs(60);
const VERIFY: Duration = Duration::from_secs(120);

#[test]
fn e4_every_acknowledged_write_survives_ten_power_cuts() -> Result<()> {
    survives(10)
}

#[test]
#[ignore = "a repetition, for make test-long"]
fn e4_every_acknowledged_write_survives_sixty_power_cuts() -> Result<()> {
    survives(60)
}

#[test]
fn e4_the_harness_bites_a_store_that_does_not_sync() -> Result<()> {
    // Or the file system would flush for the store, every five seconds.
    let mut rounds = Rounds::new("unsynced=1 options=commit=300")?;
    for _ in 0..3 {
        rounds.write_until_the_power_goes()?;
        if rounds.boot_and_verify().is_err() {
            return Ok(());
        }
    }
    bail!("three power cuts lost nothing of what was never synced")
}

fn survives(power_cuts: usize) -> Result<()> {
    let mut rounds = Rounds::new("")?;
    for _ in 0..power_cuts {
        rounds.write_until_the_power_goes()?;
    }
    drop(rounds.boot_and_verify()?);
    // That the disk loses what was not flushed is shown below, by the store that does not sync: a store that syncs has
    // seldom anything to lose.
    println!("{} blocks were lost", rounds.lost_blocks);
    Ok(())
}

/// One disk over many boots, with all that was acknowledged on it.
struct Rounds {
    disk: Arc<Mutex<PowerCutDisk>>,
    initrd: Vec<u8>,
    arguments: &'static str,
    acknowledged: String,
    lost_blocks: usize,
    chance: StdRng,
}

impl Rounds {
    fn new(arguments: &'static str) -> Result<Self> {
        let mut initrd = Initrd::new(include_str!("../vm/power-cut.sh"), MODULES)?;
        for program in ["power_cut_writer", "power_cut_verify"] {
            initrd.add_program(&format!("bin/{program}"), &example_binary(program)?)?;
        }
        let seed = rand::rng().random();
        println!("the seed of this run is {seed}");
        Ok(Self {
            disk: Arc::new(Mutex::new(PowerCutDisk::ext4(1024)?)),
            initrd: initrd.finish(),
            arguments,
            acknowledged: String::new(),
            lost_blocks: 0,
            chance: StdRng::seed_from_u64(seed),
        })
    }

    /// Verifies what earlier rounds wrote, then writes on until a random moment.
    fn write_until_the_power_goes(&mut self) -> Result<()> {
        let mut machine = self.boot_and_verify()?;
        machine.line_after("writing:", BOOT)?;
        let mut lines = vec![machine.next_line(BOOT)?.context("the writer went away")?];
        let cut_at = Instant::now() + Duration::from_millis(self.chance.random_range(10..3000));
        while Instant::now() < cut_at {
            let line = machine.next_line(BOOT)?.context("the writer went away")?;
            lines.push(line);
        }
        let mut rest = machine.cut_power()?;
        // The power may have gone in the middle of the last line.
        rest.pop();
        lines.extend(rest);
        for line in lines {
            ensure!(line.starts_with("acked "), "the writer says: {line}");
            self.acknowledged.push_str(&line);
            self.acknowledged.push('\n');
        }
        let mut disk = self.disk.lock().expect("no thread of the disk panicked");
        self.lost_blocks += disk.cut_power(&mut self.chance);
        Ok(())
    }

    /// Boots the machine after a power cut: it must find every write that was acknowledged.
    fn boot_and_verify(&mut self) -> Result<Machine> {
        let list = tempfile::NamedTempFile::new()?;
        let mut padded = self.acknowledged.clone().into_bytes();
        padded.resize((padded.len() + 1).next_multiple_of(4096), b'\n');
        fs::write(list.path(), &padded)?;
        let mut machine = self.boot(list.path())?;
        let status = machine.line_after("verified:", VERIFY)?;
        ensure!(status == "0", "{}", machine.last_words());
        Ok(machine)
    }

    fn boot(&self, acknowledged: &Path) -> Result<Machine> {
        Machine::boot(Setup {
            initrd: self.initrd.clone(),
            arguments: format!("{} verify={}", self.arguments, self.acknowledged.len()),
            memory_mib: 768,
            disk: Some(self.disk.clone()),
            files: vec![acknowledged.to_owned()],
            tap: None,
        })
    }
}
