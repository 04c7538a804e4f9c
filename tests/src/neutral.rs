//! A recording without what it tells of the machine that it was made on: other processes' names,
//! mounts of its own, its release and number. Owns what is taken out; verdicts do not rest on it.

use std::fs::File;
use std::io::BufReader;
use std::mem::offset_of;
use std::path::Path;

use tracer::history::Note;
use tracer::host::RootEntry;
use tracer::recording::{Frame, Header, Reader, Tape};
use tracer::verdict::MountInfo;
use tracer_common::Kind;
use tracer_common::header::{Header as WireHeader, TaskId};
use tracer_common::record::TaskRecord;

/// Names that say nothing of the machine: those of runtimes, and tracer's own.
const KNOWN: [&str; 4] = ["containerd", "dockerd", "fixtures", "tracer"];
/// Folders that every machine has in its root.
const ROOT: [&str; 16] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root",
    "run", "sbin", "srv", "sys",
];
/// Where they stand who mount what only their machine has.
const OWN_MOUNTS: &str = "/mnt/";

/// The number of no start of any machine.
const NO_BOOT: &str = "00000000-0000-0000-0000-000000000000";

/// Copies a recording.
pub fn copy(from: &Path, to: &Path) {
    let open = || BufReader::new(File::open(from).expect("a recording"));
    let (mut reader, mut header) = Reader::open(open()).expect("a recording");
    neutral_header(&mut header);
    let out = File::create(to).expect("a file");
    let mut tape = Tape::new(out, &header).expect("a tape");
    while let Some(frame) = reader.frame().expect("a frame") {
        match frame {
            Frame::Record(bytes) => {
                let mut bytes = bytes.to_vec();
                neutral_record(&mut bytes);
                tape.record(&bytes);
            }
            Frame::Note(mut note) => {
                neutral_note(&mut note);
                tape.note(&note);
            }
            Frame::End(end) => {
                tape.finish(&end).expect("a whole recording");
                return;
            }
        }
    }
    panic!("{} has no end", from.display());
}

fn neutral_header(header: &mut Header) {
    let host = &mut header.host;
    if let Some(end) = host.kernel.find('-') {
        host.kernel.truncate(end);
    }
    NO_BOOT.clone_into(&mut host.boot_id);
    host.root_entries
        .retain(|entry: &RootEntry| ROOT.contains(&entry.name.as_str()));
    header.clock = None;
}

/// Names in the inventory of the host, of whoever is no thread of the kernel's.
fn neutral_record(bytes: &mut [u8]) {
    let kind = offset_of!(WireHeader, kind);
    let kind = u16::from_ne_bytes([bytes[kind], bytes[kind + 1]]);
    if Kind(kind) != Kind::TASK {
        return;
    }
    let flags = offset_of!(TaskRecord, flags);
    let flags = u32::from_ne_bytes(bytes[flags..flags + 4].try_into().expect("four bytes"));
    let name =
        offset_of!(TaskRecord, header) + offset_of!(WireHeader, task) + offset_of!(TaskId, comm);
    let name = &mut bytes[name..name + 16];
    let text = String::from_utf8_lossy(name);
    let known = KNOWN.contains(&text.trim_end_matches('\0'));
    if flags & TaskRecord::KERNEL_THREAD == 0 && !known {
        name.fill(0);
        name[..5].copy_from_slice(b"other");
    }
}

fn neutral_note(note: &mut Note) {
    let clean = |table: &mut Option<Vec<MountInfo>>| {
        if let Some(table) = table {
            table.retain(|mount| !mount.mount_point.starts_with(OWN_MOUNTS));
        }
    };
    match note {
        Note::HostMounts { table } | Note::Mounts { table, .. } => clean(table),
        Note::GateMounts { own, host } => {
            clean(own);
            clean(host);
        }
        Note::Waited { mounts, .. } => clean(mounts),
        _ => {}
    }
}
