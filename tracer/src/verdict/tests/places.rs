//! Where the task is: namespaces, cgroups, root, cwd, descriptors.

use tracer_common::record::{CGROUP_PATH_LEN, Certificate, Descriptor, NamespaceSet};

use super::super::sample::{MEMORY, Scenario, UNIFIED, pipe};
use super::{fails, item, not_passed, unknown};
use crate::event::NamespaceKind;
use crate::event::sample::{self, HOST, INIT, NEW, ROOT, STRANGER};
use crate::verdict::Verdict;

/// The task has the namespace of `kind` out of another set, from clone to exec.
fn with_namespace(kind: NamespaceKind, from: NamespaceSet) -> Scenario {
    Scenario::with(|scenario| {
        let swap = |set: &mut NamespaceSet| match kind {
            NamespaceKind::Mnt => set.mnt = from.mnt,
            NamespaceKind::Uts => set.uts = from.uts,
            NamespaceKind::Ipc => set.ipc = from.ipc,
            NamespaceKind::Pid => (set.pid, set.pid_for_children) = (from.pid, from.pid),
            NamespaceKind::Net => set.net = from.net,
            NamespaceKind::User => set.user = from.user,
            NamespaceKind::Cgroup => set.cgroup = from.cgroup,
            NamespaceKind::Time => (set.time, set.time_for_children) = (from.time, from.time),
        };
        swap(&mut scenario.fork.namespaces);
        scenario.fork.flags &= !kind.clone_flag();
        for facts in [&mut scenario.gate, &mut scenario.exec] {
            swap(&mut facts.namespaces);
            if kind == NamespaceKind::Mnt {
                (facts.root.mnt_ns, facts.cwd.mnt_ns) = (from.mnt, from.mnt);
                facts.exe.mnt_ns = from.mnt;
            }
        }
    })
}

fn id(kind: NamespaceKind) -> String {
    format!("namespace.{}", kind.name())
}

#[test]
fn a_namespace_of_the_host_fails_where_a_new_one_was_asked_for() {
    for kind in NamespaceKind::ALL {
        fails(&[&id(kind)], &with_namespace(kind, HOST));
    }
}

#[test]
fn a_foreign_namespace_that_was_joined_fails() {
    let foreign = NamespaceSet {
        mnt: 71,
        uts: 72,
        ipc: 73,
        pid: 74,
        pid_for_children: 74,
        net: 75,
        time: 76,
        time_for_children: 76,
        cgroup: 77,
        user: 78,
        unique: [0; 10],
    };
    for kind in NamespaceKind::ALL {
        fails(&[&id(kind)], &with_namespace(kind, foreign));
    }
}

#[test]
fn a_namespace_made_by_unshare_is_new_as_well() {
    let scenario = Scenario::with(|scenario| {
        scenario.fork.flags &= !NamespaceKind::Cgroup.clone_flag();
        scenario.fork.namespaces.cgroup = HOST.cgroup;
        scenario.calls = vec![sample::namespace_call(INIT, sample::UNSHARE, 0, NEW)];
    });
    assert_eq!(scenario.judge_final().verdict, Verdict::Pass);
}

#[test]
fn children_that_get_another_pid_namespace_fail() {
    let scenario = Scenario::with_facts(|facts| facts.namespaces.pid_for_children = HOST.pid);
    fails(&["namespace.pid"], &scenario);
    let scenario = Scenario::with_facts(|facts| facts.namespaces.time_for_children = HOST.time);
    fails(&["namespace.time"], &scenario);
}

#[test]
fn a_shared_namespace_must_be_the_hosts() {
    let shared = |kind: NamespaceKind| {
        let mut scenario = with_namespace(kind, HOST);
        scenario.spec.new_namespaces.retain(|new| *new != kind);
        scenario
    };
    for kind in NamespaceKind::ALL
        .into_iter()
        .filter(|kind| *kind != NamespaceKind::User)
    {
        assert_eq!(
            shared(kind).judge_final().verdict,
            Verdict::Pass,
            "{kind:?}"
        );
        let other = Scenario::with(|scenario| {
            scenario.spec.new_namespaces.retain(|new| *new != kind);
        });
        fails(&[&id(kind)], &other);
    }
}

#[test]
fn a_namespace_that_could_not_be_read_is_inconclusive() {
    unknown(
        &["namespace.net"],
        &Scenario::with_facts(|facts| facts.namespaces.net = 0),
    );
}

