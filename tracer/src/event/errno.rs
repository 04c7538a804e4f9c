//! Names of error numbers, for people. Owns only those that are the same on every architecture
//! (include/uapi/asm-generic/errno-base.h).

const NAMES: [&str; 35] = [
    "", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD",
    "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV",
    "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC",
    "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE",
];

/// The error that a system call's return value stands for: `-2` gives `ENOENT`; a value that is
/// no error gives `None`.
pub fn of_return(ret: i64) -> Option<String> {
    // Values from -4095 to -1 are errors (include/linux/err.h, MAX_ERRNO).
    if !(-4095..0).contains(&ret) {
        return None;
    }
    let number = usize::try_from(-ret).unwrap_or_default();
    Some(
        NAMES
            .get(number)
            .map_or_else(|| format!("errno {number}"), |name| (*name).to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_error_range_is_an_error() {
        assert_eq!(of_return(0), None);
        assert_eq!(of_return(-4096), None);
        assert_eq!(of_return(-2).as_deref(), Some("ENOENT"));
        assert_eq!(of_return(-34).as_deref(), Some("ERANGE"));
        assert_eq!(of_return(-95).as_deref(), Some("errno 95"));
    }
}
