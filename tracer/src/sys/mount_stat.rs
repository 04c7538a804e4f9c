//! `statmount` and `listmount` (Linux 6.8), which no crate offers. Owns the layout of what the
//! kernel writes; what it means is `host::mount_stat`'s.

use rustix::io::Errno;

/// What to ask for (include/uapi/linux/mount.h): super block, mount, where it takes its
/// propagation from, root, mount point, type, options, subtype, source.
const FACTS: u64 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x200;
/// `LSMT_ROOT`: the mount that the caller's root directory stands on.
const OF_ROOT: u64 = u64::MAX;
/// `statmount` and `listmount`, the same number on every architecture.
const STATMOUNT: libc::c_long = 457;
const LISTMOUNT: libc::c_long = 458;
/// Offset of the strings in `struct statmount`.
const STRINGS: usize = 512;
/// Longest answer that is waited for: a thousand layers of an overlay have room.
const LONGEST: usize = 1 << 20;

/// `struct mnt_id_req`, version 0.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    param: u64,
}

/// An answer of `statmount`: `struct statmount` and the strings behind it.
pub struct Answer(Vec<u64>);

/// Unique ids of all mounts below the caller's root directory, that one included.
///
/// # Errors
/// `ENOSYS` before 6.8.
pub fn list() -> Result<Vec<u64>, Errno> {
    let mut all = Vec::new();
    // The root itself is not among those below it.
    let mut part = [0u64; 256];
    loop {
        let request = Request::new(OF_ROOT, all.last().copied().unwrap_or(0));
        // SAFETY: the request is a valid mnt_id_req of the size that it names, which the kernel
        // only reads; it writes at most as many ids as the array has.
        let count = super::check(unsafe {
            libc::syscall(
                LISTMOUNT,
                std::ptr::from_ref(&request),
                part.as_mut_ptr(),
                part.len(),
                0,
            )
        })?;
        let listed = usize::try_from(count)
            .ok()
            .and_then(|count| part.get(..count))
            .unwrap_or(&part);
        all.extend_from_slice(listed);
        if listed.len() < part.len() {
            return Ok(all);
        }
    }
}

/// Facts of the mount with this unique id.
///
/// # Errors
/// `ENOENT` when it is gone; `EOVERFLOW` when its strings have a megabyte.
pub fn stat(mount: u64) -> Result<Answer, Errno> {
    let request = Request::new(mount, FACTS);
    let mut bytes = 4096;
    loop {
        let mut answer = vec![0u64; bytes / 8];
        // SAFETY: the request is a valid mnt_id_req of the size that it names, which the kernel
        // only reads; it writes at most `bytes` bytes, which the buffer has.
        let result = super::check(unsafe {
            libc::syscall(
                STATMOUNT,
                std::ptr::from_ref(&request),
                answer.as_mut_ptr(),
                bytes,
                0,
            )
        });
        match result {
            Ok(_) => return Ok(Answer(answer)),
            Err(Errno::OVERFLOW) if bytes < LONGEST => bytes *= 4,
            Err(error) => return Err(error),
        }
    }
}

/// Of a request, which tells the kernel which of its versions it is (`MNT_ID_REQ_SIZE_VER0`).
const SIZE: u32 = 24;
const _: () = assert!(size_of::<Request>() == SIZE as usize);

impl Request {
    fn new(mount: u64, param: u64) -> Self {
        Self {
            size: SIZE,
            spare: 0,
            mount,
            param,
        }
    }
}

impl Answer {
    /// The number of four bytes at `offset` of `struct statmount`.
    pub fn word(&self, offset: usize) -> u32 {
        let both = self.long(offset & !7);
        // The kernel's fields are in its own byte order.
        let bytes = both.to_ne_bytes();
        let at = offset & 4;
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    /// The number of eight bytes at `offset`, a multiple of eight.
    pub fn long(&self, offset: usize) -> u64 {
        self.0.get(offset / 8).copied().unwrap_or(0)
    }

    /// The string whose place the word at `offset` tells.
    pub fn string(&self, offset: usize) -> Vec<u8> {
        let start = STRINGS + self.word(offset) as usize;
        let bytes = self.0.iter().flat_map(|word| word.to_ne_bytes());
        bytes.skip(start).take_while(|byte| *byte != 0).collect()
    }

    /// Whether the kernel has told what this bit of its mask stands for.
    pub fn tells(&self, bit: u64) -> bool {
        self.long(8) & bit != 0
    }
}
