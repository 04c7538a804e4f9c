//! Certificates of tasks that stand still.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use tracer::event::certificate::Terminal;
use tracer::event::{Certificate, NamespaceKind, Tgid};
use tracer::verdict::Verdict;
use tracer_tests::cgroup::any_hierarchy;
use tracer_tests::fifo::Fifos;
use tracer_tests::number;
use tracer_tests::shell::{Shell, TERMINAL};
use tracer_tests::spec::{everything, share};
use tracer_tests::trial::Trial;

use super::reader::{agrees, namespaces_agree};
use super::{certificate, observe};

fn is_true_of(shell: &mut Shell) -> Certificate {
    let mut session = observe();
    let certificate = certificate(&mut session, shell.pid());
    agrees(&certificate, shell.pid());
    shell.does("true");
    certificate
}

/// What a shell says of itself.
fn says(shell: &mut Shell, command: &str) -> String {
    shell.begins(command);
    shell.answer()
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_like_its_parent() {
    let mut shell = Shell::new();
    let certificate = is_true_of(&mut shell);
    let name = says(&mut shell, "cat /proc/sys/kernel/hostname");
    assert_eq!(certificate.hostname(), Some(name));
    assert_eq!(certificate.parent().0, std::process::id());
    assert_eq!(certificate.filename(), None);
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_with_namespaces_of_its_own() {
    let flags = [
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--cgroup",
        "--time",
    ];
    let mut shell = Shell::with(&flags);
    shell.does("echo of-its-own > /proc/sys/kernel/hostname");
    let certificate = is_true_of(&mut shell);
    assert_eq!(certificate.hostname().as_deref(), Some("of-its-own"));
    assert_eq!(
        (certificate.vpid(), certificate.pid_level()),
        (Some(1), Some(1))
    );
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_in_a_user_namespace() {
    let mut shell = Shell::with(&["--user", "--map-root-user", "--mount", "--net"]);
    is_true_of(&mut shell);
}

/// Its first child is another PID namespace's init, and must live for that to have a link.
#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_whose_children_get_other_namespaces() {
    let mut shell = Shell::with(&["--pid"]);
    let fifos = Fifos::new();
    let fifo = fifos.path("in");
    let fifo = fifo.display();
    // It ends when the shell does: then nobody has the other end any more.
    shell.begins(&format!(
        "exec 3<>{fifo}; ( exec 3>&-; echo up; read line < {fifo} ) &"
    ));
    assert_eq!(shell.answer(), "up");
    let certificate = is_true_of(&mut shell);
    let set = certificate.namespaces().expect("namespaces");
    use tracer::event::NamespaceSlot::{Pid, PidForChildren};
    assert_eq!(certificate.vpid(), Some(shell.pid()));
    assert!(set.get(Pid) != set.get(PidForChildren), "{set:?}");
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_with_credentials_of_its_own() {
    let mut shell = Shell::behind(&[
        "setpriv",
        "--reuid=1234",
        "--regid=2345",
        "--groups=3,4,65534",
        "--inh-caps=-all,+chown,+net_raw",
        "--ambient-caps=-all,+chown",
        "--bounding-set=-sys_admin,-sys_time",
        "--securebits=+noroot,+no_setuid_fixup",
        "--no-new-privs",
    ]);
    let certificate = is_true_of(&mut shell);
    let sets = certificate.capabilities().expect("capabilities");
    assert_eq!((sets.inheritable, sets.ambient), (1 | 1 << 13, 1));
    assert_eq!(sets.bounding >> 21 & 1, 0);
    // SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP (include/uapi/linux/securebits.h).
    assert_eq!(certificate.securebits(), Some(1 | 1 << 2));
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_with_limits_of_its_own() {
    let mut shell = Shell::behind(&[
        "prlimit",
        "--nofile=100:200",
        "--core=0:unlimited",
        "--cpu=77:88",
        "taskset",
        "-c",
        "1",
    ]);
    let certificate = is_true_of(&mut shell);
    assert_eq!(certificate.cpus_allowed(), Some(vec![1]));
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_with_attributes_of_its_own() {
    let mut shell = Shell::with(&[
        "--time",
        "--monotonic=-5",
        "--boottime=3600",
        "--fork",
        "--kill-child",
    ]);
    shell.does("umask 0137 && echo 17 > /proc/self/oom_score_adj");
    let certificate = is_true_of(&mut shell);
    assert_eq!(certificate.oom_score_adj(), Some(17));
    assert_eq!(certificate.umask(), Some(0o137));
    let offsets = certificate.time_offsets().expect("offsets");
    assert_eq!(
        (offsets.monotonic.seconds, offsets.boottime.seconds),
        (-5, 3600)
    );
}

/// By the numbers of keyctl(2): 0 is `KEYCTL_GET_KEYRING_ID`, 1 `KEYCTL_JOIN_SESSION_KEYRING`, -3
/// `KEY_SPEC_SESSION_KEYRING`.
#[test]
#[ignore = "needs root"]
fn its_session_keyring_is_the_one_that_the_child_is_told() {
    let join = concat!(
        "syscall(",
        number!(keyctl),
        ", 1, 0) > 0 or die; exec @ARGV"
    );
    let joined = ["perl", "-e", join];
    let mut told = Vec::new();
    for words in [&joined[..], &joined] {
        let mut shell = Shell::behind(words);
        let certificate = is_true_of(&mut shell);
        let own = concat!(
            "perl -e 'print syscall(",
            number!(keyctl),
            ", 0, -3, 0), \"\\n\"'"
        );
        let number = says(&mut shell, own).parse().expect("a number");
        let seen = certificate.session_keyring().expect("keyrings");
        assert_eq!(seen.0, number);
        told.push(number);
    }
    assert!(told[0] != told[1] && !told.contains(&0), "{told:?}");
}

/// Each of these programs sets one thing and executes the rest; by set_mempolicy(2)
/// memory is bound to node 0 with nodes that stay what they are.
#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_that_is_served_in_its_own_way() {
    let bound = concat!(
        "my $m = pack('Q', 1); syscall(",
        number!(set_mempolicy),
        ", 2 | 1 << 15, $m, 64) == 0 or die; exec @ARGV"
    );
    let mut shell = Shell::behind(&[
        "nice", "-n", "5", "ionice", "-c", "2", "-n", "7", "setarch", "linux32", "perl", "-e",
        bound, "chrt", "-R", "-b", "0",
    ]);
    let certificate = is_true_of(&mut shell);
    let seen = certificate.scheduling().expect("scheduling");
    assert_eq!((seen.policy, seen.nice, seen.flags), (3, 5, 1));
    let seen = certificate.io_priority().expect("priorities of disks");
    assert_eq!((seen.class, seen.level), (2, 7));
    assert_eq!(certificate.personality(), Some(8));
    let seen = certificate.memory_policy().expect("memory policies");
    assert_eq!((seen.mode, seen.flags, seen.nodes), (2, 1 << 15, vec![0]));
}

/// No process of one may make another, unless that one is served like others.
#[test]
#[ignore = "needs root"]
fn it_is_true_of_children_that_must_not_wait() {
    let mut shell = Shell::behind(&["ionice", "-c", "3", "chrt", "-R", "-f", "10"]);
    let certificate = is_true_of(&mut shell);
    let seen = certificate.scheduling().expect("scheduling");
    assert_eq!((seen.policy, seen.priority, seen.flags), (1, 10, 1));
    assert_eq!(certificate.io_priority().map(|seen| seen.class), Some(3));
    let mut shell = Shell::behind(&[
        "chrt",
        "-R",
        "-d",
        "--sched-runtime",
        "1000000",
        "--sched-deadline",
        "5000000",
        "--sched-period",
        "10000000",
        "0",
    ]);
    let certificate = is_true_of(&mut shell);
    let seen = certificate.scheduling().expect("scheduling");
    let own = seen.deadline;
    assert_eq!((seen.policy, seen.flags), (6, 1));
    assert_eq!(
        (own.runtime, own.deadline, own.period),
        (1_000_000, 5_000_000, 10_000_000)
    );
}

#[test]
#[ignore = "needs root"]
fn its_domain_name_is_that_of_its_namespace() {
    let mut shell = Shell::with(&["--uts"]);
    shell.does("echo of-its-own > /proc/sys/kernel/domainname");
    let certificate = is_true_of(&mut shell);
    assert_eq!(certificate.domainname().as_deref(), Some("of-its-own"));
    let mut shell = Shell::new();
    let name = says(&mut shell, "cat /proc/sys/kernel/domainname");
    assert_eq!(is_true_of(&mut shell).domainname(), Some(name));
}

/// Each devpts has a terminal 0, so it takes both numbers to tell whose it is.
#[test]
#[ignore = "needs root"]
fn its_terminal_is_the_one_of_its_session_and_of_its_devpts() {
    let mut shell = Shell::behind(&["setsid"]);
    assert_eq!(is_true_of(&mut shell).terminal(), Some(Terminal::NONE));
    let own = "mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && exec \"$@\"";
    let mut shell = Shell::behind(&[
        "unshare", "--mount", "sh", "-c", own, "sh", "perl", "-e", TERMINAL, "/dev/pts",
    ]);
    let number = |text: String| {
        let number = text.parse::<u32>().expect("a number");
        // As makedev(3) has it.
        (number >> 8 & 0xfff) << 20 | number >> 12 & 0xfff00 | number & 0xff
    };
    let devpts = number(says(&mut shell, "stat -c %d /dev/pts"));
    let inside = is_true_of(&mut shell).terminal().expect("terminals");
    assert_eq!((inside.device, inside.devpts), (136 << 20, devpts));
    let mut outside = Shell::behind(&["perl", "-e", TERMINAL, "/dev/pts"]);
    let devpts = number(says(&mut outside, "stat -c %d /dev/pts"));
    let seen = is_true_of(&mut outside).terminal().expect("terminals");
    assert_eq!((seen.device >> 20, seen.devpts), (136, devpts));
    assert!(seen.devpts != inside.devpts, "{seen:?}, {inside:?}");
}

/// By ptrace(2): 0x4206 is `PTRACE_SEIZE`, which does not stop it.
#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_that_another_one_traces() {
    let mut shell = Shell::new();
    let before = is_true_of(&mut shell);
    assert_eq!(before.ptrace_parent(), Some(before.parent()));
    let mut debugger = Shell::new();
    let pid = shell.pid();
    debugger.begins(&format!(
        "exec perl -e '$| = 1; print syscall({}, 0x4206, {pid}, 0, 0), \"\\n\"; <STDIN>'",
        number!(ptrace)
    ));
    assert_eq!(debugger.answer(), "0");
    let traced = is_true_of(&mut shell);
    assert_eq!(traced.ptrace_parent(), Some(Tgid(debugger.pid())));
    assert_eq!(traced.parent(), before.parent());
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_child_with_many_descriptors() {
    let mut shell = Shell::new();
    shell.does("exec 3</ 4</dev/null 5</proc/self/status 6>/dev/null 7</usr 8<&0 9</etc/passwd");
    let certificate = is_true_of(&mut shell);
    let open = certificate.descriptors().expect("descriptors");
    let numbers: Vec<u32> = open.items.iter().map(|open| open.fd).collect();
    assert!(
        (0..10).all(|number| numbers.contains(&number)),
        "{numbers:?}"
    );
}

/// At the gate and at its exec: nothing has changed since, while it waits to be read.
#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_container() {
    let mut spec = everything(&["/bin/sh", "-c", "echo here; read line"]);
    spec.user.uid = 1000;
    container(Trial::new(spec));
}

#[test]
#[ignore = "needs root"]
fn it_is_true_of_a_container_that_shares_the_hosts_namespaces() {
    let mut spec = everything(&["/bin/sh", "-c", "echo here; read line"]);
    share(
        &mut spec,
        &[NamespaceKind::User, NamespaceKind::Net, NamespaceKind::Pid],
    );
    container(Trial::new(spec));
}

fn container(mut trial: Trial) {
    let fifos = Fifos::new();
    trial.streams = fifos.streams();
    let mut go = File::from(fifos.end("in"));
    let directory = any_hierarchy().mount_point.join(&trial.spec.id);
    let (sender, receiver) = std::sync::mpsc::channel();
    trial.once_readable(fifos.end("out"), move |fd| {
        let mut line = String::new();
        BufReader::new(File::from(fd))
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(line, "here\n");
        let pid = only_member(&directory);
        let certificate = certificate(&mut observe(), pid);
        agrees(&certificate, pid);
        writeln!(go, "go").expect("let go");
        sender.send((pid, certificate)).expect("told");
    });
    trial.sabotage(move |_, aids| aids.keep(fifos));
    let (outcome, _) = trial.run();
    assert_eq!(outcome.judgement.verdict, Verdict::Pass);
    let (pid, certificate) = receiver.recv().expect("read");
    assert_eq!(outcome.init.0, pid);
    let exec = outcome.session.observation.exec.as_ref().expect("its exec");
    let mut at_exec = *exec.certificate.wire();
    // The path is exec's alone.
    at_exec.filename = certificate.wire().filename;
    assert_eq!(at_exec, *certificate.wire());
}

/// Of those that were there before the run only the inventory tells.
#[test]
#[ignore = "needs root"]
fn the_inventory_is_true_of_a_stranger() {
    let flags = ["--mount", "--uts", "--ipc", "--net", "--cgroup"];
    let mut stranger = Shell::with(&flags);
    let mut session = observe();
    let state = session
        .model
        .leader(Tgid(stranger.pid()))
        .expect("seen")
        .clone();
    assert!(!state.lineage);
    assert_eq!(state.parent(), Some(Tgid(std::process::id())));
    namespaces_agree(&state.namespaces, &stranger.pid().to_string());
    let certificate = certificate(&mut session, stranger.pid());
    agrees(&certificate, stranger.pid());
    let told = certificate.cgroups().expect("cgroups");
    let seen = state.cgroups.keys();
    assert_eq!(seen.len(), told.members.len());
    assert!(told.members.iter().all(|member| seen.contains(&member.key)));
    stranger.does("true");
}

fn only_member(directory: &Path) -> u32 {
    let text = std::fs::read_to_string(directory.join("cgroup.procs")).expect("members");
    text.trim().parse().expect("one member")
}
