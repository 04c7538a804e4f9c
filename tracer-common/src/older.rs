//! What records of older versions of the contract were like, so that recordings of them stay readable.
//! Owns the list; must not decode.

use core::mem::offset_of;

use crate::header::{ABI_VERSION, Kind};
use crate::record::{AttachRecord, CertificateRecord, CgroupRecord};

/// A version whose records are beginnings of today's: what they have stands where it stands now.
#[derive(Clone, Copy, Debug)]
pub struct Older {
    /// Which.
    pub abi: u16,
    /// One above its highest kind.
    pub end: u16,
    /// Kinds whose records were shorter, and their length in bytes. What is missing reads as zeros, of
    /// which no bit says that they are valid.
    pub shorter: &'static [(Kind, usize)],
}

/// Of a certificate's record that ends with the devices.
const UP_TO_DEVICES: usize = 3656;

/// A path in a cgroup's record had that much room.
const CGROUP_PATH: usize = 128;
const UP_TO_PATH: usize = offset_of!(CgroupRecord, path) + CGROUP_PATH;
const ATTACH_UP_TO_PATH: usize = offset_of!(AttachRecord, path) + CGROUP_PATH;

/// Versions before [`ABI_VERSION`] that are read, the latest first and none left out: whoever raises
/// the version describes the one before here. One whose records are laid out otherwise ends the
/// list.
pub const OLDER: &[Older] = &[
    // Paths of cgroups had less room.
    Older {
        abi: 3,
        end: 13,
        shorter: &[
            (Kind::CGROUP_MKDIR, UP_TO_PATH),
            (Kind::CGROUP_RMDIR, UP_TO_PATH),
            (Kind::CGROUP_ATTACH, ATTACH_UP_TO_PATH),
        ],
    },
    // Certificates ended with `device_programs`.
    Older {
        abi: 2,
        end: 13,
        shorter: &[
            (Kind::EXEC, UP_TO_DEVICES),
            (Kind::SNAPSHOT, UP_TO_DEVICES),
            (Kind::CGROUP_MKDIR, UP_TO_PATH),
            (Kind::CGROUP_RMDIR, UP_TO_PATH),
            (Kind::CGROUP_ATTACH, ATTACH_UP_TO_PATH),
        ],
    },
];

const _: () = {
    assert!(UP_TO_DEVICES == offset_of!(CertificateRecord, certificate.terminal));
    let mut at = 0;
    while at < OLDER.len() {
        assert!(OLDER[at].abi as usize + at + 1 == ABI_VERSION as usize);
        at += 1;
    }
};

/// The least version that is read.
#[must_use]
pub const fn oldest() -> u16 {
    match OLDER.last() {
        Some(older) => older.abi,
        None => ABI_VERSION,
    }
}

/// What is known of an older version.
#[must_use]
pub fn older(abi: u16) -> Option<&'static Older> {
    OLDER.iter().find(|older| older.abi == abi)
}

impl Older {
    /// Bytes of a record of this kind, where it was shorter than today's.
    #[must_use]
    pub fn length(&self, kind: Kind) -> Option<usize> {
        let mut shorter = self.shorter.iter();
        shorter.find_map(|(one, length)| (*one == kind).then_some(*length))
    }
}
