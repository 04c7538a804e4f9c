//! What cannot be made: one clear line each, and nothing left.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tracer::container::spec::{Mount, MountKind, RlimitRequest, Root, Seccomp, Spec};
use tracer::container::{Exit, plan};

use crate::support::*;

/// Runs what must be refused; the refusal is one line that names `names`, and nothing is left.
fn refused(spec: &Spec, names: &[&str]) {
    let refusal = run(spec).refusal();
    for name in names {
        assert!(refusal.contains(name), "no {name} in: {refusal}");
    }
    assert!(!refusal.contains('\n'), "{refusal}");
    assert_eq!(left_of(&spec.id), [""; 0], "{refusal}");
    println!("{refusal}");
}

#[test]
#[ignore = "needs root"]
fn a_missing_root_file_system() {
    let mut spec = shell("true");
    spec.root = Root::Directory("/nowhere/rootfs".into());
    refused(&spec, &["/nowhere/rootfs", "No such file"]);
}

#[test]
#[ignore = "needs root"]
fn a_root_file_system_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut spec = shell("true");
    spec.root = Root::Directory(file.path().to_owned());
    refused(
        &spec,
        &[&file.path().display().to_string(), "Not a directory"],
    );
}

#[test]
#[ignore = "needs root"]
fn a_missing_working_directory() {
    let mut spec = shell("true");
    spec.workdir = "/nowhere".to_owned();
    refused(&spec, &["working directory '/nowhere'", "No such file"]);
}

#[test]
#[ignore = "needs root"]
fn a_missing_mount_source() {
    let mut spec = shell("true");
    let kind = MountKind::Bind {
        source: "/nowhere".into(),
        recursive: true,
    };
    spec.mounts = vec![Mount {
        kind,
        target: "/x".to_owned(),
        read_only: false,
    }];
    refused(&spec, &["mount source /nowhere"]);
}

/// CVE-2025-31133: hidden by a link to another file it would show that, and by one to itself all it has.
#[test]
#[ignore = "needs root"]
fn a_null_device_that_is_none() {
    let spoil: [fn(&Path); 3] = [
        |null| symlink("/proc/version", null).expect("a link"),
        |null| fs::write(null, "").expect("a file"),
        |_| (),
    ];
    for spoil in spoil {
        let devices = tempfile::tempdir().expect("a directory");
        spoil(&devices.path().join("null"));
        let mut spec = shell("true");
        let kind = MountKind::Bind {
            source: devices.path().to_owned(),
            recursive: true,
        };
        spec.mounts = vec![Mount {
            kind,
            target: "/dev".to_owned(),
            read_only: false,
        }];
        refused(&spec, &["mask /proc/", "/dev/null", "not the null device"]);
    }
}

#[test]
#[ignore = "needs root"]
fn a_mount_target_on_a_read_only_mount() {
    let mut spec = shell("true");
    let kind = MountKind::Tmpfs {
        size: None,
        mode: None,
    };
    spec.mounts = vec![Mount {
        kind,
        target: "/usr/nowhere".to_owned(),
        read_only: false,
    }];
    refused(&spec, &["/usr/nowhere", "Read-only"]);
}

#[test]
#[ignore = "needs root"]
fn a_user_that_is_not_mapped() {
    let mut spec = shell("true");
    spec.user.uid = 70_000;
    refused(&spec, &["user 70000", "0-65535"]);
}

#[test]
#[ignore = "needs root"]
fn a_processor_outside_the_machine() {
    let mut spec = shell("true");
    spec.resources.cpuset_cpus = Some(vec![0, 4000]);
    refused(&spec, &["processor 4000"]);
}

#[test]
#[ignore = "needs root"]
fn a_limit_that_the_kernel_refuses() {
    let mut spec = shell("true");
    spec.resources.cpu = Some(tracer::container::spec::CpuQuota {
        quota_us: 1,
        period_us: 100_000,
    });
    refused(&spec, &["cpu.", "'1"]);
}

#[test]
#[ignore = "needs root"]
fn a_memory_limit_that_init_cannot_live_in() {
    let mut spec = shell("true");
    spec.resources.memory = Some(4096);
    refused(&spec, &["memory"]);
}

