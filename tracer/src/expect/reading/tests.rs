//! Claims about the rules on what stands in files.

use super::*;

fn holds(name: &str, asked: &str, text: &str) -> Option<bool> {
    FileRule::of(name, asked).holds(text)
}

#[test]
fn numbers_compare() {
    assert_eq!(holds("pids.max", "64", "64\n"), Some(true));
    assert_eq!(holds("pids.max", "64", "65\n"), Some(false));
    assert_eq!(holds("memory.high", "<=64Mi", "67108864"), Some(true));
    assert_eq!(holds("memory.high", "<=64Mi", "max"), Some(false));
    assert_eq!(holds("memory.high", "max", "max"), Some(true));
    assert_eq!(holds("memory.swap.max", "0", "0"), Some(true));
    assert_eq!(holds("cpu.weight", "100", "default"), None);
}

#[test]
fn memory_counts_in_pages() {
    assert_eq!(holds("memory.low", "1000000", "999424"), Some(true));
    assert_eq!(holds("memory.low", "1000000", "1000000"), Some(false));
    assert_eq!(holds("memory.swappiness", "60", "60"), Some(true));
}

#[test]
fn no_limit_of_v1_is_no_limit() {
    let name = "memory.memsw.limit_in_bytes";
    assert_eq!(holds(name, "max", "9223372036854771712"), Some(true));
    assert_eq!(holds(name, "<max", "9223372036854771712"), Some(false));
}

#[test]
fn lists_are_sets() {
    assert_eq!(holds("cpuset.cpus", "0,1", "0-1\n"), Some(true));
    assert_eq!(holds("cpuset.mems", "0", "0-1"), Some(false));
    assert_eq!(holds("cpuset.mems", "0", ""), None);
}

#[test]
fn a_line_has_the_words_that_are_asked_for() {
    let text = "8:0 rbps=1000 wbps=max riops=max wiops=max\n8:16 rbps=5\n";
    assert_eq!(holds("io.max", "8:0 rbps=1000", text), Some(true));
    assert_eq!(holds("io.max", "8:0 rbps=1000 wbps=7", text), Some(false));
    assert_eq!(holds("io.max", "8:16 rbps=1000", text), Some(false));
    assert_eq!(
        holds("io.max", "8:0 rbps=1000\n8:16 rbps=5", text),
        Some(true)
    );
    assert_eq!(holds("cpu.max", "50000 100000", "50000 100000"), Some(true));
    assert_eq!(holds("cpu.max", "max 100000", "50000 100000"), Some(false));
}

#[test]
fn nothing_asked_for_is_nothing_there() {
    assert_eq!(holds("cpuset.cpus.exclusive", "", ""), Some(true));
    assert_eq!(holds("cgroup.subtree_control", "", "\n"), Some(true));
    assert_eq!(
        holds("cgroup.subtree_control", " \n", "cpu memory"),
        Some(false)
    );
}

#[test]
fn names_below_proc_sys() {
    let parts = |key: &str| sysctl_parts(key).map(|parts| parts.join("/"));
    assert_eq!(
        parts("net.ipv4.ip_forward").as_deref(),
        Some("net/ipv4/ip_forward")
    );
    assert_eq!(
        parts("net/ipv4/conf/eth0.1/x").as_deref(),
        Some("net/ipv4/conf/eth0.1/x")
    );
    assert_eq!(
        parts("net.ipv4.conf.eth0/1.x").as_deref(),
        Some("net/ipv4/conf/eth0.1/x")
    );
    for wrong in ["net", "", "net..x", "../etc", "net/../../etc", ".net"] {
        assert_eq!(parts(wrong), None, "{wrong}");
    }
}

#[test]
fn a_device_file_differs_in_what_was_asked_for() {
    let asked = NodeAsked {
        path: "/dev/fuse".to_owned(),
        kind: NodeKind::Character,
        device: Some((10, 229)),
        mode: Some(0o666),
        uid: None,
        gid: Some(0),
    };
    assert_eq!(asked.text(), "character device 10:229 mode 0666 gid 0");
    let seen = DeviceNode {
        kind: NodeKind::Character,
        major: 10,
        minor: 229,
        mode: 0o666,
        uid: 7,
        gid: 0,
    };
    assert_eq!(asked.differs(&seen), [""; 0]);
    let other = DeviceNode {
        kind: NodeKind::Block,
        minor: 1,
        mode: 0o600,
        gid: 5,
        ..seen
    };
    let all = ["kind", "device number", "mode", "group"];
    assert_eq!(asked.differs(&other), all);
}
