//! Runtimes that are not tracer. By themselves: that each does on this machine what it is asked
//! for, and leaves nothing; what tracer says of them rests on that. Under `tracer verify`: that
//! it finds the one container, and judges each item of it by itself. As root.

mod broken;
mod bundle;
mod created;
mod enforced;
mod expected;
mod failed;
mod inferred;
mod labelled;
mod rootless;
mod satisfied;
mod verified;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use tracer::event::NamespaceKind;
use tracer_tests::binary::{Said, await_end};
use tracer_tests::foreign::{Property, Request, Runtime, Subject};
use tracer_tests::require_root;

/// Reads back, from inside, what can be read there.
const SCRIPT: &str = "hostname; id -u; id -g; ulimit -n; ulimit -H -n; \
    grep -E '^(CapBnd|NoNewPrivs|Cpus_allowed_list)' /proc/self/status; \
    touch /new 2> /dev/null && echo writable || echo read-only; \
    for kind in mnt uts ipc pid net user cgroup; do readlink /proc/self/ns/$kind; done";

/// Runs it with all that it can be asked for, and demands that it did that.
fn does_what_it_is_asked_for(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let request = Request::everything(runtime, &["/bin/sh", "-c", SCRIPT]);
    let said = subject.run("first", &request).ended_with(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    println!("{lines:#?}");
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let asks = request.asks();
    let asks = |property| asks.contains(&property);
    if asks(Property::Hostname) {
        assert_eq!(line(0), "inside", "{said:?}");
    }
    if asks(Property::User) {
        assert_eq!((line(1), line(2)), ("1000", "1001"), "{said:?}");
    }
    if asks(Property::OpenFiles) {
        assert_eq!((line(3), line(4)), ("256", "512"), "{said:?}");
    }
    if asks(Property::Capabilities) {
        // CAP_CHOWN is 0, CAP_NET_RAW is 13.
        assert!(
            said.stdout.contains("CapBnd:\t0000000000002001"),
            "{said:?}"
        );
    }
    if asks(Property::NoNewPrivileges) {
        assert!(said.stdout.contains("NoNewPrivs:\t1"), "{said:?}");
    }
    if asks(Property::Cpus) {
        assert!(said.stdout.contains("Cpus_allowed_list:\t0\n"), "{said:?}");
    }
    if asks(Property::ReadOnly) {
        assert!(said.stdout.contains("read-only"), "{said:?}");
    }
    makes_the_namespaces(&request, &said);
    for kind in runtime.takes().choice {
        // The other way round than in the first.
        let mut request = Request::new(&["/bin/sh", "-c", SCRIPT]);
        if request.is_new(*kind) {
            request.namespaces.retain(|other| other != kind);
        } else {
            request.namespaces.push(*kind);
        }
        println!("{}", kind.name());
        let said = subject.run(kind.name(), &request).ended_with(0);
        makes_the_namespaces(&request, &said);
    }
    assert_eq!(subject.left(), [""; 0]);
}

/// Fails unless those namespaces are new that are asked to be.
fn makes_the_namespaces(request: &Request, said: &Said) {
    for kind in NamespaceKind::ALL {
        // The script does not look at that of time, which not every kernel has.
        if kind == NamespaceKind::Time {
            continue;
        }
        let own = std::fs::read_link(format!("/proc/self/ns/{}", kind.name()));
        let own = own.expect("a namespace");
        let shares = said.stdout.contains(own.to_str().expect("text"));
        assert_eq!(shares, !request.is_new(kind), "{}: {said:?}", kind.name());
    }
}

#[test]
#[ignore = "needs root"]
fn unshare_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Unshare);
}

#[test]
#[ignore = "needs root"]
fn bwrap_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Bwrap);
}

#[test]
#[ignore = "needs root"]
fn systemd_nspawn_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Nspawn);
}

#[test]
#[ignore = "needs root"]
fn lxc_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Lxc);
}

#[test]
#[ignore = "needs root"]
fn runc_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Runc);
}

#[test]
#[ignore = "needs root"]
fn crun_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Crun);
}

#[test]
#[ignore = "needs root"]
fn youki_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Youki);
}

#[test]
#[ignore = "needs root"]
fn podman_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Podman);
}

#[test]
#[ignore = "needs root"]
fn docker_does_what_it_is_asked_for() {
    does_what_it_is_asked_for(Runtime::Docker);
}

#[test]
#[ignore = "needs root"]
fn what_still_runs_ends_with_its_subject() {
    for runtime in Runtime::ALL {
        let Some(subject) = Subject::new(runtime) else {
            continue;
        };
        // A daemon that is told to end asks its containers to, and waits for them.
        let request = Request::new(&[
            "/bin/sh",
            "-c",
            "trap exit TERM; echo ready; sleep 1000 & wait",
        ]);
        let mut command = subject.command("stays", &request);
        let mut child = subject.runs.start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n", "{}", runtime.name());
        let processes = subject.runs.processes();
        // The command and the payload at least.
        assert!(processes.len() >= 2, "{}: {processes:?}", runtime.name());
        let folder = subject.runs.path("");
        drop(subject);
        child.wait().expect("its end");
        for pid in processes {
            assert!(await_end(pid), "{}: process {pid}", runtime.name());
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let folder = folder.to_str().expect("text");
        assert!(!mounts.contains(folder), "{}: {mounts}", runtime.name());
        assert!(!std::fs::exists(folder).expect("a path"), "{folder}");
    }
}

/// The fewest that continuous integration has to have tried.
const FEWEST: usize = 5;

#[test]
#[ignore = "needs root"]
fn enough_runtimes_were_tried() {
    require_root();
    let (tried, skipped): (Vec<Runtime>, Vec<Runtime>) = Runtime::ALL
        .into_iter()
        .partition(|runtime| runtime.is_installed());
    for runtime in skipped {
        println!("skipped: {} is not installed", runtime.name());
    }
    println!("tried: {tried:?}");
    if std::env::var_os("CI").is_some() {
        assert!(tried.len() >= FEWEST, "only {tried:?}");
    }
}
