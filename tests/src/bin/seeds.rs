//! What fuzzing begins with, from the kept recordings: a record of each kind, and short recordings as
//! frames. The only argument is the folder with a folder for each target. Owns which are taken; the
//! forms are those that tests/fuzz reads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use tracer::recording::{Frame, Reader};

const RUNTIMES: [&str; 3] = ["unshare", "runc", "podman"];
/// Frames of one input at most: what is long is slow to change.
const FRAMES: usize = 12;
/// Kinds of frame, as tests/fuzz/src/recording.rs numbers them.
const RECORD: u8 = 0;
const NOTE: u8 = 1;
const END: u8 = 2;
const TRAILER: u8 = 3;

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("a folder to write to");
    let mut kinds: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    for runtime in RUNTIMES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
        let path = path.join(format!("abi-{}", tracer_common::ABI_VERSION));
        let file = File::open(path.join(runtime).join("recording")).expect("a recording");
        let (mut reader, _) = Reader::open(BufReader::new(file)).expect("a recording");
        let mut framed: Vec<(u8, Vec<u8>)> = Vec::new();
        while let Some(frame) = reader.frame().expect("a frame") {
            match frame {
                Frame::Record(bytes) => {
                    let kind = u16::from_ne_bytes([bytes[0], bytes[1]]);
                    // An inventory is long, and one task of it as good as all.
                    if kind != tracer_common::Kind::TASK.0 || !kinds.contains_key(&kind) {
                        framed.push((RECORD, bytes.to_vec()));
                    }
                    kinds.entry(kind).or_insert_with(|| bytes.to_vec());
                }
                Frame::Note(note) => {
                    let bytes = serde_json::to_vec(&note).expect("JSON");
                    framed.push((NOTE, bytes));
                }
                Frame::End(end) => framed.push((END, serde_json::to_vec(&end).expect("JSON"))),
            }
        }
        framed.push((TRAILER, b"{}".to_vec()));
        // What is behind the beginning needs it, so that all of it stands in each.
        let began = framed.iter().position(|(kind, _)| *kind == NOTE);
        let (head, rest) = framed.split_at(began.expect("a beginning") + 1);
        for (number, some) in rest.chunks(FRAMES).enumerate() {
            let bytes = frames(head.iter().chain(some));
            write(&folder, "recording", &format!("{runtime}-{number}"), &bytes);
        }
    }
    for (kind, bytes) in kinds {
        write(&folder, "decode", &format!("kind-{kind}"), &bytes);
    }
}

fn frames<'a>(frames: impl Iterator<Item = &'a (u8, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, content) in frames {
        let length = u16::try_from(content.len()).expect("short");
        bytes.extend(length.to_le_bytes());
        bytes.push(*kind);
        bytes.extend(content);
    }
    bytes
}

fn write(folder: &Path, target: &str, name: &str, bytes: &[u8]) {
    let folder = folder.join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a seed");
}
