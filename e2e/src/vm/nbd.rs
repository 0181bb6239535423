//! Serves a [`PowerCutDisk`] to one QEMU over a Unix socket: the network block device protocol,
//! as much of it as QEMU asks for.
//!
//! Protocol: <https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail, ensure};

use super::disk::PowerCutDisk;

const GREETING: u64 = u64::from_be_bytes(*b"NBDMAGIC");
const OPTION: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

const FIXED_NEWSTYLE: u16 = 1;
const OPT_GO: u32 = 7;
const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_ERR_UNSUPPORTED: u32 = (1 << 31) + 1;
const INFO_EXPORT: u16 = 0;
/// Flags present, flush works, write-through (FUA) works.
const TRANSMISSION: u16 = 0b1101;

const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const FUA: u16 = 1;
/// The most that one request may carry; QEMU stays below 32 MiB.
const MAX_REQUEST: u32 = 32 << 20;

/// Answers requests until QEMU goes. A killed QEMU is no error: the power was cut.
pub(super) fn serve(mut stream: UnixStream, disk: &Arc<Mutex<PowerCutDisk>>) -> Result<()> {
    let size = locked(disk).size();
    let served = negotiate(&mut stream, size).and_then(|()| transmit(&mut stream, disk));
    match served {
        Err(error) if is_hang_up(&error) => Ok(()),
        other => other,
    }
}

pub(super) fn locked(disk: &Mutex<PowerCutDisk>) -> std::sync::MutexGuard<'_, PowerCutDisk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_hang_up(error: &anyhow::Error) -> bool {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    matches!(
        kind,
        Some(ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
    )
}

/// Refuses every option until the client asks to go on with plain requests.
fn negotiate(stream: &mut UnixStream, size: u64) -> Result<()> {
    stream.write_all(&GREETING.to_be_bytes())?;
    stream.write_all(&OPTION.to_be_bytes())?;
    stream.write_all(&FIXED_NEWSTYLE.to_be_bytes())?;
    let _client_flags = u32::from_be_bytes(take(stream)?);
    loop {
        ensure!(
            u64::from_be_bytes(take(stream)?) == OPTION,
            "not an NBD option"
        );
        let option = u32::from_be_bytes(take(stream)?);
        let length = u32::from_be_bytes(take(stream)?);
        ensure!(length < 4096, "an NBD option of {length} bytes");
        stream.read_exact(&mut vec![0; length as usize])?;
        if option != OPT_GO {
            reply(stream, option, REP_ERR_UNSUPPORTED, &[])?;
            continue;
        }
        let mut info = INFO_EXPORT.to_be_bytes().to_vec();
        info.extend(size.to_be_bytes());
        info.extend(TRANSMISSION.to_be_bytes());
        reply(stream, option, REP_INFO, &info)?;
        return reply(stream, option, REP_ACK, &[]);
    }
}

fn reply(stream: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> Result<()> {
    let mut message = OPTION_REPLY.to_be_bytes().to_vec();
    message.extend(option.to_be_bytes());
    message.extend(kind.to_be_bytes());
    message.extend(u32::try_from(data.len())?.to_be_bytes());
    message.extend(data);
    Ok(stream.write_all(&message)?)
}

fn transmit(stream: &mut UnixStream, disk: &Mutex<PowerCutDisk>) -> Result<()> {
    loop {
        ensure!(
            u32::from_be_bytes(take(stream)?) == REQUEST,
            "not an NBD request"
        );
        let flags = u16::from_be_bytes(take(stream)?);
        let kind = u16::from_be_bytes(take(stream)?);
        let cookie: [u8; 8] = take(stream)?;
        let offset = u64::from_be_bytes(take(stream)?);
        let length = u32::from_be_bytes(take(stream)?);
        ensure!(length <= MAX_REQUEST, "an NBD request of {length} bytes");
        let mut answer = REPLY.to_be_bytes().to_vec();
        answer.extend(0_u32.to_be_bytes());
        answer.extend(cookie);
        match kind {
            READ => {
                let mut data = vec![0; length as usize];
                locked(disk).read(offset, &mut data);
                answer.extend(data);
            }
            WRITE => {
                let mut data = vec![0; length as usize];
                stream.read_exact(&mut data)?;
                locked(disk).write(offset, &data, flags & FUA != 0);
            }
            FLUSH => locked(disk).flush(),
            DISCONNECT => return Ok(()),
            other => bail!("an NBD request of type {other}, which was not offered"),
        }
        stream.write_all(&answer)?;
    }
}

fn take<const N: usize>(stream: &mut UnixStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
