//! Names of resource limits by number, as of include/uapi/asm-generic/resource.h.

/// Name of each, at its number.
pub const NAMES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// Name without the `RLIMIT_`, lower case.
pub fn name(resource: u32) -> String {
    usize::try_from(resource)
        .ok()
        .and_then(|index| NAMES.get(index))
        .map_or_else(|| format!("resource_{resource}"), |name| (*name).to_owned())
}

/// Number of a name as [`name`] gives it.
pub fn number(name: &str) -> Option<u32> {
    NAMES
        .iter()
        .position(|known| *known == name)
        .and_then(|index| u32::try_from(index).ok())
}

/// A soft or hard value; the highest number stands for none.
pub fn value(limit: u64) -> String {
    if limit == u64::MAX {
        "unlimited".to_owned()
    } else {
        limit.to_string()
    }
}
