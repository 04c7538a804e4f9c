//! Namespaces that are not made, that are the host's or another's, or made though not asked for.

use std::ffi::CString;

use tracer::container::plan::{Plan, Step};
use tracer::event::NamespaceKind;
use tracer_tests::edit::{self, insert_before, leave_out, leave_out_file_system};
use tracer_tests::shell::Shell;
use tracer_tests::spec::{IDENTITY, bare, everything, share};
use tracer_tests::trial::Trial;

use crate::case::sabotage;

use NamespaceKind::{Cgroup, Ipc, Mnt, Net, Pid, Time, User, Uts};

/// Number of this process' namespace, which is the host's.
fn own(kind: NamespaceKind) -> String {
    number(std::process::id(), kind)
}

fn number(pid: u32, kind: NamespaceKind) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{}", kind.name())).expect("a link");
    let text = link.to_string_lossy();
    text.trim_end_matches(']')
        .rsplit('[')
        .next()
        .expect("a number in brackets")
        .to_owned()
}

fn join(pid: u32, kind: NamespaceKind) -> Step {
    let path = CString::new(format!("/proc/{pid}/ns/{}", kind.name())).expect("no NUL");
    Step::JoinNamespace { kind, path }
}

/// Everything asked for, and the clone without one kind.
fn without(kind: NamespaceKind, more: fn(&mut Plan)) -> Trial {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    if kind == Uts {
        // A name would be set on the host's namespace.
        trial.spec.hostname = None;
    }
    trial.sabotage(move |plan, aids| {
        plan.clone_flags &= !kind.clone_flag();
        more(plan);
        let id = format!("namespace.{}", kind.name());
        aids.shows(&id, own(kind));
        aids.shows(&id, "it is the host's");
    });
    trial
}

/// One kind asked to be new; init joins the host's after its clone made one.
fn back_to_the_host(kind: NamespaceKind) -> Trial {
    let mut trial = Trial::new(bare(&[kind], &["/bin/true"]));
    trial.sabotage(move |plan, aids| {
        if kind == Mnt {
            leave_out(plan, |step| matches!(step, Step::MountPrivate));
        }
        let last = |step: &Step| matches!(step, Step::Chdir(_));
        insert_before(plan, last, join(std::process::id(), kind));
        let id = format!("namespace.{}", kind.name());
        aids.shows(&id, own(kind));
        aids.shows(&id, "it is the host's");
    });
    trial
}

/// One kind asked to be new; init joins a stranger's, which was there before the run.
fn joined(kind: NamespaceKind, unshare: &'static [&'static str]) -> Trial {
    let mut trial = Trial::new(bare(&[kind], &["/bin/true"]));
    trial.sabotage(move |plan, aids| {
        plan.clone_flags &= !kind.clone_flag();
        plan.steps
            .retain(|step| !matches!(step, Step::UnshareCgroup | Step::MountPrivate));
        let stranger = Shell::with(unshare);
        let last = |step: &Step| matches!(step, Step::Chdir(_));
        insert_before(plan, last, join(stranger.pid(), kind));
        aids.shows(
            &format!("namespace.{}", kind.name()),
            number(stranger.pid(), kind),
        );
        aids.shows(
            &format!("namespace.{}", kind.name()),
            "it was there before the run",
        );
        aids.keep(stranger);
    });
    trial
}

/// Everything new but one kind, which the runtime makes new as well.
fn made_though_shared(kind: NamespaceKind, more: fn(&mut Plan)) -> Trial {
    let mut spec = everything(&["/bin/true"]);
    share(&mut spec, &[kind]);
    let mut trial = Trial::new(spec);
    trial.sabotage(move |plan, aids| {
        if kind == Cgroup {
            insert_before(
                plan,
                |step| matches!(step, Step::Chdir(_)),
                Step::UnshareCgroup,
            );
        } else {
            plan.clone_flags |= kind.clone_flag();
        }
        more(plan);
        let id = format!("namespace.{}", kind.name());
        aids.shows(&id, format!("the host's is {}", own(kind)));
    });
    trial
}

fn no_more(_: &mut Plan) {}

fn no_mounts(plan: &mut Plan) {
    leave_out(plan, |step| {
        matches!(
            step,
            Step::MountPrivate | Step::NewFileSystem { .. } | Step::Attach { .. }
        )
    });
}

fn no_maps(plan: &mut Plan) {
    plan.uid_map.clear();
    plan.gid_map.clear();
}

