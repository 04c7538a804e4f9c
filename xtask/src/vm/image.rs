//! The root that a guest lives in: the test programs and what they need of this machine, at the
//! paths they have here, so that they find each other. Owns the list of programs.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cpio::Archive;
use super::plan::Plan;
use super::runtimes::{self, Runtime};
use crate::{route, shell};

/// What tests and their payloads start by name.
const PROGRAMS: &[&str] = &[
    "apparmor_parser",
    "awk",
    "basename",
    "bash",
    "busybox",
    "cat",
    "chmod",
    "chown",
    "chroot",
    "chrt",
    "cp",
    "cut",
    "df",
    "dd",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "flock",
    "getent",
    "grep",
    "head",
    "hostname",
    "id",
    "ionice",
    "ip",
    "kill",
    "ln",
    "ls",
    "lsns",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "nice",
    "nproc",
    "nsenter",
    "perl",
    "pivot_root",
    "prlimit",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "script",
    "sed",
    "seq",
    "setarch",
    "setpriv",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "stat",
    "sync",
    "tail",
    "taskset",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "umount",
    "uname",
    "uniq",
    "unshare",
    "wc",
    "xargs",
    "yes",
];
/// Folders of programs for root, which the PATH of other users lacks.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];
/// Files that programs read.
const FILES: &[&str] = &[
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
];
/// Folders that are there on every machine, whatever is in them.
const FOLDERS: &[&str] = &[
    "/dev",
    "/etc",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/tmp",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/usr/share",
    "/var/lib",
    "/var/tmp",
    "/vm",
];
/// Links to folders, on a machine that has them so.
const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib64"];
/// Programs above this size are mostly what a debugger wants of them.
const LARGE: u64 = 4 << 20;
const SEARCH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What goes in.
pub struct Content<'a> {
    pub plan: &'a Plan,
    /// The program under test.
    pub tracer: &'a Path,
    /// Programs that tests start by the path they have here.
    pub companions: &'a [PathBuf],
    /// Container runtimes that its tests are about.
    pub runtimes: &'a [&'a Runtime],
    /// The first process.
    pub init: &'a Path,
    /// The root of a system of the guest's architecture, where that is not this machine's: its programs
    /// are all taken from there.
    pub system: Option<&'a Path>,
}

/// Writes the archive to `place`; beside it are kept smaller copies of the programs.
pub fn write(content: &Content<'_>, place: &Path) -> Result<()> {
    let file = File::create(place).with_context(|| format!("cannot write {}", place.display()))?;
    let cache = place.with_extension("stripped");
    fs::create_dir_all(&cache)?;
    let mut image = Image {
        archive: Archive::new(BufWriter::new(file)),
        cache,
    };
    image.fill(content)?;
    image.archive.end()?;
    Ok(())
}

struct Image<W> {
    archive: Archive<W>,
    cache: PathBuf,
}

impl<W: Write> Image<W> {
    fn fill(&mut self, content: &Content<'_>) -> Result<()> {
        if let Some(system) = content.system {
            self.tree(system, Path::new("/"))?;
        }
        for link in MERGED.iter().filter(|_| content.system.is_none()) {
            self.parents(Path::new(link))?;
        }
        for folder in FOLDERS {
            self.archive.folder(folder)?;
        }
        self.archive.device("/dev/console", (5, 1))?;
        for path in FILES.iter().filter(|path| Path::new(path).is_file()) {
            self.add(Path::new(path))?;
        }
        self.archive.file("/etc/hostname", 0o644, b"guest\n")?;
        if content.system.is_none() {
            self.programs_of_this_machine(content.runtimes)?;
        }
        let suites = content.plan.suites.iter();
        let programs = suites.clone().map(|suite| suite.program.as_path());
        let others = content.companions.iter().map(PathBuf::as_path);
        for program in programs.chain(others).chain([content.tracer]) {
            match content.system {
                // Its libraries are the system's.
                Some(_) => self.add(program)?,
                None => self.program(program)?,
            }
        }
        for suite in suites {
            self.archive.folder(&shown(&suite.folder)?)?;
        }
        // Tests run what is in it.
        let examples = shell::root().join("examples");
        self.archive.folder(&shown(&examples)?)?;
        self.tree(&examples, &examples)?;
        self.archive.link("/init", &shown(content.init)?)?;
        let unit = unit(&shown(content.init)?);
        self.archive.file(UNIT, 0o644, unit.as_bytes())?;
        self.archive
            .file("/vm/plan", 0o644, content.plan.lines().as_bytes())?;
        let environment = format!(
            "PATH={SEARCH}\nHOME=/\nTRACER_BIN={}\n",
            shown(content.tracer)?
        );
        self.archive
            .file("/vm/environment", 0o644, environment.as_bytes())?;
        Ok(())
    }

