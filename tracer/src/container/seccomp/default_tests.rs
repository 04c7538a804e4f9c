//! What the default profile lets through and what not.

use syscalls::Sysno;

use super::super::{Filter, check_gate, compile, parse};
use super::*;

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
/// Docker's default set.
const CAPABILITIES: u64 = 0xa804_25fb;
const SYS_ADMIN: u64 = 1 << 21;

fn filter(capabilities: u64) -> Filter {
    compile("default", &default_profile(capabilities)).expect("a filter")
}

fn run(filter: &Filter, call: Sysno, arguments: [u64; 6]) -> u32 {
    filter.evaluate(call.id().unsigned_abs(), arguments)
}

#[test]
fn every_name_of_the_default_profile_is_known() {
    assert_eq!(filter(u64::MAX).skipped, [""; 0]);
    assert_eq!(filter(0).skipped, [""; 0]);
}

#[test]
fn init_can_go_on_behind_the_default_filter() {
    check_gate("default", &filter(0), true).expect("nothing init needs is refused");
}

#[test]
fn ordinary_calls_are_allowed() {
    let filter = filter(CAPABILITIES);
    for call in [
        Sysno::openat,
        Sysno::mmap,
        Sysno::futex,
        Sysno::execve,
        Sysno::ptrace,
        Sysno::ioctl,
    ] {
        assert_eq!(run(&filter, call, [0; 6]), ALLOW, "{}", call.name());
    }
}

#[test]
fn what_reaches_the_host_is_refused() {
    let filter = filter(CAPABILITIES);
    for call in [
        Sysno::mount,
        Sysno::umount2,
        Sysno::pivot_root,
        Sysno::unshare,
        Sysno::setns,
        Sysno::bpf,
        Sysno::perf_event_open,
        Sysno::kexec_load,
        Sysno::init_module,
        Sysno::reboot,
        Sysno::keyctl,
        Sysno::add_key,
        Sysno::userfaultfd,
        Sysno::io_uring_setup,
        Sysno::open_by_handle_at,
        Sysno::clock_settime,
        Sysno::swapon,
    ] {
        assert_eq!(run(&filter, call, [0; 6]), EPERM, "{}", call.name());
    }
}

#[test]
fn clone_may_fork_but_not_make_namespaces() {
    let filter = filter(CAPABILITIES);
    assert_eq!(run(&filter, Sysno::clone, [0x11, 0, 0, 0, 0, 0]), ALLOW);
    for flag in [
        0x0002_0000_u64,
        0x0200_0000,
        0x0400_0000,
        0x0800_0000,
        0x1000_0000,
        0x2000_0000,
        0x4000_0000,
    ] {
        assert_eq!(
            run(&filter, Sysno::clone, [flag | 0x11, 0, 0, 0, 0, 0]),
            EPERM,
            "{flag:x}"
        );
    }
}

#[test]
fn clone3_looks_missing_so_that_libraries_fall_back() {
    // Its flags are in memory, where a filter can't look.
    assert_eq!(run(&filter(CAPABILITIES), Sysno::clone3, [0; 6]), ENOSYS);
}

#[test]
fn cap_sys_admin_brings_its_calls_back() {
    let filter = filter(CAPABILITIES | SYS_ADMIN);
    for call in [Sysno::mount, Sysno::unshare, Sysno::setns, Sysno::clone3] {
        assert_eq!(run(&filter, call, [0; 6]), ALLOW, "{}", call.name());
    }
    assert_eq!(
        run(&filter, Sysno::clone, [0x1000_0011, 0, 0, 0, 0, 0]),
        ALLOW
    );
    assert_eq!(run(&filter, Sysno::kexec_load, [0; 6]), EPERM);
}

#[test]
fn input_cannot_be_pushed_into_the_terminal() {
    let filter = filter(CAPABILITIES);
    let tiocsti = 0x5412;
    assert_eq!(run(&filter, Sysno::ioctl, [0, tiocsti, 0, 0, 0, 0]), EPERM);
    // The kernel looks at 32 bits of the request.
    assert_eq!(
        run(&filter, Sysno::ioctl, [0, tiocsti | 1 << 40, 0, 0, 0, 0]),
        EPERM
    );
    assert_eq!(run(&filter, Sysno::ioctl, [0, 0x5413, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn sockets_to_the_hypervisor_are_refused() {
    let filter = filter(CAPABILITIES);
    assert_eq!(run(&filter, Sysno::socket, [40, 1, 0, 0, 0, 0]), EPERM);
    // The kernel takes the lower half for the family.
    let family = (1 << 32) + 40;
    assert_eq!(run(&filter, Sysno::socket, [family, 1, 0, 0, 0, 0]), EPERM);
    assert_eq!(run(&filter, Sysno::socket, [2, 1, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn dockers_own_format_is_told_from_ocis() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}}]}"#;
    let error = parse("docker.json", text)
        .expect_err("not OCI's")
        .to_string();
    assert!(
        error.contains("docker.json") && error.contains("includes"),
        "{error}"
    );
}

#[test]
fn a_text_that_is_no_profile_is_refused_by_name() {
    for text in ["", "{}", "[]", "{\"defaultAction\":\"NO\"}"] {
        let error = parse("p.json", text).expect_err("no profile").to_string();
        assert!(error.contains("p.json"), "{error}");
    }
}

#[test]
fn a_filter_that_stops_init_is_refused_by_the_call_that_it_stops() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["read","write","exit_group"],"action":"SCMP_ACT_ALLOW"}]}"#;
    let filter = compile("p.json", &parse("p.json", text).expect("a profile")).expect("a filter");
    let error = check_gate("p.json", &filter, false)
        .expect_err("no execve")
        .to_string();
    assert!(error.contains("execve"), "{error}");
}