fn identity_maps(plan: &mut Plan) {
    let line = format!(
        "{} {} {}\n",
        IDENTITY.inside, IDENTITY.outside, IDENTITY.count
    );
    (plan.uid_map, plan.gid_map) = (line.clone(), line);
}

sabotage! {
    /// Without it every mount of the set-up would be the host's, so nothing else of the file
    /// system is asked for.
    fn leaving_out_the_mount_namespace_fails_it_alone() fails ["namespace.mnt"] {
        let mut trial = Trial::new(bare(&NamespaceKind::ALL, &["/bin/true"]));
        trial.sabotage(|plan, aids| {
            plan.clone_flags &= !Mnt.clone_flag();
            no_mounts(plan);
            aids.shows("namespace.mnt", own(Mnt));
        });
        trial
    }
    fn leaving_out_the_uts_namespace_fails_it_alone() fails ["namespace.uts"] {
        without(Uts, no_more)
    }
    /// The queues of the host's namespace can't be mounted by init.
    fn leaving_out_the_ipc_namespace_fails_it_alone() fails ["namespace.ipc"] {
        without(Ipc, |plan| leave_out_file_system(plan, "mqueue"))
    }
    /// Nor can its proc.
    fn leaving_out_the_pid_namespace_fails_it_alone() fails ["namespace.pid"] {
        without(Pid, |plan| leave_out_file_system(plan, "proc"))
    }
    /// Nor its sysfs, and its loopback device is not init's to set up.
    fn leaving_out_the_network_namespace_fails_it_alone() fails ["namespace.net"] {
        without(Net, |plan| {
            leave_out_file_system(plan, "sysfs");
            leave_out(plan, |step| matches!(step, Step::LoopbackUp));
        })
    }
    /// The maps asked for are those of the host's own namespace, so that they and the ids hold.
    fn leaving_out_the_user_namespace_fails_it_alone() fails ["namespace.user"] {
        let mut trial = without(User, no_maps);
        (trial.spec.uid_map, trial.spec.gid_map) = (vec![IDENTITY], vec![IDENTITY]);
        trial
    }
    /// With the maps of a container asked for, they and what they make of the ids fail along.
    fn leaving_out_the_user_namespace_fails_its_maps_and_ids_with_it() fails
        ["namespace.user", "uid_map", "gid_map", "ids", "groups"]
    {
        without(User, no_maps)
    }
    fn leaving_out_the_cgroup_namespace_fails_it_alone() fails ["namespace.cgroup"] {
        without(Cgroup, |plan| leave_out(plan, |step| matches!(step, Step::UnshareCgroup)))
    }
    fn leaving_out_the_time_namespace_fails_it_alone() fails ["namespace.time"] {
        without(Time, no_more)
    }

    fn going_back_to_the_hosts_mount_namespace_fails_it_alone() fails ["namespace.mnt"] {
        back_to_the_host(Mnt)
    }
    fn going_back_to_the_hosts_uts_namespace_fails_it_alone() fails ["namespace.uts"] {
        back_to_the_host(Uts)
    }
    fn going_back_to_the_hosts_ipc_namespace_fails_it_alone() fails ["namespace.ipc"] {
        back_to_the_host(Ipc)
    }
    fn going_back_to_the_hosts_network_namespace_fails_it_alone() fails ["namespace.net"] {
        back_to_the_host(Net)
    }
    fn going_back_to_the_hosts_cgroup_namespace_fails_it_alone() fails ["namespace.cgroup"] {
        back_to_the_host(Cgroup)
    }
    fn going_back_to_the_hosts_time_namespace_fails_it_alone() fails ["namespace.time"] {
        back_to_the_host(Time)
    }

    fn joining_a_foreign_mount_namespace_fails_it_alone() fails ["namespace.mnt"] {
        joined(Mnt, &["--mount"])
    }
    fn joining_a_foreign_uts_namespace_fails_it_alone() fails ["namespace.uts"] {
        joined(Uts, &["--uts"])
    }
    fn joining_a_foreign_ipc_namespace_fails_it_alone() fails ["namespace.ipc"] {
        joined(Ipc, &["--ipc"])
    }
    fn joining_a_foreign_network_namespace_fails_it_alone() fails ["namespace.net"] {
        joined(Net, &["--net"])
    }
    fn joining_a_foreign_cgroup_namespace_fails_it_alone() fails ["namespace.cgroup"] {
        joined(Cgroup, &["--cgroup"])
    }
    /// unshare(1) forks into it, so that the shell itself has it.
    fn joining_a_foreign_time_namespace_fails_it_alone() fails ["namespace.time"] {
        // Before 6.3 who unshares one is not in it after an exec, either; its child is.
        joined(Time, &["--time", "--fork", "--kill-child"])
    }
    /// Its map has one line, and its groups can't be set any more.
    fn joining_a_foreign_user_namespace_fails_it_alone() fails ["namespace.user"] {
        let mut trial = joined(User, &["--map-root-user"]);
        let line = tracer::container::spec::IdMapping { count: 1, ..IDENTITY };
        (trial.spec.uid_map, trial.spec.gid_map) = (vec![line], vec![line]);
        trial.sabotage(|plan, _| {
            no_maps(plan);
            leave_out(plan, |step| matches!(step, Step::SetIds { .. } | Step::SetGroups(_)));
        });
        trial
    }
    /// The kernel lets nobody join another PID namespace for itself, only for its children.
    fn a_foreign_pid_namespace_for_the_children_fails_the_shared_one() fails ["namespace.pid"] {
        let mut trial = Trial::new(bare(&[], &["/bin/true"]));
        trial.sabotage(|plan, aids| {
            let stranger = Shell::with(&["--pid", "--fork", "--kill-child"]);
            let child = stranger.pid();
            insert_before(plan, |step| matches!(step, Step::Chdir(_)), join(child, Pid));
            let foreign = number(child, Pid);
            aids.shows("namespace.pid", format!("pid_for_children {foreign}"));
            aids.keep(stranger);
        });
        trial
    }
    /// No hook sees a stranger make it: that no record shows it being made is what is seen.
    fn joining_a_namespace_that_a_stranger_made_meanwhile_fails_it_alone() fails ["namespace.uts"] {
        let mut trial = Trial::new(bare(&[Uts], &["/bin/true"]));
        let id = trial.spec.id.clone();
        trial.sabotage(|plan, aids| {
            plan.clone_flags &= !Uts.clone_flag();
            edit::hold(plan);
            let stranger = Shell::new();
            insert_before(plan, |step| matches!(step, Step::Chdir(_)), join(stranger.pid(), Uts));
            aids.shows("namespace.uts", "no record shows it being made");
            aids.strangers.push(stranger);
        });
        trial.meanwhile(move |aids| {
            let stranger = &mut aids.strangers[0];
            stranger.becomes("--uts");
            stranger.does(&edit::release(&id));
        });
        trial
    }

    fn making_a_mount_namespace_fails_the_shared_one() fails ["namespace.mnt"] {
        made_though_shared(Mnt, no_more)
    }
    fn making_a_uts_namespace_fails_the_shared_one() fails ["namespace.uts"] {
        made_though_shared(Uts, no_more)
    }
    fn making_an_ipc_namespace_fails_the_shared_one() fails ["namespace.ipc"] {
        made_though_shared(Ipc, no_more)
    }
    fn making_a_pid_namespace_fails_the_shared_one() fails ["namespace.pid"] {
        made_though_shared(Pid, no_more)
    }
    fn making_a_network_namespace_fails_the_shared_one() fails ["namespace.net"] {
        made_though_shared(Net, no_more)
    }
    fn making_a_user_namespace_fails_the_shared_one() fails ["namespace.user"] {
        made_though_shared(User, identity_maps)
    }
    fn making_a_cgroup_namespace_fails_the_shared_one() fails ["namespace.cgroup"] {
        made_though_shared(Cgroup, no_more)
    }
    fn making_a_time_namespace_fails_the_shared_one() fails ["namespace.time"] {
        made_though_shared(Time, no_more)
    }

    fn a_wider_user_map_fails_it_alone() fails ["uid_map"] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            plan.uid_map = String::from("0 100000 65537\n");
            aids.shows("uid_map", "0:100000:65537 was not asked for");
        });
        trial
    }
    fn a_line_too_many_in_the_group_map_fails_it_alone() fails ["gid_map"] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            plan.gid_map.push_str("65536 0 1\n");
            aids.shows("gid_map", "65536:0:1 was not asked for");
        });
        trial
    }
    fn a_line_missing_in_the_user_map_fails_it_alone() fails ["uid_map"] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        let line = tracer::container::spec::IdMapping { inside: 65_536, outside: 0, count: 1 };
        trial.spec.uid_map.push(line);
        trial.sabotage(|plan, aids| {
            plan.uid_map = String::from("0 100000 65536\n");
            aids.shows("uid_map", "a line is missing");
        });
        trial
    }
}
