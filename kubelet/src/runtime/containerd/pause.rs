//! The pause image: the program that holds a sandbox's namespaces, written by hand, so that starting needs no network.
//!
//! The program blocks SIGINT, SIGTERM and SIGCHLD and waits for them: the first two end it, after the third it collects
//! the dead. With `shareProcessNamespace` it is process 1 of the Pod, to which orphans come.

use serde_json::json;

use super::image_content::{
    Blob, CONFIG_TYPE, Descriptor, ImageContent, LAYER_TYPE, MANIFEST_TYPE, NamedImage,
};

/// The name that containerd's configuration asks for. Nothing is ever pulled by it.
pub(crate) const PAUSE_IMAGE: &str = "localhost/skiff/pause:1";

/// `nobody`, as the users of registry.k8s.io/pause have it.
const USER: &str = "65535:65535";

/// A machine's number in ELF, its name in images, and the program in its code.
struct Machine {
    elf: u16,
    architecture: &'static str,
    code: &'static [u8],
}

#[rustfmt::skip]
const X86_64: Machine = Machine {
    elf: 62,
    architecture: "amd64",
    code: &[
        // start:
        0xb8, 0x0e, 0x00, 0x00, 0x00,             // mov eax, 14 (rt_sigprocmask)
        0x31, 0xff,                               // xor edi, edi (SIG_BLOCK)
        0x48, 0x8d, 0x35, 0x53, 0x00, 0x00, 0x00, // lea rsi, [set]
        0x31, 0xd2,                               // xor edx, edx
        0x41, 0xba, 0x08, 0x00, 0x00, 0x00,       // mov r10d, 8 (bytes in set)
        0x0f, 0x05,                               // syscall
        // wait:
        0xb8, 0x80, 0x00, 0x00, 0x00,             // mov eax, 128 (rt_sigtimedwait)
        0x48, 0x8d, 0x3d, 0x3d, 0x00, 0x00, 0x00, // lea rdi, [set]
        0x31, 0xf6,                               // xor esi, esi
        0x31, 0xd2,                               // xor edx, edx (no time limit)
        0x41, 0xba, 0x08, 0x00, 0x00, 0x00,       // mov r10d, 8
        0x0f, 0x05,                               // syscall
        0x83, 0xf8, 0x02,                         // cmp eax, 2 (SIGINT)
        0x74, 0x23,                               // je exit
        0x83, 0xf8, 0x0f,                         // cmp eax, 15 (SIGTERM)
        0x74, 0x1e,                               // je exit
        // reap:
        0xb8, 0x3d, 0x00, 0x00, 0x00,             // mov eax, 61 (wait4)
        0x48, 0xc7, 0xc7, 0xff, 0xff, 0xff, 0xff, // mov rdi, -1 (any child)
        0x31, 0xf6,                               // xor esi, esi
        0xba, 0x01, 0x00, 0x00, 0x00,             // mov edx, 1 (WNOHANG)
        0x45, 0x31, 0xd2,                         // xor r10d, r10d
        0x0f, 0x05,                               // syscall
        0x85, 0xc0,                               // test eax, eax
        0x7f, 0xe4,                               // jg reap
        0xeb, 0xc0,                               // jmp wait
        // exit:
        0xb8, 0x3c, 0x00, 0x00, 0x00,             // mov eax, 60 (exit)
        0x31, 0xff,                               // xor edi, edi
        0x0f, 0x05,                               // syscall
        // set: SIGINT, SIGTERM, SIGCHLD
        0x02, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
};

#[rustfmt::skip]
const AARCH64: Machine = Machine {
    elf: 183,
    architecture: "arm64",
    code: &[
        // start:
        0xe8, 0x10, 0x80, 0xd2, // mov x8, 135 (rt_sigprocmask)
        0x00, 0x00, 0x80, 0xd2, // mov x0, 0 (SIG_BLOCK)
        0x41, 0x03, 0x00, 0x10, // adr x1, set
        0x02, 0x00, 0x80, 0xd2, // mov x2, 0
        0x03, 0x01, 0x80, 0xd2, // mov x3, 8 (bytes in set)
        0x01, 0x00, 0x00, 0xd4, // svc 0
        // wait:
        0x28, 0x11, 0x80, 0xd2, // mov x8, 137 (rt_sigtimedwait)
        0xa0, 0x02, 0x00, 0x10, // adr x0, set
        0x01, 0x00, 0x80, 0xd2, // mov x1, 0
        0x02, 0x00, 0x80, 0xd2, // mov x2, 0 (no time limit)
        0x03, 0x01, 0x80, 0xd2, // mov x3, 8
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0x1f, 0x08, 0x00, 0xf1, // cmp x0, 2 (SIGINT)
        0x80, 0x01, 0x00, 0x54, // b.eq exit
        0x1f, 0x3c, 0x00, 0xf1, // cmp x0, 15 (SIGTERM)
        0x40, 0x01, 0x00, 0x54, // b.eq exit
        // reap:
        0x88, 0x20, 0x80, 0xd2, // mov x8, 260 (wait4)
        0x00, 0x00, 0x80, 0x92, // mov x0, -1 (any child)
        0x01, 0x00, 0x80, 0xd2, // mov x1, 0
        0x22, 0x00, 0x80, 0xd2, // mov x2, 1 (WNOHANG)
        0x03, 0x00, 0x80, 0xd2, // mov x3, 0
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0x1f, 0x00, 0x00, 0xf1, // cmp x0, 0
        0x2c, 0xff, 0xff, 0x54, // b.gt reap
        0xee, 0xff, 0xff, 0x17, // b wait
        // exit:
        0xa8, 0x0b, 0x80, 0xd2, // mov x8, 93 (exit)
        0x00, 0x00, 0x80, 0xd2, // mov x0, 0
        0x01, 0x00, 0x00, 0xd4, // svc 0
        // set: SIGINT, SIGTERM, SIGCHLD
        0x02, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
};

const HOST: &Machine = if cfg!(target_arch = "aarch64") {
    &AARCH64
} else {
    &X86_64
};

/// The image for this machine.
pub(super) fn image() -> ImageContent {
    build(HOST)
}

fn build(machine: &Machine) -> ImageContent {
    let layer = Blob::from_bytes(LAYER_TYPE, layer(&executable(machine)));
    let config = json!({
        "architecture": machine.architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": USER, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [layer.descriptor.digest]},
    });
    let config = Blob::from_bytes(CONFIG_TYPE, config.to_string().into_bytes());
    let target = Blob::manifest(MANIFEST_TYPE, &config.descriptor, &[&layer.descriptor]);
    let image = NamedImage {
        name: PAUSE_IMAGE.to_owned(),
        id: Some(config.descriptor.digest.clone()),
        target: Descriptor::clone(&target.descriptor),
    };
    ImageContent {
        blobs: vec![layer, config, target],
        images: vec![image],
    }
}

/// A file system with the program in it, the same to the last byte whenever it is made.
fn layer(program: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(program.len() as u64);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "pause", program)
        .and_then(|()| tar.into_inner())
        .expect("writing to memory does not fail")
}

/// A static ELF executable: header, one segment that is read and run, code. See elf(5).
fn executable(machine: &Machine) -> Vec<u8> {
    const HEADER_BYTES: u16 = 64;
    const SEGMENT_BYTES: u16 = 56;
    const BASE: u64 = 0x40_0000;
    const READ_EXECUTE: u32 = 5;
    let code_at = u64::from(HEADER_BYTES + SEGMENT_BYTES);
    let size = code_at + machine.code.len() as u64;

    // Magic number, 64 bits, little endian, version 1; then padding to 16 bytes.
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    elf.resize(16, 0);
    let half = |elf: &mut Vec<u8>, value: u16| elf.extend(value.to_le_bytes());
    let word = |elf: &mut Vec<u8>, value: u32| elf.extend(value.to_le_bytes());
    let long = |elf: &mut Vec<u8>, value: u64| elf.extend(value.to_le_bytes());
    half(&mut elf, 2); // an executable
    half(&mut elf, machine.elf);
    word(&mut elf, 1); // version
    long(&mut elf, BASE + code_at); // entry point
    long(&mut elf, u64::from(HEADER_BYTES)); // where segments are described
    long(&mut elf, 0); // no sections
    word(&mut elf, 0); // no flags
    half(&mut elf, HEADER_BYTES);
    half(&mut elf, SEGMENT_BYTES);
    half(&mut elf, 1); // one segment
    for _ in 0..3 {
        half(&mut elf, 0); // sections: size, number, names
    }
    word(&mut elf, 1); // to be loaded
    word(&mut elf, READ_EXECUTE);
    long(&mut elf, 0); // from the file's start
    long(&mut elf, BASE);
    long(&mut elf, BASE);
    long(&mut elf, size); // in the file
    long(&mut elf, size); // in memory
    long(&mut elf, 0x1_0000); // alignment: the largest page there is
    elf.extend(machine.code);
    elf
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn the_image_is_the_same_whenever_it_is_made() {
        for machine in [&X86_64, &AARCH64] {
            let [one, two] = [build(machine), build(machine)];
            assert_eq!(one.images[0].target.digest, two.images[0].target.digest);
        }
    }

    #[test]
    fn a_stop_signal_ends_the_program_with_success() {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("pause");
            fs::write(&path, executable(HOST)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let mut child = Command::new(&path).spawn().unwrap();
            await_waiting(child.id());
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
    }

    /// Until the program waits for its signals, one would kill it in the usual way.
    fn await_waiting(pid: u32) {
        let rt_sigtimedwait = if cfg!(target_arch = "aarch64") {
            "137 "
        } else {
            "128 "
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !fs::read_to_string(format!("/proc/{pid}/syscall"))
            .unwrap()
            .starts_with(rt_sigtimedwait)
        {
            assert!(Instant::now() < deadline, "the program does not wait");
            std::thread::yield_now();
        }
    }
}