#[test]
fn staying_in_tracers_cgroup_fails() {
    let scenario = Scenario::with(|scenario| {
        scenario
            .attaches
            .retain(|attach| attach.cgroup.hierarchy != MEMORY);
        for facts in [&mut scenario.gate, &mut scenario.exec] {
            facts.cgroups.entries[3].id = 1;
        }
    });
    fails(&["cgroup.memory"], &scenario);
}

#[test]
fn a_cgroup_of_another_name_fails() {
    let scenario = Scenario::with(|scenario| {
        scenario.mkdirs[3] = sample::mkdir(ROOT, MEMORY, 307, "/other");
    });
    fails(&["cgroup.memory"], &scenario);
}

#[test]
fn a_cgroup_made_by_a_stranger_fails() {
    let scenario = Scenario::with(|scenario| scenario.mkdirs[3].header.task = STRANGER);
    fails(&["cgroup.memory"], &scenario);
}

#[test]
fn a_cgroup_whose_making_was_not_seen_fails_when_nothing_was_lost() {
    let scenario = Scenario::with(|scenario| {
        scenario.mkdirs.remove(3);
    });
    fails(&["cgroup.memory"], &scenario);
}

#[test]
fn a_cgroup_whose_path_is_cut_is_inconclusive() {
    let scenario = Scenario::with(|scenario| scenario.mkdirs[3].path = [b'a'; CGROUP_PATH_LEN]);
    unknown(&["cgroup.memory"], &scenario);
}

#[test]
fn a_move_by_a_stranger_fails_even_when_it_is_undone() {
    let path = "/elsewhere";
    let there = sample::attach(STRANGER, INIT, MEMORY, 900, path);
    let back = sample::attach(ROOT, INIT, MEMORY, 307, path);
    let scenario = Scenario::with(|scenario| scenario.attaches.extend([there, back]));
    fails(&["cgroup.memory"], &scenario);
    let judgement = scenario.judge_final();
    let item = item(&judgement, "cgroup.memory");
    assert_eq!(
        item.reason.as_deref(),
        Some("it was moved by 300 (stranger)")
    );
}

#[test]
fn a_move_after_the_exec_fails() {
    let away = |by| sample::attach(by, INIT, MEMORY, 900, "/elsewhere");
    for by in [STRANGER, INIT, ROOT] {
        let moved = super::super::sample::bytes(&away(by));
        let scenario = Scenario::with(|scenario| scenario.after.push(moved));
        let judgement = scenario.judge_final();
        assert_eq!(
            super::not_passed(&judgement),
            [("cgroup.memory", Verdict::Fail)]
        );
    }
}

#[test]
fn init_may_move_itself_before_its_exec_on_v1() {
    let scenario = Scenario::with(|scenario| scenario.attaches[2].header.task = INIT);
    assert_eq!(scenario.judge_final().verdict, Verdict::Pass);
}

#[test]
fn on_v2_the_task_must_be_created_in_its_cgroup() {
    let scenario = Scenario::with(|scenario| {
        scenario.fork.flags &= !sample::INTO_CGROUP;
        scenario.fork.cgroups.entries[0].id = 1;
        let late = sample::attach(ROOT, INIT, UNIFIED, 7, "/tracer-0123456789ab");
        scenario.attaches.push(late);
    });
    fails(&["cgroup.unified"], &scenario);
}

#[test]
fn on_v1_a_cgroup_that_was_inherited_fails() {
    // tracer is in the container's cgroup itself.
    let scenario = Scenario::with(|scenario| {
        scenario.baseline.cgroups.entries[3].id = 307;
        scenario.fork.cgroups.entries[3].id = 307;
        scenario
            .attaches
            .retain(|attach| attach.cgroup.hierarchy != MEMORY);
    });
    fails(&["cgroup.memory"], &scenario);
}

#[test]
fn a_cgroup_set_that_is_cut_is_inconclusive_where_it_is_silent() {
    let scenario = Scenario::with_facts(|facts| {
        facts.cgroups.count = 4;
        facts.cgroups.truncated = 1;
    });
    unknown(&["cgroup.pids"], &scenario);
}

