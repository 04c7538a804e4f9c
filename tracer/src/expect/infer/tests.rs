//! Claims about command lines, each as people write it.

mod devices;
mod served;

use super::super::{Clock, Propagation, SetName};
use super::*;
use crate::event::certificate::ClockOffset;
use crate::verdict::sample;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Of a machine with these device files.
fn devices(path: &str) -> Vec<HostDevice> {
    let one = |below: &str, kind, major, minor| HostDevice {
        below: below.to_owned(),
        kind,
        major,
        minor,
    };
    match path {
        "/dev/fuse" => vec![one("", DeviceKind::Character, 10, 229)],
        "/dev/sda" => vec![one("", DeviceKind::Block, 8, 0)],
        "/dev/dri" => vec![
            one("/card0", DeviceKind::Character, 226, 0),
            one("/renderD128", DeviceKind::Character, 226, 128),
        ],
        _ => Vec::new(),
    }
}

fn result(line: &str) -> Result<Inferred, InferError> {
    infer(&words(line), &sample::host(), &devices)
}

#[track_caller]
fn flags(line: &str) -> Inference {
    match result(line) {
        Ok(Inferred::Flags(inference)) => inference,
        other => panic!("{line}: {other:?}"),
    }
}

/// `id | asked | origin` of each, then what is not inferred.
#[track_caller]
fn shown(line: &str) -> String {
    let inference = flags(line);
    let mut lines: Vec<String> = inference
        .expectations
        .iter()
        .map(|one| format!("{} | {} | {}", one.id, one.asked, one.origin))
        .collect();
    lines.extend(
        inference
            .not_inferred
            .iter()
            .map(|flag| format!("not: {flag}")),
    );
    lines.join("\n")
}

#[track_caller]
fn check(line: &str, id: &str) -> Check {
    let inference = flags(line);
    let found = inference.expectations.iter().find(|one| one.id == id);
    found
        .unwrap_or_else(|| panic!("no {id}: {inference:#?}"))
        .check
        .clone()
}

#[track_caller]
fn says_nothing_of(line: &str, id: &str) {
    let inference = flags(line);
    assert!(
        inference.expectations.iter().all(|one| one.id != id),
        "{id}: {inference:#?}"
    );
}

#[track_caller]
fn not_inferred(line: &str) -> Vec<String> {
    flags(line).not_inferred
}

#[track_caller]
fn error(line: &str) -> String {
    result(line).expect_err(line).to_string()
}

#[test]
fn whole_command_lines() {
    for line in [
        "unshare -fpmuinC --mount-proc --kill-child -R /srv/root /bin/true",
        "bwrap --unshare-all --share-net --die-with-parent --ro-bind /srv/root / --proc /proc --dev /dev \
         --cap-drop ALL --cap-add CAP_CHOWN --uid 7 --hostname box sh -c id",
        "systemd-nspawn --register=no --keep-unit --console=pipe -q -D /srv/root --private-network \
         --private-users=100000:65536 --read-only --rlimit=NOFILE=256:512 --no-new-privileges=yes true",
        "docker run --rm -it --memory 64m --pids-limit=50 --cpus 1.5 --cpuset-cpus 0-1 --cap-drop ALL \
         --cap-add NET_RAW --security-opt no-new-privileges --security-opt seccomp=/p.json --read-only \
         --network=none --pid=host --user 1000:1001 --ulimit nofile=256:512 -h box alpine sh --memory 1g",
        "podman --root /a --cgroup-manager=cgroupfs run --network host --userns=keep-id --uidmap 0:100000:65536 \
         --rootfs /srv/root true",
    ] {
        insta::assert_snapshot!(shown(line));
    }
}

#[test]
fn words_behind_the_command_are_not_flags() {
    let line = "docker run alpine --memory 1m";
    says_nothing_of(line, "memory.max");
    assert_eq!(not_inferred(line), [""; 0]);
    assert_eq!(
        check("unshare -m echo -n", "namespace.net"),
        Check::NamespaceShared(NamespaceKind::Net)
    );
    assert_eq!(
        check("bwrap --bind / / -- --unshare-net", "payload"),
        Check::Program("--unshare-net".to_owned())
    );
}

