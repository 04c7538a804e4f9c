//! A recording of many containers, made of the kept recordings of single ones: copy after copy, each with
//! numbers, paths and times of its own. Owns which recordings these are and how the copies follow one
//! another.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tracer::history::{Count, End, Note};
use tracer::recording::{Frame, Header, Reader, Tape};
use tracer_common::record::{
    CertificateRecord, CgroupRecord, ExitRecord, ForkRecord, NamespaceRecord, NamespaceSet,
};
use tracer_common::{ABI_VERSION, Kind};

use super::numbers::{Names, STRIDE, Twin, kind, of};

/// Runtimes whose recordings are multiplied, in turn.
pub const RUNTIMES: [&str; 3] = ["runc", "podman", "unshare"];
/// Nanoseconds from the beginning of one copy to that of the next; none lasts as long.
const APART: i64 = 2_000_000_000;

/// A part of a recording.
pub enum Piece {
    Record(Vec<u8>),
    Note(Box<Note>),
}

/// What copies are made of.
pub struct Template {
    pub header: Header,
    /// Records of the host as it was found.
    pub head: Vec<Vec<u8>>,
    began: Note,
    once: Vec<Note>,
    body: Vec<Piece>,
    end: End,
    names: Names,
    first_ns: u64,
    /// The exec of the payload, if the recording has one.
    payload: CertificateRecord,
}

/// All templates, with what copies of each call the host by the names of the first.
pub fn templates() -> Result<Vec<Template>> {
    let mut all: Vec<Template> = Vec::new();
    for runtime in RUNTIMES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
        let path = path.join(format!("abi-{ABI_VERSION}"));
        let mut one = Template::read(&path.join(runtime).join("recording"))
            .with_context(|| format!("the kept recording of {runtime}"))?;
        one.take_host_of(all.first().map(Template::baseline).as_ref());
        all.push(one);
    }
    Ok(all)
}

/// Every number of a set of namespaces, by slot.
fn ids(set: &NamespaceSet) -> [u32; 10] {
    [
        set.mnt,
        set.uts,
        set.ipc,
        set.pid,
        set.pid_for_children,
        set.net,
        set.time,
        set.time_for_children,
        set.cgroup,
        set.user,
    ]
}

impl Template {
    fn read(path: &Path) -> Result<Self> {
        let (mut reader, header) = Reader::open(BufReader::new(File::open(path)?))?;
        let (mut head, mut body, mut once) = (Vec::new(), Vec::new(), Vec::new());
        let (mut began, mut end) = (None, None);
        while let Some(frame) = reader.frame()? {
            match frame {
                Frame::Record(bytes) if began.is_none() => head.push(bytes.to_vec()),
                // An inventory of the host's tasks comes once.
                Frame::Record(bytes) if kind(bytes) == Kind::TASK => {}
                Frame::Record(bytes) => body.push(Piece::Record(bytes.to_vec())),
                Frame::Note(note) => match *note {
                    Note::Began { .. } => began = Some(*note),
                    Note::Limiting { .. } | Note::HostMounts { .. } => once.push(*note),
                    Note::Counters { .. } => {}
                    _ => body.push(Piece::Note(note)),
                },
                Frame::End(found) => end = Some(found),
            }
        }
        let records: Vec<&Vec<u8>> = body.iter().filter_map(Piece::record).collect();
        let first = records.first().context("no record")?;
        let first_ns = time(first);
        let mut template = Self {
            names: Names::default(),
            first_ns,
            payload: payload(&head, &records).context("no payload")?,
            header,
            head,
            began: began.context("no beginning")?,
            once,
            end: end.context("no end")?,
            body,
        };
        template.names = template.own();
        Ok(template)
    }

    /// tracer's own certificate.
    pub fn baseline(&self) -> CertificateRecord {
        let own = |bytes: &&Vec<u8>| {
            kind(bytes) == Kind::SNAPSHOT
                && of::<CertificateRecord>(bytes).header.task.tgid == self.header.root.0
        };
        of(self
            .head
            .iter()
            .find(own)
            .expect("tracer's own certificate"))
    }

    /// What the run brought about.
    fn own(&self) -> Names {
        let host = self.baseline().certificate.namespaces;
        let mut names = Names::default();
        for bytes in self.body.iter().filter_map(Piece::record) {
            let set = match kind(bytes) {
                Kind::FORK => {
                    let fork: ForkRecord = of(bytes);
                    number(&mut names.tasks, fork.child.tid);
                    fork.namespaces
                }
                Kind::EXEC | Kind::SNAPSHOT => {
                    of::<CertificateRecord>(bytes).certificate.namespaces
                }
                Kind::EXIT => of::<ExitRecord>(bytes).namespaces,
                Kind::NAMESPACE => of::<NamespaceRecord>(bytes).namespaces,
                Kind::CGROUP_MKDIR => {
                    let made: CgroupRecord = of(bytes);
                    let key = (made.cgroup.hierarchy, made.cgroup.id);
                    number(&mut names.cgroups, key);
                    let text = String::from_utf8_lossy(&made.path);
                    let text = text.trim_end_matches('\0').to_owned();
                    let above = |(of, path): &(u32, String)| {
                        *of == key.0 && text.starts_with(&format!("{path}/"))
                    };
                    if !names.paths.iter().any(above) {
                        names.paths.push((key.0, text));
                    }
                    continue;
                }
                _ => continue,
            };
            for id in ids(&set) {
                if id != 0 && !ids(&host).contains(&id) {
                    number(&mut names.namespaces, id);
                }
            }
            for unique in set.unique {
                if unique != 0 && !host.unique.contains(&unique) {
                    number(&mut names.unique, unique);
                }
            }
        }
        names
    }

