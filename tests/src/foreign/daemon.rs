//! docker's daemons, with folders and sockets of their own. Owns their start and their end.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::process::{Pid, Signal, kill_process};

use crate::binary::await_end;

use super::{Subject, program, text, unmount_below};

/// The one image, made of the root folder.
pub(super) const IMAGE: &str = "busybox:test";
/// Either daemon is ready within that.
const PATIENCE: Timespec = Timespec {
    tv_sec: 60,
    tv_nsec: 0,
};

/// Where the client finds the daemon.
pub(super) fn socket(subject: &Subject) -> String {
    format!("unix://{}", text(&subject.runs.path("docker/docker.sock")))
}

/// Both daemons; they end with this.
pub(super) struct Daemon {
    containerd: Child,
    dockerd: Child,
    folder: std::path::PathBuf,
}

impl Daemon {
    /// Starts them, and has the image imported.
    pub(super) fn start(subject: &Subject) -> Self {
        let folder = subject.runs.directory("docker");
        let path = |name: &str| text(&folder.join(name));
        let containerd = start(
            subject,
            Command::new(program("containerd"))
                .args(["--root", &path("containerd-root")])
                .args(["--state", &path("containerd-state")])
                .args(["--address", &path("containerd.sock")]),
            &folder,
            "containerd.sock",
        );
        let dockerd = start(
            subject,
            Command::new(program("dockerd"))
                .args(["--containerd", &path("containerd.sock")])
                .args(["--data-root", &path("data")])
                .args(["--exec-root", &path("exec")])
                .args(["--pidfile", &path("pid")])
                .args(["--host", &socket(subject)])
                // Nothing of the host's network or file systems is touched.
                .args(["--iptables=false", "--bridge=none", "--ip-forward=false"])
                .arg("--storage-driver=vfs"),
            &folder,
            "docker.sock",
        );
        let daemon = Self {
            containerd,
            dockerd,
            folder,
        };
        daemon.import(subject);
        daemon
    }

    /// Both by number.
    pub(super) fn pids(&self) -> [u32; 2] {
        [self.containerd.id(), self.dockerd.id()]
    }

    fn import(&self, subject: &Subject) {
        let pack = Command::new("tar")
            .arg("-C")
            .arg(subject.rootfs())
            .args(["-c", "."])
            .stdout(Stdio::piped())
            .spawn();
        let mut pack = pack.expect("tar");
        let imported = Command::new(program("docker"))
            .args(["--host", &socket(subject), "import", "-", IMAGE])
            .stdin(pack.stdout.take().expect("piped"))
            .output()
            .expect("docker's client");
        pack.wait().expect("its end");
        let said = String::from_utf8_lossy(&imported.stderr);
        let log = fs::read_to_string(self.folder.join("docker.sock.log"));
        assert!(
            imported.status.success(),
            "{said}\n{}",
            log.unwrap_or_default()
        );
    }
}

/// Starts a daemon and waits for its socket to appear in `folder`. Who still runs when the subject goes is
/// ended with it.
pub fn start(subject: &Subject, command: &mut Command, folder: &Path, socket: &str) -> Child {
    let watch = watch(folder);
    let log = File::create(folder.join(format!("{socket}.log"))).expect("a file");
    let (mark, value) = subject.runs.mark();
    let child = command
        .env(mark, value)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("a daemon");
    while !folder.join(socket).exists() {
        let end = crate::binary::process(child.id()).expect("a process that nobody has reaped");
        let mut either = [
            PollFd::new(&watch, PollFlags::IN),
            PollFd::new(&end, PollFlags::IN),
        ];
        let ready = poll(&mut either, Some(&PATIENCE)).expect("a wait");
        let ended = !either[1].revents().is_empty();
        let log = || fs::read_to_string(folder.join(format!("{socket}.log"))).unwrap_or_default();
        assert!(ready > 0 && !ended, "no {socket}: {}", log());
        let mut events = [0; 4096];
        rustix::io::read(&watch, &mut events).expect("an event");
    }
    child
}

fn watch(folder: &Path) -> OwnedFd {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify");
    inotify::add_watch(
        &watch,
        folder,
        inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO,
    )
    .expect("a watch");
    watch
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // dockerd first: it takes its containers down, and its mounts.
        for child in [&mut self.dockerd, &mut self.containerd] {
            let asked = kill_process(Pid::from_child(child), Signal::TERM);
            if asked.is_err() || !await_end(child.id()) {
                // One that does not go by itself is killed.
                let _ended = child.kill();
            }
            let _reaped = child.wait();
        }
        // It leaves the namespace of its network mounted.
        unmount_below(&self.folder);
    }
}
