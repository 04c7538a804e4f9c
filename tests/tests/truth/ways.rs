//! How a task got into its cgroup: the model's word for it, the cgroup, and the record.

use std::path::{Path, PathBuf};

use tracer::event::{Body, CgroupKey, Tgid, Tid};
use tracer::host::{CgroupVersion, Hierarchy};
use tracer::model::{Membership, WayIn};
use tracer::session::Session;
use tracer::sys::clone::{Cloned, clone_init};
use tracer_tests::cgroup::Leftover;
use tracer_tests::need;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{facts, new_id};

use super::observe;

/// This process.
fn own() -> Tgid {
    Tgid(std::process::id())
}

/// Every hierarchy of this machine.
fn all() -> Vec<Hierarchy> {
    let all = facts().hierarchies;
    assert!(!all.is_empty());
    all
}

/// A new cgroup of the hierarchy.
fn make(hierarchy: &Hierarchy) -> (Leftover, CgroupKey) {
    let cgroup = Leftover::make(hierarchy.mount_point.join(new_id()));
    let key = CgroupKey {
        hierarchy: hierarchy.id,
        id: cgroup.id(),
    };
    if hierarchy.version == CgroupVersion::V1
        && hierarchy.controllers.iter().any(|name| name == "cpuset")
    {
        // It takes no task before it has both.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let root =
                std::fs::read_to_string(hierarchy.mount_point.join(file)).expect("the root's");
            cgroup.write(file, root.trim());
        }
    }
    (cgroup, key)
}

/// Where the model has a process, after all records.
fn place(session: &mut Session, pid: u32, hierarchy: &Hierarchy) -> Membership {
    session.settle().expect("counters");
    let task = session.model.leader(Tgid(pid)).expect("known");
    let place = task.place(hierarchy.id);
    place.expect("a place")
}

/// Who is in a cgroup by its own file.
fn members(path: &Path, file: &str) -> Vec<u32> {
    let text = std::fs::read_to_string(path.join(file)).expect("members");
    text.lines()
        .map(|line| line.parse().expect("a number"))
        .collect()
}

/// The membership's record, as its name and the cgroup that it tells.
fn record(session: &Session, place: &Membership) -> (String, Option<CgroupKey>) {
    let seq = place.seq.expect("a record");
    let step = session
        .steps
        .iter()
        .find(|step| step.event.seq == seq)
        .expect("in the timeline");
    let key = match &step.event.body {
        Body::Fork(fork) => fork
            .cgroups
            .in_hierarchy(place.key.hierarchy)
            .map(|member| member.key),
        Body::CgroupAttach(attach) => {
            // As /proc has it.
            let own = std::fs::read_to_string(format!("/proc/{}/cgroup", attach.target.tgid));
            let line = format!(":{}", attach.path.text);
            assert!(
                own.expect("its cgroups")
                    .lines()
                    .any(|own| own.ends_with(&line)),
                "{line}"
            );
            Some(attach.cgroup.key)
        }
        _ => None,
    };
    (step.event.body.name().to_owned(), key)
}

/// A child that stands still until its guard is dropped.
struct Still {
    cloned: Cloned,
    _hold: std::io::PipeWriter,
}

impl Still {
    fn in_cgroup(path: Option<&Path>) -> Self {
        let directory = path.map(|path| std::fs::File::open(path).expect("a cgroup"));
        let (read, hold) = std::io::pipe().expect("a pipe");
        use std::os::fd::AsFd as _;
        let cgroup = directory.as_ref().map(std::os::fd::AsFd::as_fd);
        let cloned = clone_init(0, cgroup, &[hold.as_fd()], || {
            let mut byte = [0];
            // Whatever the answer, it is the end.
            let _ended = rustix::io::read(&read, &mut byte);
        });
        Self {
            cloned: cloned.expect("a child"),
            _hold: hold,
        }
    }

    fn pid(&self) -> u32 {
        self.cloned.tgid
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
        use std::os::fd::AsFd as _;
        // One that has ended already needs no kill; reaping it is what counts.
        let _ended = pidfd_send_signal(&self.cloned.pidfd, Signal::KILL);
        let _reaped = waitid(
            WaitId::PidFd(self.cloned.pidfd.as_fd()),
            WaitIdOptions::EXITED,
        );
    }
}

#[test]
#[ignore = "needs root"]
fn clone3_into_a_cgroup_is_its_own_way_in() {
    let Some(unified) = need::unified() else {
        return;
    };
    let mut session = observe();
    let (cgroup, key) = make(&unified);
    let child = Still::in_cgroup(Some(cgroup.path()));
    let place = place(&mut session, child.pid(), &unified);
    assert_eq!(
        (place.key, place.way),
        (key, WayIn::CloneIntoCgroup { by: own() })
    );
    assert_eq!(
        record(&session, &place),
        ("task_newtask".to_owned(), Some(key))
    );
    assert_eq!(members(cgroup.path(), "cgroup.procs"), [child.pid()]);
    assert_eq!(place.moves, []);
    // In all others it is where this process is.
    let task = session.model.leader(Tgid(child.pid())).expect("known");
    let hierarchies = task.cgroups.keys().iter().map(|other| other.hierarchy);
    for other in hierarchies.filter(|other| *other != key.hierarchy) {
        let other = task.place(other).expect("a place");
        assert_eq!(other.way, WayIn::Inherited { from: own() });
    }
}

#[test]
#[ignore = "needs root"]
fn a_child_is_where_its_parent_is_in_every_hierarchy() {
    let mut session = observe();
    let child = Still::in_cgroup(None);
    for hierarchy in all() {
        let place = place(&mut session, child.pid(), &hierarchy);
        let path = hierarchy
            .mount_point
            .join(hierarchy.own_path.trim_start_matches('/'));
        let key = CgroupKey {
            hierarchy: hierarchy.id,
            id: tracer_tests::cgroup::id(&path),
        };
        assert_eq!(
            (place.key, place.way),
            (key, WayIn::Inherited { from: own() })
        );
        assert_eq!(
            record(&session, &place),
            ("task_newtask".to_owned(), Some(key))
        );
    }
}

