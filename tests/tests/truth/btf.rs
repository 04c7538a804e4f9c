//! The resolver against the type information of real kernels: the running one, and those that
//! `cargo xtask vm` has fetched.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tracer::collect::hooks::{GUARD, HOOKS};
use tracer::collect::offsets::{OffsetError, Offsets, VMLINUX_BTF};
use tracer::collect::{FUNCTION_PREFIX, external};

/// Members that came with a version of the kernel, as (major, minor).
const SINCE: [(&str, (u32, u32)); 2] = [("mount_overmount", (6, 17)), ("ns_common_id", (6, 18))];

/// Whatever a kernel of the matrix lacks, it is what came later, and every way of every hook is
/// found in it.
fn resolves(btf: &[u8], version: (u32, u32)) {
    let points = HOOKS.iter().flat_map(|hook| hook.ways);
    let points = points.flat_map(|means| means.programs).map(|(_, at)| *at);
    let guards = GUARD.ways.iter().flat_map(|means| means.programs);
    let functions: Vec<String> = points
        .filter(|at| at.starts_with(FUNCTION_PREFIX))
        .map(str::to_owned)
        .chain(guards.map(|(_, at)| format!("bpf_lsm_{at}")))
        .chain(["bpf_iter_task".to_owned()])
        .collect();
    let tracepoints = HOOKS.iter().filter(|hook| hook.name != "task");
    let typedefs: Vec<String> = tracepoints
        .map(|hook| format!("btf_trace_{}", hook.name))
        .collect();
    let offsets = Offsets::resolve(btf, &typedefs, &functions).expect("a kernel's own");
    let mut absent: Vec<&str> = offsets.absent.iter().map(|(field, _)| *field).collect();
    absent.sort_unstable();
    let later = SINCE.iter().filter(|(_, since)| version < *since);
    let later: Vec<&str> = later.map(|(field, _)| *field).collect();
    assert_eq!(absent, later, "{version:?}: {:?}", offsets.absent);
    assert_eq!(offsets.tracepoints.len(), typedefs.len(), "{version:?}");
    assert_eq!(offsets.functions.len(), functions.len(), "{version:?}");
}

/// `6.12.117+deb12` and the like.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split('.').map(|part| part.parse().expect(release));
    (
        numbers.next().expect(release),
        numbers.next().expect(release),
    )
}

#[test]
fn the_running_kernel_lacks_only_what_came_later() {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let btf = fs::read(VMLINUX_BTF).expect("the kernel's own");
    resolves(&btf, version(&release));
}

#[test]
fn each_kernel_of_the_matrix_lacks_only_what_came_later() {
    for image in images() {
        let name = image.file_name().and_then(|name| name.to_str());
        let release = name.and_then(|name| name.strip_prefix("vmlinuz-"));
        let elf = vmlinux(&image);
        let btf = external::btf(&elf).expect("a section with BTF");
        resolves(btf, version(release.expect("a release")));
        // And it is told from the kernel that runs.
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("btf");
        fs::write(&file, btf).expect("a file");
        match Offsets::of_file(&file, &[], &[]) {
            Err(OffsetError::OtherKernel { path, .. }) => assert_eq!(path, file),
            other => panic!("{}: {other:?}", image.display()),
        }
    }
}

/// The kernels that were fetched; says so where there are none.
fn images() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vm");
    let packages = fs::read_dir(&folder).into_iter().flatten().flatten();
    let boots = packages.filter_map(|package| fs::read_dir(package.path().join("boot")).ok());
    let files = boots.flatten().flatten().map(|file| file.path());
    let image = |path: &PathBuf| path.to_string_lossy().contains("/vmlinuz-");
    let found: Vec<PathBuf> = files.filter(image).collect();
    if found.is_empty() {
        println!("skipped: no kernel is fetched; `cargo xtask vm` does");
    }
    found
}

/// Takes the kernel out of its boot image (Documentation/arch/x86/boot.rst: `setup_sects`,
/// `payload_offset`, `payload_length`).
fn vmlinux(image: &Path) -> Vec<u8> {
    let bytes = fs::read(image).expect("an image");
    let word = |at: usize| {
        let word = bytes[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(word)).expect("an offset")
    };
    let start = (usize::from(bytes[0x1f1]) + 1) * 512 + word(0x248);
    let payload = &bytes[start..start + word(0x24c)];
    let tool = match payload {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', ..] => "xz",
        [0x02, 0x21, 0x4c, 0x18, ..] => "lz4",
        [0x1f, 0x8b, ..] => "gzip",
        other => panic!("{}: packed as {:x?}", image.display(), &other[..4]),
    };
    let mut child = Command::new(tool)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // The size of the whole stands behind the payload, which is none of its format.
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool}, which unpacks {}: {error}", image.display()));
    let mut input = child.stdin.take().expect("piped");
    let payload = payload.to_vec();
    // What follows the payload ends it early, and what was unpacked is whole all the same.
    let feed = std::thread::spawn(move || input.write_all(&payload));
    let elf = child.wait_with_output().expect("its end").stdout;
    let _fed = feed.join().expect("it feeds");
    elf
}