    fn programs_of_this_machine(&mut self, runtimes: &[&Runtime]) -> Result<()> {
        let mut missing = Vec::new();
        for name in PROGRAMS {
            match find(name) {
                Some(path) => self.program(&path)?,
                None => missing.push(*name),
            }
        }
        if !missing.is_empty() {
            println!("vm: the guest goes without {}", missing.join(", "));
        }
        for runtime in runtimes {
            for program in runtime.programs.iter().filter_map(|name| find(name)) {
                self.program(&program)?;
            }
            for file in runtimes::files(runtime) {
                self.add(file)?;
            }
        }
        Ok(())
    }

    /// All that is in a folder, as `place` and below.
    fn tree(&mut self, folder: &Path, place: &Path) -> Result<()> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, name) = (entry.path(), place.join(entry.file_name()));
            let shown = shown(&name)?;
            let about = entry.metadata()?;
            if about.is_dir() {
                self.archive.folder(&shown)?;
                self.tree(&path, &name)?;
            } else if about.is_symlink() {
                self.archive
                    .link(&shown, &self::shown(&fs::read_link(&path)?)?)?;
            } else {
                let mode = about.permissions().mode() & 0o7777;
                self.archive.file(&shown, mode, &fs::read(&path)?)?;
            }
        }
        Ok(())
    }

    /// A program and the libraries that it is linked with.
    fn program(&mut self, path: &Path) -> Result<()> {
        if self.archive.has(&shown(path)?) {
            return Ok(());
        }
        self.add(path)?;
        // Scripts and programs without libraries make ldd fail.
        let libraries = shell::read(Command::new("ldd").arg(path)).unwrap_or_default();
        for library in needed(&libraries) {
            self.add(Path::new(library))?;
        }
        Ok(())
    }

    /// A file, with the links on the way to it as they are here.
    fn add(&mut self, path: &Path) -> Result<()> {
        let path = self.parents(path)?;
        let name = shown(&path)?;
        if self.archive.has(&name) {
            return Ok(());
        }
        let about = fs::metadata(&path).with_context(|| format!("cannot look at {name}"))?;
        let source = if about.len() > LARGE {
            self.stripped(&path)
        } else {
            path.clone()
        };
        let bytes = fs::read(&source).with_context(|| format!("cannot read {name}"))?;
        let mode = about.permissions().mode() & 0o7777;
        self.archive.file(&name, mode, &bytes)?;
        Ok(())
    }

    /// Follows every link in the path, entering it in the archive; where it ends.
    fn parents(&mut self, path: &Path) -> Result<PathBuf> {
        let mut real = PathBuf::from("/");
        for part in path.components() {
            match part {
                Component::Normal(name) => real.push(name),
                Component::ParentDir => {
                    real.pop();
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
            while let Ok(target) = fs::read_link(&real) {
                self.archive.link(&shown(&real)?, &shown(&target)?)?;
                real.pop();
                real = self.parents(&real.join(target))?;
            }
            if real.is_dir() {
                self.archive.folder(&shown(&real)?)?;
            }
        }
        Ok(real)
    }

    /// A copy without debug information, made once for each build; the program itself where that
    /// cannot be made.
    fn stripped(&self, path: &Path) -> PathBuf {
        let Some(name) = path.file_name() else {
            return path.to_owned();
        };
        let copy = self.cache.join(name);
        let time = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        let fresh = time(&copy).is_some_and(|made| Some(made) > time(path));
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").args([&copy, path]);
        if fresh || shell::succeeds(&mut strip) {
            copy
        } else {
            path.to_owned()
        }
    }
}

/// Where systemd finds the tests as a service.
const UNIT: &str = "/etc/systemd/system/tracer-tests.service";

/// They say on the console what the first process hands on elsewhere, and the machine ends with them.
fn unit(program: &str) -> String {
    format!(
        "[Unit]\nRequires=basic.target\nAfter=basic.target\nSuccessAction=poweroff-immediate\nFailureAction=poweroff-immediate\n\
         [Service]\nType=oneshot\nExecStart={program} tests\nTimeoutStartSec=infinity\n\
         StandardOutput=file:/dev/console\nStandardError=file:/dev/console\n"
    )
}

/// Where a program is that a guest is to have.
pub fn find(name: &str) -> Option<PathBuf> {
    let by_path = SEARCH
        .split(':')
        .chain(SBIN)
        .map(|folder| Path::new(folder).join(name));
    by_path
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| route::find_program(name))
}

fn shown(path: &Path) -> Result<String> {
    let path = path.to_str().map(str::to_owned);
    path.context("a path that is not UTF-8 cannot be taken into the guest")
}

/// The paths in what ldd prints.
fn needed(libraries: &str) -> Vec<&str> {
    let paths = libraries.lines().filter_map(|line| {
        let line = line.trim();
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        path.split(' ').next()
    });
    paths.filter(|path| path.starts_with('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_with_the_loader_and_without_the_kernels_own() {
        let libraries = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x2)\n\tlibnone.so => not found\n";
        assert_eq!(
            needed(libraries),
            ["/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]
        );
        assert!(needed("\tstatically linked\n").is_empty());
    }
}
