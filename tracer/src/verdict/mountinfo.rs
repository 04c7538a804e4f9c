//! The mount table, and the text of `/proc/PID/mountinfo` as one. Owns its grammar (proc_pid_mountinfo(5)); must not
//! read the file.

use serde::{Deserialize, Serialize};

/// What told of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Teller {
    /// A line of `/proc/PID/mountinfo`.
    #[default]
    Mountinfo,
    /// `statmount(2)`.
    Statmount,
}

impl Teller {
    /// Its name in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mountinfo => "mountinfo",
            Self::Statmount => "statmount",
        }
    }
}

/// One mount, with the words of mountinfo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountInfo {
    /// Id of the mount.
    pub id: u32,
    /// Id of the mount that it stands on.
    pub parent: u32,
    /// `major:minor`.
    pub device: String,
    /// The directory of the file system that is mounted.
    pub root: String,
    /// Where, as the task sees it.
    pub mount_point: String,
    /// Options of the mount.
    pub options: Vec<String>,
    /// How it propagates: `shared:N`, `master:N`, `propagate_from:N`, `unbindable`; private
    /// when there is none.
    pub propagation: Vec<String>,
    /// Type of the file system.
    pub fs_type: String,
    /// What the file system says it is mounted from.
    pub source: String,
    /// Options of the file system.
    pub super_options: Vec<String>,
    /// By whom it was told.
    pub teller: Teller,
}

impl MountInfo {
    /// Whether nothing can be written through it: the mount or the file system is read-only.
    pub fn read_only(&self) -> bool {
        self.options
            .iter()
            .chain(&self.super_options)
            .any(|option| option == "ro")
    }

    /// Value of an option of the file system.
    pub fn super_option(&self, name: &str) -> Option<&str> {
        self.super_options
            .iter()
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// All lines; `None` when one of them does not follow the grammar.
pub fn parse(text: &str) -> Option<Vec<MountInfo>> {
    text.lines().map(line).collect()
}

fn line(text: &str) -> Option<MountInfo> {
    // Optional fields end with a single hyphen; no other field can be one, since the ones before
    // it are numbers, paths and options.
    let (mount, file_system) = text.split_once(" - ")?;
    let mut mount = mount.split(' ');
    let mut file_system = file_system.split(' ');
    let list = |text: &str| text.split(',').map(unescape).collect();
    Some(MountInfo {
        id: mount.next()?.parse().ok()?,
        parent: mount.next()?.parse().ok()?,
        device: mount.next()?.to_owned(),
        root: unescape(mount.next()?),
        mount_point: unescape(mount.next()?),
        options: list(mount.next()?),
        propagation: mount.map(str::to_owned).collect(),
        fs_type: unescape(file_system.next()?),
        source: unescape(file_system.next()?),
        super_options: list(file_system.next()?),
        teller: Teller::Mountinfo,
    })
}

/// Space, tab, newline and backslash are written as three octal digits (mangle() in
/// fs/proc_namespace.c).
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            _ => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_with_optional_fields_and_escapes_is_read() {
        let text = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,size=4k\n";
        let mounts = parse(text).expect("follows the grammar");
        assert_eq!(mounts[0].mount_point, "/mnt 2");
        assert_eq!(mounts[0].root, "/mnt1");
        assert_eq!((mounts[0].id, mounts[0].parent), (36, 35));
        assert_eq!(mounts[0].super_option("size"), Some("4k"));
        assert_eq!(mounts[0].propagation, ["master:1", "shared:2"]);
        assert!(!mounts[0].read_only());
    }

    #[test]
    fn a_mount_point_with_a_hyphen_between_spaces_does_not_end_the_optional_fields() {
        let text = "36 35 98:0 / /a\\040-\\040b rw - tmpfs none rw";
        assert_eq!(
            parse(text).expect("follows the grammar")[0].mount_point,
            "/a - b"
        );
    }

    #[test]
    fn a_line_that_does_not_follow_the_grammar_spoils_the_whole() {
        assert_eq!(parse("36 35 98:0 / / rw"), None);
        assert_eq!(parse("x 35 98:0 / / rw - tmpfs none rw"), None);
    }

    #[test]
    fn a_read_only_file_system_makes_its_mounts_read_only() {
        let mounts = parse("36 35 98:0 / / rw - squashfs none ro").expect("follows the grammar");
        assert!(mounts[0].read_only());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[\\\\0-9a-z /:,\u{e9}-]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("1 2 0:1 {text} {text} rw - tmpfs {text} rw"));
        }
    }
}
