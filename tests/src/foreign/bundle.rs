//! OCI bundles, and the runtimes that take one. Owns `config.json`.

use std::fs;

use serde_json::{Value, json};
use tracer::event::NamespaceKind;

use super::{Request, Subject, program, text};

/// Writes the bundle and runs it.
pub(super) fn words(subject: &Subject, name: &str, request: &Request) -> Vec<String> {
    let bundle = subject.bundle();
    fs::create_dir_all(&bundle).expect("a folder");
    let file = serde_json::to_string_pretty(&config(subject, name, request)).expect("text");
    fs::write(bundle.join("config.json"), file).expect("a file");
    let state = subject.runs.directory("state");
    let mut all = vec![program(subject.runtime.name())];
    all.extend(["--root".to_owned(), text(&state), "run".to_owned()]);
    all.extend(["--bundle".to_owned(), text(&bundle), name.to_owned()]);
    all
}

/// `youki run` waits for SIGCHLD, which it blocks once the payload has begun: of one that has ended
/// by then it never hears, and hangs. The signal is blocked for it from the start.
pub(super) fn in_time(words: Vec<String>) -> Vec<String> {
    let mut all = ["env", "--block-signal=CHLD"].map(str::to_owned).to_vec();
    all.extend(words);
    all
}

/// What OCI calls a kind of namespace.
fn namespace(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Mnt => "mount",
        NamespaceKind::Net => "network",
        other => other.name(),
    }
}

fn config(subject: &Subject, name: &str, request: &Request) -> Value {
    let namespaces: Vec<Value> = request
        .namespaces
        .iter()
        .map(|kind| json!({"type": namespace(*kind)}))
        .collect();
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": process(subject, request),
        "root": {"path": text(&subject.rootfs()), "readonly": request.read_only},
        "mounts": mounts(request),
        "linux": {
            "cgroupsPath": format!("/{}/{name}", subject.cgroup()),
            "namespaces": namespaces,
            "resources": resources(request),
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
        },
    });
    if let Some(hostname) = &request.hostname {
        config["hostname"] = json!(hostname);
    }
    if request.is_new(NamespaceKind::User) {
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    }
    config
}

fn process(subject: &Subject, request: &Request) -> Value {
    let kept = request.capabilities.clone();
    let kept =
        kept.unwrap_or_else(|| vec!["chown", "kill", "net_bind_service", "setgid", "setuid"]);
    let kept: Vec<String> = kept
        .iter()
        .map(|name| format!("CAP_{}", name.to_uppercase()))
        .collect();
    let (uid, gid) = request.user.unwrap_or_default();
    // As engines do it: another user than root has none of them in effect.
    let held: &[String] = if uid == 0 { &kept } else { &[] };
    let mut process = json!({
        "terminal": false,
        "user": {"uid": uid, "gid": gid},
        "args": request.args,
        "env": ["PATH=/bin", subject.mark()],
        "cwd": "/",
        "capabilities": {
            "bounding": kept,
            "effective": held,
            "permitted": held,
        },
        "noNewPrivileges": request.no_new_privileges,
    });
    if let Some((soft, hard)) = request.open_files {
        let limit = json!({"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard});
        process["rlimits"] = json!([limit]);
    }
    process
}

fn mounts(request: &Request) -> Value {
    let all = json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
    ]);
    let Value::Array(mut all) = all else {
        return all;
    };
    // sysfs belongs to a network namespace: who does not own that one may not mount it.
    if request.is_new(NamespaceKind::User) && !request.is_new(NamespaceKind::Net) {
        all.retain(|mount| mount["destination"] != "/sys");
    }
    Value::Array(all)
}

fn resources(request: &Request) -> Value {
    // /dev/net/tun is what runc before 1.2 lets through unasked.
    let mut resources = json!({"devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rwm"},
    ]});
    if let Some(bytes) = request.memory {
        resources["memory"] = json!({"limit": bytes});
    }
    if let Some(tasks) = request.pids {
        resources["pids"] = json!({"limit": tasks});
    }
    if let Some(cpus) = &request.cpus {
        resources["cpu"]["cpus"] = json!(cpus);
    }
    if let Some((quota, period)) = request.cpu_time {
        resources["cpu"]["quota"] = json!(quota);
        resources["cpu"]["period"] = json!(period);
    }
    resources
}
