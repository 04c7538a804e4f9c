//! Claims about flags for the terminal, and for how a process is served.

use super::super::super::attribute::TerminalAsked;
use super::super::Check;
use super::{check, error, not_inferred, says_nothing_of};

#[test]
fn a_terminal_is_the_one_that_was_asked_for() {
    let terminal = Check::Terminal;
    let own = terminal(TerminalAsked::Own);
    for line in [
        "docker run -it a",
        "podman run --tty a",
        "docker run -t=true a",
    ] {
        assert_eq!(check(line, "terminal"), own, "{line}");
    }
    for line in ["docker run -i a", "podman run -t --tty=false a"] {
        says_nothing_of(line, "terminal");
        assert_eq!(not_inferred(line), [""; 0]);
    }
    let line = "bwrap --new-session --bind / / true";
    assert_eq!(check(line, "terminal"), terminal(TerminalAsked::None));
    says_nothing_of("bwrap --bind / / true", "terminal");
}

#[test]
fn personalities_have_each_runtimes_own_names() {
    for (line, number) in [
        ("podman run --personality=LINUX32 a", 8),
        ("podman run --personality LINUX a", 0),
        ("systemd-nspawn --personality=x86 -D /srv/root true", 8),
        ("systemd-nspawn --personality=x86-64 -D /srv/root true", 0),
    ] {
        assert_eq!(check(line, "personality"), Check::Personality(number));
    }
    let line = "systemd-nspawn --personality=s390 -D /srv/root true";
    says_nothing_of(line, "personality");
    assert_eq!(not_inferred(line), ["--personality=s390"]);
}

#[test]
fn engines_name_the_domain_and_memory_nodes() {
    let line = "docker run --domainname example --cpuset-mems=0,1 a";
    let name = Check::Domainname("example".to_owned());
    assert_eq!(check(line, "domainname"), name);
    assert_eq!(check(line, "cpuset.mems"), Check::CpusetMems(vec![0, 1]));
    assert_eq!(not_inferred(line), [""; 0]);
    assert!(error("docker run --cpuset-mems all a").contains("--cpuset-mems"));
}