#[test]
#[ignore = "needs root"]
fn a_hard_resource_limit_above_tracers_own() {
    let mut spec = shell("true");
    // 7 = RLIMIT_NOFILE; above fs.nr_open, which no capability passes.
    spec.rlimits = vec![RlimitRequest {
        resource: 7,
        soft: 1024,
        hard: u64::MAX,
    }];
    refused(&spec, &["nofile", "18446744073709551615"]);
}

#[test]
#[ignore = "needs root"]
fn a_command_that_is_not_there() {
    refused(
        &everything(&["no-such-program"]),
        &["'no-such-program' was not found"],
    );
    refused(
        &everything(&["/no/such/program"]),
        &["'/no/such/program' was not found"],
    );
}

#[test]
#[ignore = "needs root"]
fn a_command_that_is_not_executable() {
    refused(
        &everything(&["/etc/passwd"]),
        &["'/etc/passwd'", "Permission denied"],
    );
    refused(&everything(&["/etc"]), &["'/etc'", "Permission denied"]);
}

#[test]
#[ignore = "needs root"]
fn a_profile_that_forbids_what_init_needs() {
    let mut spec = shell("true");
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW",
                   "syscalls":[{"names":["execve"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let profile = tracer::container::seccomp::parse("no-exec.json", text).expect("a profile");
    let origin = "no-exec.json".to_owned();
    spec.seccomp = Seccomp::Filter {
        origin,
        profile: Box::new(profile),
    };
    refused(&spec, &["no-exec.json", "execve"]);
}

#[test]
#[ignore = "needs root"]
fn a_host_name_that_is_too_long() {
    let mut spec = shell("true");
    spec.hostname = Some("x".repeat(65));
    refused(&spec, &["host name"]);
}

#[test]
#[ignore = "needs root"]
fn a_map_that_the_kernel_refuses() {
    let mut spec = shell("true");
    spec.uid_map.extend(spec.uid_map.clone());
    refused(&spec, &["uid_map", "0 100000 65536"]);
}

#[test]
#[ignore = "needs root"]
fn a_run_whose_name_is_taken() {
    let spec = shell("true");
    let plan = plan(&spec, &facts()).expect("a plan");
    block_on(async {
        let init = start(&plan).expect("an init");
        let refusal = start(&plan).expect_err("the name is taken");
        assert!(refusal.contains(&spec.id), "{refusal}");
        init.finish().expect("nothing left");
    });
    assert_eq!(left_of(&spec.id), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn the_payload_never_runs_when_the_gate_stays_shut() {
    let file = tempfile::tempdir().expect("a directory");
    let path = file.path().join("ran");
    let mut spec = shell("touch /out/ran");
    let kind = MountKind::Bind {
        source: file.path().to_owned(),
        recursive: false,
    };
    spec.mounts = vec![Mount {
        kind,
        target: "/out".to_owned(),
        read_only: false,
    }];
    fs::set_permissions(
        file.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .expect("permissions");
    let shut = plan(&spec, &facts()).expect("a plan");
    block_on(async {
        let mut init = start(&shut).expect("an init");
        init.wait_ready().await.expect("at the gate");
        init.finish().expect("nothing left");
    });
    assert!(!path.exists());
    assert_eq!(left_of(&spec.id), [""; 0]);
    run(&spec).success();
    assert!(path.exists());
}

#[test]
#[ignore = "needs root"]
fn an_init_that_died_at_the_gate_has_not_executed() {
    let spec = shell("true");
    let plan = plan(&spec, &facts()).expect("a plan");
    block_on(async {
        let mut init = start(&plan).expect("an init");
        init.wait_ready().await.expect("at the gate");
        init.kill().expect("a signal");
        assert_eq!(init.wait().await.expect("an end"), Exit::Signal(9));
        init.open_gate().expect("nobody to open for");
        let refusal = init.exec_outcome().await.expect_err("no exec").to_string();
        assert!(refusal.contains("signal 9"), "{refusal}");
        init.finish().expect("nothing left");
    });
    assert_eq!(left_of(&spec.id), [""; 0]);
}
