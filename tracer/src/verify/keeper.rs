//! Who cleans up behind a tracer that is killed while it holds payloads: a process of its own that
//! waits for tracer's end, and kills who is held then. Owns that wait and who is taken for held.

use std::{
    fs,
    io::{self, Write as _},
    os::fd::AsFd as _,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
};

use super::enforce;
use crate::{collect::scope::Scope, event::Tgid};

/// The hidden word by which the program becomes a keeper.
pub const WORD: &str = "keep-held-payloads";
/// What tracer says at its end, when nobody is held any more.
const NOBODY: [u8; 1] = [0];

/// A keeper at work. It ends with this.
pub(super) struct Keeper {
    child: Child,
    tracer: io::PipeWriter,
}

impl Keeper {
    /// Starts one. Its standard input is the table of tasks and its standard output what it hears
    /// of tracer: so it inherits nothing else.
    pub(super) fn start(scope: &Scope) -> io::Result<Self> {
        let (hears, tracer) = io::pipe()?;
        let child = Command::new("/proc/self/exe")
            .arg(WORD)
            .stdin(Stdio::from(scope.descriptor().try_clone_to_owned()?))
            .stdout(Stdio::from(hears))
            // What a terminal sends is meant for the command.
            .process_group(0)
            .spawn()?;
        Ok(Self { child, tracer })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // One that has been killed hears nothing, and ends all the same.
        let _unheard = self.tracer.write_all(&NOBODY);
        let _gone = self.child.wait();
    }
}

/// Waits for tracer's end, and kills who is held if that came unannounced: who is in scope, was not
/// let go, has stopped, and is in other namespaces than tracer.
///
/// # Errors
/// This process was not started by tracer.
pub fn keep() -> Result<(), String> {
    let failed = |error: io::Error| format!("not started by tracer itself: {error}");
    let table = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let scope = Scope::of(table).map_err(|error| format!("not started by tracer: {error}"))?;
    let mut word = NOBODY;
    let heard = rustix::io::read(io::stdout().as_fd(), &mut word);
    if heard.map_err(|errno| failed(errno.into()))? > 0 {
        return Ok(());
    }
    for (tgid, start_ns) in scope.not_let_go() {
        if is_stopped(tgid) && is_elsewhere(tgid) {
            enforce::end(Tgid(tgid), start_ns);
        }
    }
    Ok(())
}

fn is_stopped(tgid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{tgid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| fields.trim_start().starts_with('T'))
}

fn is_elsewhere(tgid: u32) -> bool {
    let namespace = |of: &str, kind: &str| {
        let folder = fs::metadata(format!("/proc/{of}/ns/{kind}"));
        folder.map(|namespace| namespace.ino()).ok()
    };
    let kinds = ["mnt", "uts", "ipc", "pid", "net", "time", "cgroup", "user"];
    let tgid = tgid.to_string();
    kinds.iter().any(|kind| {
        let theirs = namespace(&tgid, kind);
        theirs.is_some() && theirs != namespace("self", kind)
    })
}