/// One way to move a process, in each of these hierarchies.
fn moved(file: &str, hierarchies: Vec<Hierarchy>, way: fn(&mut Mover) -> WayIn) {
    for hierarchy in hierarchies {
        let stranger = Shell::new();
        let mut session = observe();
        let (cgroup, key) = make(&hierarchy);
        let path = cgroup.path().join(file);
        let mut mover = Mover {
            path,
            child: Shell::new(),
            stranger,
        };
        let way = way(&mut mover);
        let pid = mover.child.pid();
        let place = place(&mut session, pid, &hierarchy);
        assert_eq!((place.key, place.way), (key, way), "{}", hierarchy.label());
        let attach = ("cgroup_attach_task".to_owned(), Some(key));
        assert_eq!(record(&session, &place), attach);
        assert_eq!(members(cgroup.path(), file), [pid]);
        assert_eq!(place.moves.len(), 1, "{:?}", place.moves);
        // What it forks is there by birth.
        let command = "sh -c 'read pid rest < /proc/self/stat; echo $pid; read line'";
        mover.child.begins(command);
        let grandchild = mover.child.answer().parse().expect("a number");
        let place = self::place(&mut session, grandchild, &hierarchy);
        assert_eq!(
            (place.key, place.way),
            (key, WayIn::Inherited { from: Tgid(pid) })
        );
        assert_eq!(place.moves, []);
    }
}

/// Who is moved, and who may move it.
struct Mover {
    path: PathBuf,
    child: Shell,
    stranger: Shell,
}

impl Mover {
    fn by_itself(&mut self) -> WayIn {
        self.child
            .does(&format!("echo 0 > {}", self.path.display()));
        WayIn::MovedBySelf
    }

    fn by_this_process(&mut self) -> WayIn {
        std::fs::write(&self.path, self.child.pid().to_string()).expect("moved");
        WayIn::MovedBy { mover: own() }
    }

    fn by_a_stranger(&mut self) -> WayIn {
        let order = format!("echo {} > {}", self.child.pid(), self.path.display());
        self.stranger.does(&order);
        WayIn::MovedBy {
            mover: Tgid(self.stranger.pid()),
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_write_to_cgroup_procs_by_another_moves_it() {
    moved("cgroup.procs", all(), Mover::by_this_process);
}

#[test]
#[ignore = "needs root"]
fn a_write_to_cgroup_procs_by_itself_moves_it() {
    moved("cgroup.procs", all(), Mover::by_itself);
}

#[test]
#[ignore = "needs root"]
fn a_write_to_cgroup_procs_by_a_stranger_moves_it() {
    moved("cgroup.procs", all(), Mover::by_a_stranger);
}

#[test]
#[ignore = "needs root"]
fn a_write_to_tasks_by_another_moves_it() {
    moved("tasks", need::v1(), Mover::by_this_process);
}

#[test]
#[ignore = "needs root"]
fn a_write_to_tasks_by_itself_moves_it() {
    moved("tasks", need::v1(), Mover::by_itself);
}

#[test]
#[ignore = "needs root"]
fn a_write_to_tasks_by_a_stranger_moves_it() {
    moved("tasks", need::v1(), Mover::by_a_stranger);
}

/// In v1 a thread can be elsewhere than its process.
#[test]
#[ignore = "needs root"]
fn a_write_to_tasks_moves_one_thread_alone() {
    for hierarchy in need::v1() {
        let mut session = observe();
        let (cgroup, key) = make(&hierarchy);
        let path = cgroup.path().join("tasks");
        let tid = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                std::fs::write(&path, "0").expect("moved");
                let tid = rustix::thread::gettid()
                    .as_raw_nonzero()
                    .get()
                    .cast_unsigned();
                session.settle().expect("counters");
                let state = session.model.task(Tid(tid)).expect("known");
                let place = state.place(hierarchy.id).expect("a place");
                assert_eq!((place.key, place.way), (key, WayIn::MovedBySelf));
                assert_eq!(members(cgroup.path(), "tasks"), [tid]);
                // Back again: the kernel takes a thread off its cgroup only after it is joined.
                std::fs::write(hierarchy.mount_point.join("tasks"), "0").expect("back");
                tid
            });
            thread.join().expect("its claims hold")
        });
        assert_ne!(tid, own().0);
        let leader = session.model.leader(own()).expect("this process");
        let place = leader.place(hierarchy.id).expect("a place");
        assert_eq!(place.way, WayIn::Before);
    }
}

#[test]
#[ignore = "needs root"]
fn a_move_to_where_it_is_already_is_not_a_change() {
    for hierarchy in all() {
        let mut session = observe();
        let (cgroup, key) = make(&hierarchy);
        let (child, way) = if hierarchy.version == CgroupVersion::V2 {
            let child = Still::in_cgroup(Some(cgroup.path()));
            (child, WayIn::CloneIntoCgroup { by: own() })
        } else {
            let child = Still::in_cgroup(None);
            cgroup.write("cgroup.procs", &child.pid().to_string());
            (child, WayIn::MovedBy { mover: own() })
        };
        let before = place(&mut session, child.pid(), &hierarchy);
        cgroup.write("cgroup.procs", &child.pid().to_string());
        let place = place(&mut session, child.pid(), &hierarchy);
        let label = hierarchy.label();
        assert_eq!((place.key, place.way), (key, way), "{label}");
        assert_eq!(place.moves, before.moves, "{label}");
    }
}