/// What it fails, and what the mount table says nothing of, as it begins at another root.
#[track_caller]
fn fails_elsewhere(id: &str, scenario: &Scenario) {
    let mounts = ["mount./scratch", "mount./data"];
    for judgement in [scenario.judge_final(), scenario.judge_gate()] {
        let mut all = vec![(id, Verdict::Fail)];
        all.extend(mounts.map(|mount| (mount, Verdict::Inconclusive)));
        assert_eq!(not_passed(&judgement), all, "{:#?}", judgement.items);
    }
}

#[test]
fn a_root_that_chroot_leaves_fails() {
    let inside = Scenario::with_facts(|facts| facts.root.flags &= !1);
    fails_elsewhere("root.pivoted", &inside);
    let below = Scenario::with_facts(|facts| facts.root.flags &= !2);
    fails(&["root.pivoted"], &below);
    let foreign = Scenario::with_facts(|facts| facts.root.mnt_ns = HOST.mnt);
    fails(&["root.pivoted"], &foreign);
}

#[test]
fn the_hosts_root_fails() {
    let scenario = Scenario::with(|scenario| {
        (scenario.baseline.root.dev, scenario.baseline.root.ino) = (40, 1);
    });
    fails(&["root.not_host"], &scenario);
}

#[test]
fn without_tracers_own_root_that_is_inconclusive() {
    let scenario = Scenario::with(|scenario| scenario.baseline.valid &= !Certificate::PATHS);
    unknown(&["root.not_host"], &scenario);
}

#[test]
fn a_root_that_can_be_written_to_fails_where_read_only_was_asked_for() {
    fails(
        &["root.read_only"],
        &Scenario::with_facts(|facts| facts.root.flags &= !4),
    );
    let fs = Scenario::with_facts(|facts| facts.root.flags = 1 | 2 | 8);
    assert_eq!(fs.judge_final().verdict, Verdict::Pass);
}

#[test]
fn a_cwd_outside_fails() {
    fails(
        &["cwd"],
        &Scenario::with_facts(|facts| facts.cwd.mnt_ns = HOST.mnt),
    );
    fails(
        &["cwd"],
        &Scenario::with_facts(|facts| facts.cwd.mnt_ns = 0),
    );
}

#[test]
fn a_program_outside_fails() {
    fails(
        &["exe"],
        &Scenario::with_facts(|facts| facts.exe.mnt_ns = HOST.mnt),
    );
}

#[test]
fn paths_that_the_kernel_does_not_tell_are_inconclusive() {
    let scenario = Scenario::with_facts(|facts| facts.valid &= !Certificate::PATHS);
    let ids = [
        "root.pivoted",
        "root.not_host",
        "root.read_only",
        "cwd",
        "mount./scratch",
        "mount./data",
    ];
    unknown(&ids, &scenario);
}

fn with_descriptor(descriptor: Descriptor) -> Scenario {
    Scenario::with_facts(move |facts| {
        facts.descriptors[3] = descriptor;
        facts.descriptor_count = 4;
    })
}

#[test]
fn a_leaked_descriptor_to_a_host_directory_fails_and_is_named() {
    let leaked = Descriptor {
        mode: 0o040_755,
        mnt_ns: HOST.mnt,
        ..pipe(7)
    };
    let scenario = with_descriptor(leaked);
    fails(&["descriptors"], &scenario);
    let judgement = scenario.judge_final();
    assert_eq!(
        item(&judgement, "descriptors").seen,
        "7: directory outside, in mnt 4026531841"
    );
}

#[test]
fn any_leaked_descriptor_fails() {
    fails(&["descriptors"], &with_descriptor(pipe(3)));
}

#[test]
fn a_directory_as_standard_input_fails() {
    let scenario = Scenario::with_facts(|facts| facts.descriptors[0].mode = 0o040_755);
    fails(&["descriptors"], &scenario);
}

#[test]
fn a_descriptor_that_closes_at_exec_is_no_leak() {
    let closing = Descriptor {
        flags: Descriptor::CLOSE_ON_EXEC,
        ..pipe(7)
    };
    assert_eq!(with_descriptor(closing).judge_gate().verdict, Verdict::Pass);
}

#[test]
fn more_descriptors_than_there_is_room_for_are_inconclusive_unless_one_is_wrong() {
    unknown(
        &["descriptors"],
        &Scenario::with_facts(|facts| facts.descriptors_truncated = 1),
    );
    let mut leaking = with_descriptor(pipe(7));
    (
        leaking.gate.descriptors_truncated,
        leaking.exec.descriptors_truncated,
    ) = (1, 1);
    fails(&["descriptors"], &leaking);
}