    /// Takes over what the host is called in the first template.
    fn take_host_of(&mut self, first: Option<&CertificateRecord>) {
        let own = self.baseline();
        let there = first.unwrap_or(&own);
        let names = &mut self.names;
        let task = |record: &CertificateRecord| {
            let task = record.header.task;
            (task.tgid, task.start_ns)
        };
        (names.root, names.root_there) = (task(&own), task(there));
        let (own, there) = (&own.certificate, &there.certificate);
        let (from, to) = (ids(&own.namespaces), ids(&there.namespaces));
        names.host_namespaces = from.into_iter().zip(to).collect();
        let unique = own.namespaces.unique.into_iter();
        names.host_unique = unique.zip(there.namespaces.unique).collect();
        for entry in &own.cgroups.entries[..own.cgroups.count as usize] {
            let mut entries = there.cgroups.entries.iter();
            let same = entries.find(|other| other.hierarchy == entry.hierarchy);
            let id = same.map_or(entry.id, |other| other.id);
            names.host_cgroups.insert((entry.hierarchy, entry.id), id);
        }
        names.host_root = [own, there].map(|facts| (facts.root.dev, facts.root.ino));
    }

    /// The copy of this number, of all templates', whose first record will be the `seq`th. Where it is
    /// `living`, its payload does not end, and its cgroups stay; it has so many tasks then.
    pub fn copy(&self, number: u64, seq: u64, living: Option<u64>) -> Vec<Piece> {
        let from = i64::try_from(self.first_ns).expect("a time");
        let copy = Twin {
            names: &self.names,
            number,
            later: (i64::try_from(number).expect("few") + 500) * APART - from,
        };
        let mut pieces = Vec::new();
        // Numbers that records have here, by those that they had.
        let mut seqs: HashMap<u64, u64> = HashMap::new();
        let (mut old, mut new) = (self.head.len() as u64, seq);
        for piece in &self.body {
            match piece {
                Piece::Record(bytes) => {
                    let dropped = living.is_some() && self.ends(bytes);
                    if !dropped {
                        seqs.insert(old, new);
                        pieces.push(Piece::Record(copy.record(bytes)));
                        new += 1;
                    }
                    old += 1;
                }
                Piece::Note(note) => {
                    let mut note = note.clone();
                    if let Note::Mounts { birth: seq, .. }
                    | Note::Readings { birth: seq, .. }
                    | Note::Waited { seq, .. } = &mut *note
                    {
                        *seq = seqs.get(seq).copied().unwrap_or(u64::MAX);
                    }
                    pieces.push(Piece::Note(note));
                }
            }
        }
        if let Some(tasks) = living {
            let payload = of(&copy.record(zerocopy::IntoBytes::as_bytes(&self.payload)));
            let own = self.names.tasks.len() as u64;
            assert!(own + tasks <= STRIDE, "too many tasks for a copy");
            let forks = (own..own + tasks - 1).map(|child| copy.fork(&payload, child));
            pieces.extend(forks.map(Piece::Record));
        }
        pieces
    }

    /// Whether it tells of the container's end.
    fn ends(&self, bytes: &[u8]) -> bool {
        match kind(bytes) {
            Kind::CGROUP_RMDIR => true,
            Kind::EXIT => of::<ExitRecord>(bytes).header.task.tgid == self.payload.header.task.tgid,
            _ => false,
        }
    }
}

impl Piece {
    fn record(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Record(bytes) => Some(bytes),
            Self::Note(_) => None,
        }
    }
}

fn time(bytes: &[u8]) -> u64 {
    let header = &bytes[..size_of::<tracer_common::header::Header>()];
    of::<tracer_common::header::Header>(header).time_ns
}

/// The last program that was executed in a PID namespace of its own.
fn payload(head: &[Vec<u8>], records: &[&Vec<u8>]) -> Option<CertificateRecord> {
    let snapshot = head.iter().find(|bytes| kind(bytes) == Kind::SNAPSHOT)?;
    let host: CertificateRecord = of(snapshot);
    let execs = records.iter().filter(|bytes| kind(bytes) == Kind::EXEC);
    let mut execs = execs.map(|bytes| of::<CertificateRecord>(bytes)).rev();
    execs.find(|exec| exec.certificate.namespaces.pid != host.certificate.namespaces.pid)
}

fn number<K: std::hash::Hash + Eq>(numbers: &mut HashMap<K, u64>, key: K) {
    let next = numbers.len() as u64;
    assert!(
        next < STRIDE,
        "a template has more than {STRIDE} of its own"
    );
    numbers.entry(key).or_insert(next);
}