#[test]
fn what_is_not_known_is_listed_and_never_guessed() {
    let line = "docker run --shiny=1 --memory 1m --dns 1.1.1.1 alpine";
    assert_eq!(not_inferred(line), ["--dns=1.1.1.1", "--shiny=1"]);
    assert_eq!(check(line, "memory.max"), Check::MemoryMax(1 << 20));
    // Whether `alpine` is its value or the image, nobody can tell: all behind it is left alone.
    let line = "docker run --shiny alpine --memory 1m";
    assert_eq!(
        not_inferred(line),
        ["--shiny", "what follows it: alpine --memory 1m"]
    );
    says_nothing_of(line, "memory.max");
    // A flag that is not known could be one for a namespace.
    says_nothing_of("unshare -m --landlock=x true", "namespace.net");
    says_nothing_of("bwrap --shiny=1 true", "namespace.net");
    says_nothing_of("systemd-nspawn --shiny=1 true", "namespace.net");
}

#[test]
fn flags_of_unshare_stand_alone_or_together() {
    let new = |kind| Check::NamespaceNew(kind);
    for line in [
        "unshare -fUp true",
        "unshare --fork -U -p true",
        "unshare --kill-child --user --pid=/run/x true",
    ] {
        assert_eq!(
            check(line, "namespace.pid"),
            new(NamespaceKind::Pid),
            "{line}"
        );
        assert_eq!(
            check(line, "namespace.user"),
            new(NamespaceKind::User),
            "{line}"
        );
    }
    let line = "unshare -p sh";
    says_nothing_of(line, "namespace.pid");
    assert_eq!(not_inferred(line), ["-p without --fork"]);
    let line = "unshare -rS1000 -G 7 --propagation rslave sh";
    let user = Check::IdInside {
        map: MapKind::Users,
        rule: IdRule::Exactly(1000),
    };
    assert_eq!(check(line, "user.uid"), user);
    assert_eq!(
        check(line, "root.propagation"),
        Check::RootPropagation(Propagation::Slave)
    );
    assert!(matches!(check(line, "uid_map"), Check::IdMap { .. }));
    let line = "unshare -fT --monotonic -5 --boottime=3600 true";
    let ahead = |clock, seconds| Check::TimeOffset {
        clock,
        offset: ClockOffset {
            seconds,
            nanoseconds: 0,
        },
    };
    let monotonic = ahead(Clock::Monotonic, -5);
    assert_eq!(check(line, "time_offsets.monotonic"), monotonic);
    let boottime = ahead(Clock::Boottime, 3600);
    assert_eq!(check(line, "time_offsets.boottime"), boottime);
    says_nothing_of("unshare -T --boottime 5 true", "time_offsets.boottime");
    assert!(error("unshare --propagation sideways true").contains("\"sideways\""));
    assert!(error("unshare -S").contains("-S has no value"));
}

#[test]
fn bubblewrap_tries_some_and_always_forbids_new_privileges() {
    let line = "bwrap --unshare-all --bind /srv / true";
    assert_eq!(check(line, "no_new_privs"), Check::NoNewPrivs);
    says_nothing_of(line, "namespace.user");
    says_nothing_of(line, "root.read_only");
    assert_eq!(check(line, "root.not_host"), Check::RootNotHost);
    says_nothing_of("bwrap --bind / / true", "root.not_host");
    assert_eq!(
        check(
            "bwrap --unshare-user --ro-bind /a / --bind /b / true",
            "namespace.user"
        ),
        Check::NamespaceNew(NamespaceKind::User)
    );
    says_nothing_of("bwrap --ro-bind /a / --bind /b / true", "root.read_only");
    let within = Check::CapabilitiesWithin {
        set: SetName::Effective,
        allowed: 1,
    };
    let line = "bwrap --cap-drop ALL --cap-add CAP_CHOWN true";
    assert_eq!(check(line, "capabilities.effective"), within);
    says_nothing_of(
        "bwrap --cap-drop ALL --cap-add ALL true",
        "capabilities.effective",
    );
}

