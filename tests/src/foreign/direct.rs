//! Runtimes that take all that they are asked for on the command line or in a file of their own.
//! Owns their words.

use std::fmt::Write as _;
use std::fs;

use tracer::event::NamespaceKind;

use super::{Request, Subject, program, text};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The root is entered by chroot(2).
pub(super) fn unshare(subject: &Subject, request: &Request) -> Vec<String> {
    let mut all = words(&["unshare", "--kill-child", "--mount-proc"]);
    for kind in &request.namespaces {
        let flag = match kind {
            NamespaceKind::Mnt => "--mount",
            NamespaceKind::Uts => "--uts",
            NamespaceKind::Ipc => "--ipc",
            NamespaceKind::Pid => "--pid",
            NamespaceKind::Net => "--net",
            NamespaceKind::User => "--map-root-user",
            NamespaceKind::Cgroup => "--cgroup",
            NamespaceKind::Time => "--time",
        };
        all.push(flag.to_owned());
    }
    all.push(format!("--root={}", text(&subject.rootfs())));
    if let Some((uid, gid)) = request.user {
        all.extend([format!("--setuid={uid}"), format!("--setgid={gid}")]);
    }
    all.extend(request.args.iter().cloned());
    all
}

pub(super) fn bwrap(subject: &Subject, request: &Request) -> Vec<String> {
    let mut all = words(&["bwrap", "--die-with-parent"]);
    for kind in &request.namespaces {
        if *kind != NamespaceKind::Mnt {
            all.push(format!("--unshare-{}", kind.name()));
        }
    }
    let bind = if request.read_only {
        "--ro-bind"
    } else {
        "--bind"
    };
    all.extend([bind.to_owned(), text(&subject.rootfs()), "/".to_owned()]);
    all.extend(words(&[
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
    ]));
    if let Some(hostname) = &request.hostname {
        all.extend(["--hostname".to_owned(), hostname.clone()]);
    }
    all.extend(request.args.iter().cloned());
    all
}

pub(super) fn nspawn(subject: &Subject, request: &Request) -> Vec<String> {
    let mut all = words(&[
        "systemd-nspawn",
        "--register=no",
        "--keep-unit",
        "--console=pipe",
        "--quiet",
        // Nothing of the host is put into the root folder.
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--as-pid2",
    ]);
    all.push(format!("--directory={}", text(&subject.rootfs())));
    all.push(format!("--setenv={}", subject.mark()));
    if request.is_new(NamespaceKind::Net) {
        all.push("--private-network".to_owned());
    }
    if request.is_new(NamespaceKind::User) {
        all.push("--private-users=100000:65536".to_owned());
    }
    if let Some(hostname) = &request.hostname {
        all.push(format!("--hostname={hostname}"));
    }
    if request.no_new_privileges {
        all.push("--no-new-privileges=yes".to_owned());
    }
    if request.read_only {
        all.push("--read-only".to_owned());
    }
    if let Some((soft, hard)) = request.open_files {
        all.push(format!("--rlimit=NOFILE={soft}:{hard}"));
    }
    all.extend(request.args.iter().cloned());
    all
}

/// All that it is asked for stands in a configuration file.
pub(super) fn lxc(subject: &Subject, name: &str, request: &Request) -> Vec<String> {
    let file = subject.runs.path("lxc.conf");
    fs::write(&file, lxc_configuration(subject, request)).expect("a file");
    let state = subject.runs.directory("lxc");
    let mut all = vec![program("lxc-execute")];
    all.extend(["-P".to_owned(), text(&state)]);
    all.extend(["-n".to_owned(), name.to_owned()]);
    all.extend(["-f".to_owned(), text(&file), "--".to_owned()]);
    all.extend(request.args.iter().cloned());
    all
}

fn lxc_configuration(subject: &Subject, request: &Request) -> String {
    let mut lines = vec![
        format!("lxc.rootfs.path = dir:{}", text(&subject.rootfs())),
        format!("lxc.cgroup.dir = {}", subject.cgroup()),
        "lxc.apparmor.profile = unconfined".to_owned(),
        "lxc.mount.auto = proc:rw sys:ro".to_owned(),
    ];
    let shared = NamespaceKind::ALL.into_iter();
    let shared: Vec<&str> = shared
        .filter(|kind| !request.is_new(*kind))
        .map(NamespaceKind::name)
        .collect();
    lines.push(format!("lxc.namespace.keep = {}", shared.join(" ")));
    if request.is_new(NamespaceKind::Net) {
        lines.push("lxc.net.0.type = empty".to_owned());
    }
    if let Some(hostname) = &request.hostname {
        lines.push(format!("lxc.uts.name = {hostname}"));
    }
    if let Some(kept) = &request.capabilities {
        lines.push(format!("lxc.cap.keep = {}", kept.join(" ")));
    }
    if request.no_new_privileges {
        lines.push("lxc.no_new_privs = 1".to_owned());
    }
    if let Some((soft, hard)) = request.open_files {
        lines.push(format!("lxc.prlimit.nofile = {soft}:{hard}"));
    }
    lines.extend(lxc_limits(subject, request));
    lines.into_iter().fold(String::new(), |mut file, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(file, "{line}");
        file
    })
}

fn lxc_limits(subject: &Subject, request: &Request) -> Vec<String> {
    let on_v2 = subject.limits_on_v2();
    let key = if on_v2 { "lxc.cgroup2" } else { "lxc.cgroup" };
    let mut lines = Vec::new();
    if let Some(bytes) = request.memory {
        let file = if on_v2 {
            "memory.max"
        } else {
            "memory.limit_in_bytes"
        };
        lines.push(format!("{key}.{file} = {bytes}"));
    }
    if let Some(tasks) = request.pids {
        lines.push(format!("{key}.pids.max = {tasks}"));
    }
    if let Some(cpus) = &request.cpus {
        lines.push(format!("{key}.cpuset.cpus = {cpus}"));
    }
    if let Some((quota, period)) = request.cpu_time {
        if on_v2 {
            lines.push(format!("{key}.cpu.max = {quota} {period}"));
        } else {
            lines.push(format!("{key}.cpu.cfs_period_us = {period}"));
            lines.push(format!("{key}.cpu.cfs_quota_us = {quota}"));
        }
    }
    lines
}