/// Writes a recording of at least so many records.
pub fn write(records: u64, to: &Path) -> Result<Value> {
    let templates = templates()?;
    let first = &templates[0];
    let out = BufWriter::new(File::create(to)?);
    let mut tape = Tape::new(out, &first.header)?;
    let mut kinds: HashMap<u16, u64> = HashMap::new();
    let mut written = 0;
    let mut count = |bytes: &[u8]| {
        *kinds.entry(kind(bytes).0).or_default() += 1;
        written += 1;
        written
    };
    for bytes in &first.head {
        tape.record(bytes);
        count(bytes);
    }
    tape.note(&first.began);
    for note in &first.once {
        tape.note(note);
    }
    let (mut copies, mut bytes_in_all, mut seq) = (0, 0, first.head.len() as u64);
    for template in templates.iter().cycle() {
        if seq >= records {
            break;
        }
        for piece in template.copy(copies, seq, None) {
            match piece {
                Piece::Record(bytes) => {
                    tape.record(&bytes);
                    bytes_in_all += bytes.len();
                    seq = count(&bytes);
                }
                Piece::Note(note) => tape.note(&note),
            }
        }
        copies += 1;
    }
    let kinds = kinds.into_iter().map(|(kind, submitted)| Count {
        kind: Kind(kind),
        submitted,
        lost: 0,
    });
    tape.note(&Note::Counters {
        kinds: kinds.collect(),
        scope_full: 0,
    });
    let size = tape.finish(&first.end)?;
    Ok(json!({
        "records": seq,
        "copies": copies,
        "record_bytes": bytes_in_all,
        "file_bytes": size,
    }))
}

#[cfg(test)]
mod tests {
    use tracer::event::{Body, SyscallTable, decode};
    use tracer::history::{Beginning, History};

    use super::*;

    fn history(copies: u64, living: Option<u64>) -> (History, u64) {
        let templates = templates().expect("kept recordings");
        let first = &templates[0];
        let names = first.header.syscalls.iter();
        let syscalls = SyscallTable::new(names.map(|(number, name)| (*number, name.as_str())));
        let mut beginning = Beginning::new(first.header.root, syscalls);
        for bytes in &first.head {
            beginning.take(bytes);
        }
        let mut history = beginning.begin(Vec::new()).expect("a certificate");
        let (mut seq, mut execs) = (first.head.len() as u64, 0);
        for number in 0..copies {
            for (at, template) in templates.iter().enumerate() {
                let copy = number * templates.len() as u64 + at as u64;
                for piece in template.copy(copy, seq, living) {
                    let Piece::Record(bytes) = piece else {
                        continue;
                    };
                    let event = history.decode(&bytes);
                    assert!(!matches!(event.body, Body::Unknown(_)), "{event:?}");
                    execs += u64::from(matches!(event.body, Body::Exec(_)));
                    history.take(event);
                    seq += 1;
                }
            }
        }
        (history, execs)
    }

    #[test]
    fn every_copy_is_containers_of_its_own() {
        let one = history(1, None);
        let three = history(3, None);
        assert!(one.0.births.all().len() >= RUNTIMES.len());
        assert_eq!(three.0.births.all().len(), 3 * one.0.births.all().len());
        assert_eq!(three.1, 3 * one.1);
        // A stage of runc's is moved as it sets its container up, by itself and by no other copy.
        let drift = |history: &History| -> usize {
            let births = history.births.all().iter();
            births.map(|birth| birth.drift.len()).sum()
        };
        assert_eq!(drift(&three.0), 3 * drift(&one.0));
        let mut paths: Vec<&str> = Vec::new();
        for birth in three.0.births.all() {
            assert!(!three.0.births.lives(birth));
            paths.extend(birth.cgroup_paths.first().map(AsRef::<str>::as_ref));
        }
        let all = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert!(paths.len() > all / 2, "{paths:?}");
    }

    #[test]
    fn a_copy_that_lives_on_has_its_tasks() {
        let (history, _) = history(2, Some(10));
        let living = history.births.all().iter();
        let living: Vec<usize> = living
            .map(|birth| history.births.members(birth).count())
            .filter(|members| *members >= 10)
            .collect();
        assert_eq!(living.len(), 2 * RUNTIMES.len(), "{living:?}");
    }

    #[test]
    fn a_record_of_the_first_template_keeps_what_is_the_hosts() {
        let templates = templates().expect("kept recordings");
        let host = templates[0].baseline().certificate.namespaces;
        for template in &templates {
            let pieces = template.copy(7, 0, None);
            let first = pieces.iter().find_map(Piece::record).expect("a record");
            let event = decode(&SyscallTable::new([]), 0, first);
            let of_root = event.task.tgid == templates[0].header.root;
            assert!(of_root || event.task.tgid.0 > 1 << 20, "{event:?}");
            let forks = pieces.iter().filter_map(Piece::record);
            let mut forks = forks.filter(|bytes| kind(bytes) == Kind::FORK);
            let fork: ForkRecord = of(forks.next().expect("a fork"));
            assert_eq!(fork.namespaces.user, host.user);
        }
    }
}
