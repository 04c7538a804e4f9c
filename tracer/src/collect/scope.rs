//! The table of thread groups in scope, which the kernel side keeps up to date. Owns what its
//! values mean.

use std::io::ErrorKind;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use aya::maps::{HashMap, Map, MapData, MapError};
use tracer_common::config::{EXECUTED, HELD, KEEPS_NAMESPACES, LET_GO, STARTED, UNTOLD};

use super::CollectError;

/// Of bpf(2): an element is changed, and never made.
const BPF_EXIST: u64 = 2;

/// Thread group to the start of its leader, and whether it has been let go.
pub struct Scope {
    groups: HashMap<MapData, u32, u64>,
    descriptor: OwnedFd,
}

impl Scope {
    pub(super) fn new(map: Map) -> Result<Self, CollectError> {
        let opened = || -> Result<Self, MapError> {
            let Map::HashMap(data) = &map else {
                return Err(MapError::InvalidMapType { map_type: 0 });
            };
            Ok(Self {
                descriptor: data.fd().as_fd().try_clone_to_owned()?,
                groups: HashMap::try_from(map)?,
            })
        };
        opened().map_err(failed("opening the table of tasks"))
    }

    /// The table that a descriptor is of, from another process.
    ///
    /// # Errors
    /// It is of something else.
    pub fn open(descriptor: OwnedFd) -> Result<Self, CollectError> {
        let data = MapData::from_fd(descriptor).map_err(failed("opening the table of tasks"))?;
        Self::new(Map::HashMap(data))
    }

    /// A descriptor of it, for another process.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Takes a thread group that was there before into scope, with all that it creates from now
    /// on. `start_ns` is the start of its leader in nanoseconds of boot time.
    pub fn adopt(&mut self, tgid: u32, start_ns: u64) -> Result<(), CollectError> {
        let insert = self.groups.insert(tgid, start_ns, 0);
        insert.map_err(failed("taking a process into scope"))
    }

    /// As [`Scope::adopt`], and has it go on executing programs.
    pub fn admit(&mut self, tgid: u32, start_ns: u64) -> Result<(), CollectError> {
        self.adopt(tgid, start_ns | EXECUTED | LET_GO)
    }

    /// Has a thread group that was held, and what it creates, go on executing programs; with
    /// `keeps_namespaces` it cannot change its namespaces where the kernel can refuse that. One that has
    /// ended meanwhile is in scope no more, and does not come back: whoever gets its number is another.
    pub fn let_go(
        &mut self,
        tgid: u32,
        start_ns: u64,
        keeps_namespaces: bool,
    ) -> Result<(), CollectError> {
        let condition = if keeps_namespaces {
            KEEPS_NAMESPACES
        } else {
            0
        };
        let value = start_ns | EXECUTED | LET_GO | condition;
        match self.groups.insert(tgid, value, BPF_EXIST) {
            Err(MapError::SyscallError(error)) if error.io_error.kind() == ErrorKind::NotFound => {
                Ok(())
            }
            done => done.map_err(failed("letting go of a process")),
        }
    }

    /// Takes a thread group out of scope. Tells whether it was there.
    pub fn put_out(&mut self, tgid: u32) -> Result<bool, CollectError> {
        match self.groups.remove(&tgid) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(error)) if error.io_error.kind() == ErrorKind::NotFound => {
                Ok(false)
            }
            Err(error) => Err(failed("taking a process out of scope")(error)),
        }
    }

    /// How many there are, while some come and others go.
    pub fn entries(&self) -> u64 {
        // A walk goes back to the start where the entry that it stands at is removed.
        self.groups
            .keys()
            .filter_map(Result::ok)
            .take(1 << 18)
            .count() as u64
    }

    /// Those that are held, and the start of each.
    pub fn held(&self) -> impl Iterator<Item = (u32, u64)> {
        self.with(HELD)
    }

    /// Those that are held though the record that would tell so was lost, and the start of each.
    pub fn held_untold(&self) -> impl Iterator<Item = (u32, u64)> {
        self.with(HELD | UNTOLD)
    }

    fn with(&self, bits: u64) -> impl Iterator<Item = (u32, u64)> {
        let all = self.groups.iter().filter_map(Result::ok);
        all.filter(move |(_, value)| value & bits == bits)
            .map(|(tgid, value)| (tgid, value & STARTED))
    }
}

fn failed(what: &'static str) -> impl Fn(MapError) -> CollectError {
    move |source| CollectError::Map { what, source }
}