#[test]
fn engines_limit_what_is_asked_for() {
    let run = |flags: &str| format!("docker run {flags} alpine");
    let cpu = |quota_ns, period_ns| Check::CpuMax {
        quota_ns,
        period_ns,
    };
    let line = run("--cpu-quota 20000 --cpu-period=50000");
    assert_eq!(check(&line, "cpu.max"), cpu(20_000_000, 50_000_000));
    assert_eq!(
        check(&run("--cpus=.5"), "cpu.max"),
        cpu(50_000_000, 100_000_000)
    );
    says_nothing_of(&run("--cpu-quota=-1"), "cpu.max");
    says_nothing_of(&run("--memory 0"), "memory.max");
    assert_eq!(not_inferred(&run("--pids-limit=-1")), ["--pids-limit=-1"]);
    assert_eq!(check(&run("-m=8191"), "memory.max"), Check::MemoryMax(4096));
    assert_eq!(
        check(&run("--memory 1m -m2m"), "memory.max"),
        Check::MemoryMax(2 << 20)
    );
    assert!(error(&run("--memory lots")).contains("\"lots\""));
    assert!(error(&run("--cpuset-cpus all")).contains("--cpuset-cpus"));
    assert!(error(&run("--cap-add SUPER")).contains("\"SUPER\""));
    assert!(error(&run("--read-only=maybe")).contains("\"maybe\""));
    says_nothing_of(&run("--read-only=false"), "root.read_only");
}

#[test]
fn engines_ask_for_what_stands_in_files() {
    use super::super::reading::resource;
    let run = |flags: &str| format!("podman run {flags} alpine");
    let line = run("-m 64m --memory-swap 96m --memory-reservation 32m -c 512 --blkio-weight 100");
    let files = |id: &str| match check(&line, &format!("cgroup_file.{id}")) {
        Check::CgroupFile(files) => files,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        files("memory.swap"),
        resource::swap(96 << 20, Some(64 << 20))
    );
    assert_eq!(files("memory.reservation"), resource::reservation(32 << 20));
    assert_eq!(files("cpu.shares"), resource::shares(512));
    assert_eq!(files("io.weight"), resource::block_weight(100));
    says_nothing_of(&run("--memory-swap 96m"), "cgroup_file.memory.swap");
    says_nothing_of(&run("--cpu-shares 0"), "cgroup_file.cpu.shares");
    let line = run(
        "--sysctl net.ipv4.ip_forward=1 --security-opt apparmor=mine --cgroup-conf memory.high=1G",
    );
    let lines = shown(&line);
    for one in [
        "sysctl.net.ipv4.ip_forward | 1 | --sysctl=net.ipv4.ip_forward=1",
        "label.apparmor | mine | --security-opt=apparmor=mine",
        "cgroup_file.memory.high | == 1073741824 | --cgroup-conf=memory.high=1G",
    ] {
        assert!(lines.lines().any(|line| line == one), "{lines}");
    }
    assert!(error(&run("--sysctl=forward=1")).contains("--sysctl"));
    assert!(error(&run("--memory-swap many")).contains("\"many\""));
}

