//! Text as the kernel hands it over: bytes up to a NUL, perhaps cut, perhaps not UTF-8. Owns
//! the conversion; must not escape for display (that is `report`).

use std::borrow::Cow;

use serde::Serialize;
use smol_str::SmolStr;

/// A path as far as its record had room for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelPath {
    /// What there was room for.
    pub text: SmolStr,
    /// It filled the room: its end is not known.
    pub cut: bool,
}

impl KernelPath {
    /// Of all bytes that there was room for.
    pub(super) fn new(room: &[u8]) -> Self {
        // Most system calls have none.
        if let [0, _, ..] = room {
            return Self::default();
        }
        let written = before_nul(room);
        Self {
            text: SmolStr::new(text(written)),
            cut: written.len() + 1 >= room.len(),
        }
    }
}

/// The bytes before the first NUL, or all; what is not UTF-8 becomes U+FFFD.
pub(super) fn until_nul(bytes: &[u8]) -> String {
    text(before_nul(bytes)).into_owned()
}

/// The same of a task's name, which is too short to search it a word at a time.
pub(super) fn name(bytes: &[u8; 16]) -> SmolStr {
    let end = bytes.iter().position(|&byte| byte == 0);
    SmolStr::new(text(end.map_or(bytes, |end| &bytes[..end])))
}

fn before_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end])
}

/// Nearly all is UTF-8, of which this is sure sooner than the conversion that repairs.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_fills_its_room_is_known_to_be_cut() {
        let mut bytes = [b'a'; 8];
        assert!(KernelPath::new(&bytes).cut);
        bytes[7] = 0;
        assert!(
            KernelPath::new(&bytes).cut,
            "the kernel's copy ends with a NUL of its own"
        );
        bytes[6] = 0;
        assert!(!KernelPath::new(&bytes).cut);
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(until_nul(b"a\xff\0rest"), "a\u{fffd}");
    }
}
