//! Text as the kernel hands it over: bytes up to a NUL, perhaps cut, perhaps not UTF-8. Owns
//! the conversion; must not escape for display (that is `report`).

use serde::Serialize;
use tracer_common::record::PATH_LEN;

/// A path that had [`PATH_LEN`] bytes of room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelPath {
    /// What there was room for.
    pub text: String,
    /// It filled the room: its end is not known.
    pub cut: bool,
}

impl KernelPath {
    pub(super) fn new(bytes: &[u8; PATH_LEN]) -> Self {
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(PATH_LEN);
        Self {
            text: until_nul(bytes),
            cut: length + 1 >= PATH_LEN,
        }
    }
}

/// The bytes before the first NUL, or all; what is not UTF-8 becomes U+FFFD.
pub(super) fn until_nul(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_fills_its_room_is_known_to_be_cut() {
        let mut bytes = [b'a'; PATH_LEN];
        assert!(KernelPath::new(&bytes).cut);
        bytes[PATH_LEN - 1] = 0;
        assert!(
            KernelPath::new(&bytes).cut,
            "the kernel's copy ends with a NUL of its own"
        );
        bytes[PATH_LEN - 2] = 0;
        assert!(!KernelPath::new(&bytes).cut);
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(until_nul(b"a\xff\0rest"), "a\u{fffd}");
    }
}
