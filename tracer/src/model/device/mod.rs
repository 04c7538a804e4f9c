//! Which devices a task can use: v1's list and v2's programs as one function of kind, numbers and
//! access, and a table of all that it can answer. Owns that meaning, which is the kernel's; what was
//! asked for is not known here.

mod program;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::event::DeviceProgramPart;
use crate::event::certificate::{Certificate, DeviceException, DeviceList};
use crate::event::device::{Access, DeviceKind, DeviceSet};

pub use program::Opaque;
use program::{Compared, Question};

/// Instructions of the programs seen in a run, by the kernel's number.
#[derive(Clone, Debug, Default)]
pub struct DevicePrograms(BTreeMap<u32, Instructions>);

#[derive(Clone, Debug, Default)]
struct Instructions {
    length: usize,
    known: BTreeMap<usize, u64>,
}

impl DevicePrograms {
    /// Takes some instructions of a program.
    pub fn add(&mut self, part: &DeviceProgramPart) {
        let program = self.0.entry(part.id).or_default();
        program.length = part.length as usize;
        let numbers = part.first as usize..;
        program
            .known
            .extend(numbers.zip(part.instructions.iter().copied()));
    }

    /// All instructions of a program; `None` = not all of them are known.
    fn get(&self, id: u32) -> Option<Vec<u64>> {
        let program = self.0.get(&id)?;
        let all: Vec<u64> = program.known.values().copied().collect();
        (program.length > 0 && all.len() == program.length).then_some(all)
    }
}

/// Why it is not known which devices a task can use.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DevicesUnknown {
    /// The kernel lacks a member that the facts are read from.
    #[error("this kernel does not tell the devices of a cgroup")]
    Kernel,
    /// The list of v1 does not fit into a record.
    #[error("its devices cgroup has more exceptions than the record has room for")]
    Exceptions,
    /// So do the programs of v2.
    #[error("more BPF programs decide on devices than the record has room for")]
    Programs,
    /// Instructions of a program are missing.
    #[error("the instructions of BPF program {0}, which decides on devices, are not all known")]
    Instructions(u32),
    /// A program cannot be followed.
    #[error("BPF program {id}, which decides on devices, cannot be followed: {source}")]
    Program {
        /// The kernel's number of it.
        id: u32,
        /// Why.
        source: Opaque,
    },
}

/// Stands for every number that nobody names. Majors have 12 bits and minors 20
/// (include/linux/kdev_t.h), so no device has it.
const OTHER: u32 = u32::MAX - 1;

/// What decides on a task's devices.
struct Policy {
    list: DeviceList,
    programs: Vec<(u32, Vec<u64>)>,
}

impl Policy {
    fn of(facts: &Certificate, known: &DevicePrograms) -> Result<Self, DevicesUnknown> {
        let both = facts.device_list().zip(facts.device_programs());
        let (list, ids) = both.ok_or(DevicesUnknown::Kernel)?;
        if list.exceptions.truncated {
            return Err(DevicesUnknown::Exceptions);
        }
        if ids.truncated {
            return Err(DevicesUnknown::Programs);
        }
        let instructions = |id: u32| {
            let all = known.get(id).ok_or(DevicesUnknown::Instructions(id))?;
            Ok((id, all))
        };
        let programs = ids.items.into_iter().map(instructions);
        Ok(Self {
            list,
            programs: programs.collect::<Result<_, _>>()?,
        })
    }

    /// What can be done with a device. To open it for both is asked in one question, and allowed if
    /// that is.
    fn access(
        &self,
        kind: DeviceKind,
        major: u32,
        minor: u32,
        compared: &mut Compared,
    ) -> Result<Access, DevicesUnknown> {
        let questions = [
            Access::MKNOD,
            Access::READ,
            Access::WRITE,
            Access::READ.or(Access::WRITE),
        ];
        let mut found = Access::NONE;
        for access in questions {
            let question = Question {
                kind,
                access,
                major,
                minor,
            };
            if self.allows(question, compared)? {
                found = found.or(access);
            }
        }
        Ok(found)
    }

    /// kernel/bpf/cgroup.c, `__cgroup_bpf_check_dev_permission`: one program that refuses is enough;
    /// then security/device_cgroup.c, `devcgroup_legacy_check_permission`.
    fn allows(&self, question: Question, compared: &mut Compared) -> Result<bool, DevicesUnknown> {
        for (id, instructions) in &self.programs {
            let allowed = program::allows(instructions, question, compared)
                .map_err(|source| DevicesUnknown::Program { id: *id, source })?;
            if !allowed {
                return Ok(false);
            }
        }
        let fits = |exception: &DeviceException| {
            let Question {
                kind,
                access,
                major,
                minor,
            } = question;
            let enough = if self.list.denies {
                access.without(access_of(exception)).is_none()
            } else {
                !access.and(access_of(exception)).is_none()
            };
            exception.kind & u16::from(kind.bit()) != 0
                && (exception.major == ANY || exception.major == major)
                && (exception.minor == ANY || exception.minor == minor)
                && enough
        };
        Ok(self.list.exceptions.items.iter().any(fits) == self.list.denies)
    }
}

/// Any number, in an exception of v1.
const ANY: u32 = u32::MAX;

#[expect(
    clippy::cast_possible_truncation,
    reason = "three bits are used of it, and the rest is masked out"
)]
fn access_of(exception: &DeviceException) -> Access {
    Access(exception.access as u8).and(Access::ALL)
}

/// Minors of one kind and major.
type Minors = BTreeMap<u32, Access>;

