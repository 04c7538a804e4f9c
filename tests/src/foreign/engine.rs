//! Engines: podman and docker. Owns their words, which are mostly the same.

use tracer::event::NamespaceKind;

use super::daemon::{IMAGE, socket};
use super::{Request, Subject, program, text};

/// Storage and state are in the folder of the test, and nothing is fetched.
pub(super) fn podman(subject: &Subject, name: &str, request: &Request) -> Vec<String> {
    let folder = |what: &str| text(&subject.runs.path(&format!("podman-{what}")));
    let mut all = vec![
        program("podman"),
        format!("--root={}", folder("root")),
        format!("--runroot={}", folder("run")),
        format!("--tmpdir={}", folder("tmp")),
        "--cgroup-manager=cgroupfs".to_owned(),
        "--storage-driver=vfs".to_owned(),
        "--events-backend=file".to_owned(),
        format!("--runtime={}", program("runc")),
    ];
    all.extend(run(subject, name, request));
    // Its own defaults may be above what this process may set.
    let own = open_files(request);
    all.extend([own, "--ulimit=nproc=1024:1024".to_owned()]);
    if request.is_new(NamespaceKind::User) {
        all.extend(["--uidmap", "--gidmap"].map(|flag| format!("{flag}=0:100000:65536")));
    }
    all.extend(["--rootfs".to_owned(), text(&subject.rootfs())]);
    all.extend(request.args.iter().cloned());
    all
}

pub(super) fn docker(subject: &Subject, name: &str, request: &Request) -> Vec<String> {
    let mut all = vec![program("docker"), format!("--host={}", socket(subject))];
    all.extend(run(subject, name, request));
    if request.open_files.is_some() {
        all.push(open_files(request));
    }
    all.push(IMAGE.to_owned());
    all.extend(request.args.iter().cloned());
    all
}

/// What both take.
fn run(subject: &Subject, name: &str, request: &Request) -> Vec<String> {
    let mut all = vec![
        "run".to_owned(),
        "--rm".to_owned(),
        format!("--name={name}"),
        format!("--env={}", subject.mark()),
        format!("--cgroup-parent=/{}", subject.cgroup()),
    ];
    for kind in [NamespaceKind::Uts, NamespaceKind::Ipc, NamespaceKind::Pid] {
        if !request.is_new(kind) {
            all.push(format!("--{}=host", kind.name()));
        }
    }
    let network = if request.is_new(NamespaceKind::Net) {
        "none"
    } else {
        "host"
    };
    all.push(format!("--network={network}"));
    let cgroup = if request.is_new(NamespaceKind::Cgroup) {
        "private"
    } else {
        "host"
    };
    all.push(format!("--cgroupns={cgroup}"));
    if let Some(bytes) = request.memory {
        all.push(format!("--memory={bytes}"));
    }
    if let Some(tasks) = request.pids {
        all.push(format!("--pids-limit={tasks}"));
    }
    if let Some(cpus) = &request.cpus {
        all.push(format!("--cpuset-cpus={cpus}"));
    }
    if let Some((quota, period)) = request.cpu_time {
        all.push(format!("--cpu-quota={quota}"));
        all.push(format!("--cpu-period={period}"));
    }
    if let Some((uid, gid)) = request.user {
        all.push(format!("--user={uid}:{gid}"));
    }
    if let Some(hostname) = &request.hostname {
        all.push(format!("--hostname={hostname}"));
    }
    if let Some(kept) = &request.capabilities {
        all.push("--cap-drop=ALL".to_owned());
        all.extend(
            kept.iter()
                .map(|name| format!("--cap-add={}", name.to_uppercase())),
        );
    }
    if request.no_new_privileges {
        all.push("--security-opt=no-new-privileges".to_owned());
    }
    if request.read_only {
        all.push("--read-only".to_owned());
    }
    all
}

fn open_files(request: &Request) -> String {
    let (soft, hard) = request.open_files.unwrap_or((1024, 1024));
    format!("--ulimit=nofile={soft}:{hard}")
}