#[test]
fn engines_drop_capabilities_before_they_add() {
    let bounding = |flags: &str| {
        check(
            &format!("podman run {flags} alpine"),
            "capabilities.bounding",
        )
    };
    let without = |denied| Check::CapabilitiesWithout {
        set: SetName::Bounding,
        denied,
    };
    assert_eq!(
        bounding("--cap-drop CHOWN --cap-drop net_raw"),
        without(1 | 1 << 13)
    );
    assert_eq!(
        bounding("--cap-drop=CHOWN,KILL --cap-add=CHOWN"),
        without(1 << 5)
    );
    assert_eq!(bounding("--cap-add ALL --cap-drop CHOWN"), without(1));
    let within = Check::CapabilitiesWithin {
        set: SetName::Bounding,
        allowed: 0,
    };
    assert_eq!(bounding("--cap-drop all"), within);
    for flags in ["--cap-add NET_ADMIN", "--privileged --cap-drop ALL"] {
        let line = format!("podman run {flags} alpine");
        says_nothing_of(&line, "capabilities.bounding");
        assert!(!not_inferred(&line).is_empty(), "{line}");
    }
}

#[test]
fn engines_share_namespaces_when_told() {
    let fate = |flags: &str, kind: &str| {
        check(
            &format!("docker run {flags} a"),
            &format!("namespace.{kind}"),
        )
    };
    assert_eq!(
        fate("--ipc host", "ipc"),
        Check::NamespaceShared(NamespaceKind::Ipc)
    );
    assert_eq!(
        fate("--net=bridge", "net"),
        Check::NamespacePrivate(NamespaceKind::Net)
    );
    assert_eq!(
        fate("--cgroupns private", "cgroup"),
        Check::NamespacePrivate(NamespaceKind::Cgroup)
    );
    let line = "docker run --network container:web a";
    says_nothing_of(line, "namespace.net");
    assert_eq!(not_inferred(line), ["--network=container:web"]);
    says_nothing_of("docker run a", "namespace.net");
}

#[test]
fn a_score_for_memory_is_the_one_asked_for() {
    let score = |value| Check::OomScoreAdj(Bound::new(Comparison::Exactly, value));
    let line = "docker run --oom-score-adj 500 a";
    assert_eq!(check(line, "oom_score_adj"), score(500));
    let line = "systemd-nspawn --oom-score-adjust=-5 -D /srv/root true";
    assert_eq!(check(line, "oom_score_adj"), score(-5));
    let line = "podman run --oom-score-adj=x a";
    says_nothing_of(line, "oom_score_adj");
    assert_eq!(not_inferred(line), ["--oom-score-adj=x"]);
}

#[test]
fn a_user_by_name_stands_in_the_image() {
    let line = "docker run -u web:7 a";
    says_nothing_of(line, "user.uid");
    assert_eq!(not_inferred(line), ["-u web:7"]);
    assert!(matches!(check(line, "user.gid"), Check::IdInside { .. }));
}

#[test]
fn runtimes_of_bundles_say_where_it_is() {
    let bundle = |line: &str| match result(line) {
        Ok(Inferred::Bundle(path)) => path.display().to_string(),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(bundle("runc run one"), ".");
    assert_eq!(bundle("runc --root /s run -b /b one"), "/b");
    assert_eq!(
        bundle("/usr/bin/crun --cgroup-manager cgroupfs run --bundle=/b one"),
        "/b"
    );
    assert_eq!(bundle("youki -r /s create -b b --no-pivot one"), "b");
    assert!(error("runc start one").contains("\"start\""));
    assert!(error("crun run --shiny -b /b one").contains("--shiny"));
    assert!(error("crun run -f other.json one").contains("other.json"));
}

#[test]
fn who_makes_no_container_is_named() {
    assert!(error("make all").contains("\"make\""));
    assert!(error("docker build .").contains("\"build\""));
    assert!(error("podman").contains("podman"));
    assert!(infer(&[], &sample::host(), &devices).is_err());
    assert!(flags("docker container run a").not_inferred.is_empty());
}

#[test]
fn no_command_line_makes_it_panic() {
    for program in [
        "unshare",
        "bwrap",
        "systemd-nspawn",
        "docker",
        "podman",
        "runc",
    ] {
        for tail in [
            "",
            "-",
            "--",
            "--=",
            "-=",
            "-é",
            "run",
            "run -",
            "run --=x -m",
            "--uid é",
            "-D",
        ] {
            let _ = result(&format!("{program} {tail}"));
        }
    }
}
