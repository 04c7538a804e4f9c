//! Type information in a file that the user names: the running kernel's, or refused by its name.

use std::path::Path;

use super::super::btf::made_up::Builder;
use super::made_up::{Kernel, Member};
use super::{OffsetError, Offsets};

/// An ELF file with one section of this name: header, the content, the names, three headers.
fn elf(section: &str, content: &[u8]) -> Vec<u8> {
    let names = format!("\0{section}\0.shstrtab\0");
    let mut file = vec![0_u8; 64];
    file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    file.extend(content);
    file.extend(names.bytes());
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    let mut header = |name: u32, kind: u32, offset: usize, size: usize| {
        file.extend(name.to_le_bytes());
        file.extend(kind.to_le_bytes());
        for word in [0, 0, offset as u64, size as u64, 0, 1, 0] {
            file.extend(word.to_le_bytes());
        }
    };
    header(0, 0, 0, 0);
    header(1, 1, 64, content.len());
    let second = u32::try_from(section.len()).expect("short") + 2;
    header(second, 3, 64 + content.len(), names.len());
    // e_type, e_machine, e_version; e_shoff; e_ehsize, e_shentsize, e_shnum, e_shstrndx.
    file[16..24].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[52..54].copy_from_slice(&64_u16.to_le_bytes());
    file[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    file
}

fn external(file: &[u8], kernel: Option<&[u8]>) -> Result<Offsets, OffsetError> {
    Offsets::external(Path::new("/a/file"), file, kernel, &[], &[])
}

#[test]
fn a_file_of_the_same_kernel_is_taken_raw_and_as_a_section() {
    let data = Kernel::whole().build();
    let whole = Offsets::resolve(&data, &[], &[]).expect("whole").layout;
    for file in [data.clone(), elf(".BTF", &data)] {
        let with = external(&file, Some(&data)).expect("the same");
        assert_eq!((with.layout, with.ids_known), (whole, true));
        // Without the kernel's own, nothing tells that the ids are the kernel's.
        let without = external(&file, None).expect("readable");
        assert_eq!((without.layout, without.ids_known), (whole, false));
        assert!(without.tracepoints.0.is_empty() && without.functions.0.is_empty());
    }
}

#[test]
fn a_file_of_another_kernel_is_refused_by_its_first_difference() {
    let mut kernel = Kernel::whole();
    let own = kernel.build();
    let task = kernel.members("task_struct");
    task.insert("tgid".to_owned(), Member::Value(12_000));
    let error = external(&kernel.build(), Some(&own)).expect_err("another");
    let text = error.to_string();
    assert!(
        text.contains("/a/file is not of the running kernel: task_tgid is 12000 there"),
        "{text}"
    );
    // A member that only one of them has is a difference, too.
    kernel = Kernel::whole();
    kernel.members("mount").remove("overmount");
    let text = external(&kernel.build(), Some(&own))
        .expect_err("another")
        .to_string();
    assert!(text.contains("mount_overmount is absent there"), "{text}");
}

#[test]
fn a_file_that_is_no_btf_is_refused_by_its_name() {
    let whole = Kernel::whole().build();
    let mut headless = elf(".BTF", &whole);
    headless.truncate(70);
    for (file, why) in [
        (Vec::new(), "cut off"),
        (b"#!/bin/sh\n".to_vec(), "magic 0x2123"),
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        (elf(".text", &whole), "no section .BTF"),
        (elf(".BTF", b"none"), "magic 0x6f6e"),
        (headless, "ELF file cannot be read"),
        (
            Builder::default().int().build(),
            "lacks what scope depends on",
        ),
    ] {
        for kernel in [None, Some(&whole[..])] {
            let error = external(&file, kernel).expect_err(why);
            let text = error.to_string();
            assert!(matches!(error, OffsetError::External { .. }), "{text}");
            assert!(text.starts_with("/a/file ") && text.contains(why), "{text}");
        }
    }
}