/// Everything that decides on a task's devices can answer: [`OTHER`] stands for the numbers that
/// nobody names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices(BTreeMap<(DeviceKind, u32), Minors>);

/// A device, or all that are like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Which, and what can be done with it.
    pub devices: DeviceSet,
    /// By its numbers, in which [`OTHER`] may be; for rules to be asked about.
    numbers: (DeviceKind, u32, u32),
}

impl Reach {
    /// What a set of devices says of it.
    pub fn said_by(&self, set: &DeviceSet) -> Access {
        let (kind, major, minor) = self.numbers;
        set.of(kind, major, minor)
    }
}

impl Devices {
    /// What can be done with which device, those that are named in `asked` told apart from others.
    pub fn of<'a>(
        facts: &Certificate,
        known: &DevicePrograms,
        asked: impl IntoIterator<Item = &'a DeviceSet>,
    ) -> Result<Self, DevicesUnknown> {
        let policy = Policy::of(facts, known)?;
        let named = |exception: &DeviceException| (exception.major, exception.minor);
        let of_rule = |set: &DeviceSet| (set.major.unwrap_or(ANY), set.minor.unwrap_or(ANY));
        let listed = policy.list.exceptions.items.iter().map(named);
        let pairs: BTreeSet<(u32, u32)> = listed.chain(asked.into_iter().map(of_rule)).collect();
        let mut table = BTreeMap::new();
        for kind in DeviceKind::ALL {
            let majors = pairs.iter().map(|pair| pair.0).filter(|one| *one != ANY);
            let mut open: BTreeSet<u32> = majors.chain([OTHER]).collect();
            while let Some(major) = open.pop_first() {
                let fits = |pair: &&(u32, u32)| pair.0 == ANY || pair.0 == major;
                let minors = pairs.iter().filter(fits).map(|pair| pair.1);
                let minors = minors.filter(|one| *one != ANY).collect();
                let mut compared = Compared::default();
                let row = row(&policy, kind, major, minors, &mut compared)?;
                table.insert((kind, major), row);
                let new = compared.majors.into_iter();
                open.extend(new.filter(|one| !table.contains_key(&(kind, *one))));
            }
        }
        Ok(Self(table))
    }

    /// Each device that is told apart, and what can be done with it.
    pub fn all(&self) -> impl Iterator<Item = Reach> + '_ {
        let number = |number: u32| (number != OTHER).then_some(number);
        self.0.iter().flat_map(move |((kind, major), minors)| {
            minors.iter().map(move |(minor, access)| Reach {
                devices: DeviceSet {
                    kind: Some(*kind),
                    major: number(*major),
                    minor: number(*minor),
                    access: *access,
                },
                numbers: (*kind, *major, *minor),
            })
        })
    }

    fn access(&self, kind: DeviceKind, major: u32, minor: u32) -> Access {
        let row = self.0.get(&(kind, major));
        let row = row.or_else(|| self.0.get(&(kind, OTHER)));
        let found = row.and_then(|row| row.get(&minor).or_else(|| row.get(&OTHER)));
        found.copied().unwrap_or_default()
    }

    /// As two lists: what can be used, and what of that cannot after all. A wildcard in the first
    /// covers all numbers but those of the second.
    pub fn lists(&self) -> (Vec<DeviceSet>, Vec<DeviceSet>) {
        let (mut usable, mut except) = (Vec::new(), Vec::new());
        let mut add = |set: DeviceSet, covered: Access| {
            let (more, less) = (set.access.without(covered), covered.without(set.access));
            if !more.is_none() {
                usable.push(DeviceSet {
                    access: more,
                    ..set
                });
            }
            if !less.is_none() {
                except.push(DeviceSet {
                    access: less,
                    ..set
                });
            }
        };
        // From the widest sets to single devices, each by what the wider ones do not say yet.
        let [of_blocks, of_characters] =
            DeviceKind::ALL.map(|kind| self.access(kind, OTHER, OTHER));
        if of_blocks == of_characters {
            let access = of_blocks;
            add(
                DeviceSet {
                    access,
                    ..DeviceSet::EVERY
                },
                Access::NONE,
            );
        }
        let mut reaches: Vec<Reach> = self.all().collect();
        reaches.sort_by_key(|reach| {
            let set = reach.devices;
            (
                set.major.is_some(),
                set.minor.is_some(),
                set.kind,
                set.major,
                set.minor,
            )
        });
        for Reach { devices, numbers } in reaches {
            let (kind, major, minor) = numbers;
            let covered = match (devices.major, devices.minor) {
                (None, None) if of_blocks == of_characters => of_blocks,
                (None, None) => Access::NONE,
                (Some(_), None) | (None, Some(_)) => self.access(kind, OTHER, OTHER),
                (Some(_), Some(_)) => self
                    .access(kind, major, OTHER)
                    .or(self.access(kind, OTHER, minor)),
            };
            add(devices, covered);
        }
        (usable, except)
    }
}

/// One row of the table: all minors that the policy or `open` names, and one for the others.
fn row(
    policy: &Policy,
    kind: DeviceKind,
    major: u32,
    mut open: BTreeSet<u32>,
    compared: &mut Compared,
) -> Result<Minors, DevicesUnknown> {
    let mut row = Minors::new();
    open.insert(OTHER);
    while let Some(minor) = open.pop_first() {
        row.insert(minor, policy.access(kind, major, minor, compared)?);
        let new = compared.minors.iter().copied();
        open.extend(new.filter(|one| !row.contains_key(one)));
    }
    Ok(row)
}
