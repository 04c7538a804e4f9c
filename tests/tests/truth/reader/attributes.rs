//! What a process hands on through exec and how the kernel serves it, as its files below /proc and
//! the programs for that tell it.

use std::fs;
use std::process::Command;

use tracer::event::NamespaceSlot::{Time, TimeForChildren};
use tracer::event::certificate::{Certificate, Scheduling, Terminal};

use super::{cgroups, field, list};

/// Score, umask, clocks, personality, terminal, and how it is served. Session keyrings stand in no
/// file.
pub fn attributes(certificate: &Certificate, pid: u32) {
    let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("a score");
    let told = text.trim().parse().expect("a number");
    assert_eq!(certificate.oom_score_adj(), Some(told));
    let text = field(pid.cast_signed(), "Umask");
    let told = u32::from_str_radix(&text, 8).expect("octal");
    assert_eq!(certificate.umask(), Some(told));
    let text = fs::read_to_string(format!("/proc/{pid}/personality")).expect("a personality");
    let told = u32::from_str_radix(text.trim(), 16).expect("hexadecimal");
    assert_eq!(certificate.personality(), Some(told));
    let stat = stat(pid);
    let terminal = certificate.terminal().expect("terminals");
    // Bits 8 to 15 are the major number, the rest the minor one (proc_pid_stat(5)).
    let told: u32 = stat[7].parse().expect("a number");
    let (major, minor) = (told >> 8 & 0xfff, told >> 12 & 0xfff00 | told & 0xff);
    assert_eq!(terminal.device, major << 20 | minor);
    assert_eq!(told == 0, terminal == Terminal::NONE);
    served(certificate, &stat, pid);
    // The file is about the namespace that its children get.
    let set = certificate.namespaces().expect("namespaces");
    if set.get(Time) == set.get(TimeForChildren) {
        let seen = certificate.time_offsets().expect("offsets");
        let own = [("monotonic", seen.monotonic), ("boottime", seen.boottime)];
        let text = fs::read_to_string(format!("/proc/{pid}/timens_offsets")).expect("offsets");
        for (line, (clock, seen)) in text.lines().zip(own) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let told = [
                clock,
                &seen.seconds.to_string(),
                &seen.nanoseconds.to_string(),
            ];
            assert_eq!(words, told);
        }
        assert_eq!(text.lines().count(), own.len());
    }
}

/// The fields of `/proc/PID/stat` as the manual page counts them: what follows the name is the third.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its numbers");
    let (_, rest) = text.rsplit_once(") ").expect("a name");
    let before = ["", "", ""].into_iter();
    let all = before.chain(rest.split_whitespace());
    all.map(str::to_owned).collect()
}

/// What a program says of the process.
fn says(program: &str, pid: u32) -> String {
    let mut command = Command::new(program);
    let told = command.arg("-p").arg(pid.to_string()).output();
    let told = told.expect("installed");
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).expect("text")
}

fn served(certificate: &Certificate, stat: &[String], pid: u32) {
    let seen = certificate.scheduling().expect("scheduling");
    let own = [
        seen.nice,
        seen.priority.cast_signed(),
        seen.policy.cast_signed(),
    ];
    let told = [&stat[19], &stat[40], &stat[41]];
    assert_eq!(own.map(|number| number.to_string()), told.map(Clone::clone));
    let told = says("chrt", pid);
    let reset = seen.flags & Scheduling::RESET_ON_FORK != 0;
    assert_eq!(reset, told.contains("|SCHED_RESET_ON_FORK"), "{told}");
    if seen.policy == tracer::event::certificate::SCHED_DEADLINE {
        let own = seen.deadline;
        let own = format!("{}/{}/{}", own.runtime, own.deadline, own.period);
        assert!(told.contains(&own), "{own}: {told}");
    }
    let seen = certificate.io_priority().expect("priorities of disks");
    // Of a process that was given none some kernels tell what its nice value comes to.
    if seen.class != 0 {
        let class = ["none", "realtime", "best-effort", "idle"][seen.class as usize];
        let told = says("ionice", pid);
        let with_level = format!("{class}: prio {}", seen.level);
        assert!(
            [class, &with_level].contains(&told.trim()),
            "{with_level}: {told}"
        );
    }
    memory(certificate, pid);
}

fn memory(certificate: &Certificate, pid: u32) {
    let seen = certificate.memory_policy().expect("memory policies");
    let text = fs::read_to_string(format!("/proc/{pid}/numa_maps")).expect("a kernel with NUMA");
    // Of a mapping without a policy of its own it is the process's, as in `bind=static:0`.
    let told = text.split_whitespace().nth(1).expect("a policy");
    let (mode, nodes) = told.split_once(':').unwrap_or((told, ""));
    let (mode, flags) = mode.split_once('=').unwrap_or((mode, ""));
    let modes = ["default", "prefer", "bind", "interleave", "local"];
    assert_eq!(modes[seen.mode as usize], mode, "{told}");
    let own = [
        (1 << 15, "static"),
        (1 << 14, "relative"),
        (1 << 13, "balancing"),
    ];
    let own = own.into_iter().filter(|(bit, _)| seen.flags & bit != 0);
    let own: Vec<&str> = own.map(|(_, name)| name).collect();
    let flags: Vec<&str> = flags.split('|').filter(|flag| !flag.is_empty()).collect();
    assert_eq!(own, flags, "{told}");
    let nodes = if nodes.is_empty() {
        Vec::new()
    } else {
        list(nodes)
    };
    assert_eq!(seen.nodes, nodes, "{told}");
    let files = ["cpuset.effective_mems", "cpuset.mems.effective"];
    // On v2 a cgroup without the controller is in the set of its nearest ancestor that has it.
    let text = cgroups::chain(pid, "cpuset", files).into_iter().flatten();
    let nearest = text.map(|text| list(&text)).next();
    assert!(nearest.is_some(), "no effective set");
    assert_eq!(certificate.cpuset_mems(), nearest);
}
