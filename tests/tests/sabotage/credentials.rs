//! Who the payload is and what it may do: ids, groups, capabilities, securebits, no_new_privs,
//! seccomp.

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, Gid, capabilities,
    configure_capability_in_ambient_set, set_capabilities, set_capabilities_secure_bits,
    set_thread_groups,
};
use tracer::container::Plan;
use tracer::container::plan::Step;
use tracer::container::seccomp;
use tracer::container::spec::{Seccomp, Spec, User};
use tracer::event::NamespaceKind;
use tracer_tests::edit::{bring_forward, leave_out, replace};
use tracer_tests::spec::{CAPABILITIES, everything, share};
use tracer_tests::trial::{Aids, Trial};

use crate::case::sabotage;

/// `CAP_CHOWN`, which is asked for, and `CAP_SYS_ADMIN`, which is not.
const CHOWN: u64 = 1 << 0;
const SYS_ADMIN: u64 = 1 << 21;

fn spoiled(
    spec: Spec,
    sabotage: impl FnOnce(&mut Plan) + Send + 'static,
    shows: &'static [(&'static str, &'static str)],
) -> Trial {
    let mut trial = Trial::new(spec);
    trial.sabotage(move |plan, aids: &mut Aids| {
        sabotage(plan);
        for (id, text) in shows {
            aids.shows(id, *text);
        }
    });
    trial
}

fn root() -> Spec {
    everything(&["/bin/true"])
}

/// A user without privileges.
fn nobody() -> Spec {
    Spec {
        user: User {
            uid: 1000,
            gid: 1000,
            groups: vec![7],
        },
        ..root()
    }
}

/// Without a user namespace of its own init has what tracer has: a new one resets securebits and
/// the ambient set.
fn without_user_namespace() -> Spec {
    let mut spec = root();
    share(&mut spec, &[NamespaceKind::User]);
    spec
}

fn set_sets(plan: &mut Plan, permitted: u64, effective: u64, inheritable: u64) {
    replace(plan, |step| match step {
        Step::SetCapabilities { .. } => Some(vec![Step::SetCapabilities {
            permitted,
            effective,
            inheritable,
        }]),
        _ => None,
    });
}

fn keep_bounding(plan: &mut Plan) {
    leave_out(plan, |step| *step == Step::DropBounding(21));
}

/// Makes the runtime one that was started with this ambient capability and lets it be inherited.
fn with_ambient_chown(plan: &mut Plan) {
    let chown = CapabilitySet::from_bits_retain(CHOWN);
    let own = capabilities(None).expect("own capabilities");
    let sets = CapabilitySets {
        inheritable: own.inheritable | chown,
        ..own
    };
    set_capabilities(None, sets).expect("an inheritable capability");
    configure_capability_in_ambient_set(chown, true).expect("an ambient capability");
    leave_out(plan, |step| *step == Step::ClearAmbient);
    set_sets(plan, CAPABILITIES, CAPABILITIES, CHOWN);
}

fn is_seccomp(step: &Step) -> bool {
    matches!(step, Step::Seccomp(_))
}

sabotage! {
    /// no_new_privs keeps the exec from gaining it.
    fn keeping_a_capability_in_the_bounding_set_fails_that_alone() fails ["capabilities.bounding"] {
        spoiled(root(), keep_bounding, &[("capabilities.bounding", "also sys_admin")])
    }
    /// At the exec the kernel takes it away again: it is not in the bounding set.
    fn keeping_a_permitted_capability_fails_that_alone_at_the_gate() fails
        ["capabilities.permitted"] then []
    {
        spoiled(
            root(),
            |plan| set_sets(plan, CAPABILITIES | SYS_ADMIN, CAPABILITIES, 0),
            &[("capabilities.permitted", "also sys_admin")],
        )
    }
    /// What is effective must be permitted, so both show it.
    fn keeping_an_effective_capability_fails_permitted_and_effective_at_the_gate() fails
        ["capabilities.permitted", "capabilities.effective"] then []
    {
        let both = CAPABILITIES | SYS_ADMIN;
        spoiled(
            root(),
            move |plan| set_sets(plan, both, both, 0),
            &[("capabilities.effective", "also sys_admin")],
        )
    }
    /// Exec gives uid 0 all that is permitted.
    fn leaving_out_an_effective_capability_fails_that_alone_at_the_gate() fails
        ["capabilities.effective"] then []
    {
        spoiled(
            root(),
            |plan| set_sets(plan, CAPABILITIES, CAPABILITIES & !CHOWN, 0),
            &[("capabilities.effective", "lacks chown")],
        )
    }
    /// With the bounding set it outlasts the exec.
    fn keeping_a_capability_in_three_sets_fails_all_three() fails
        ["capabilities.bounding", "capabilities.permitted", "capabilities.effective"]
    {
        let both = CAPABILITIES | SYS_ADMIN;
        spoiled(
            root(),
            move |plan| {
                keep_bounding(plan);
                set_sets(plan, both, both, 0);
            },
            &[
                ("capabilities.bounding", "also sys_admin"),
                ("capabilities.permitted", "also sys_admin"),
                ("capabilities.effective", "also sys_admin"),
            ],
        )
    }
    fn an_inheritable_capability_fails_that_alone() fails ["capabilities.inheritable"] {
        spoiled(
            root(),
            |plan| set_sets(plan, CAPABILITIES, CAPABILITIES, CHOWN),
            &[("capabilities.inheritable", "also chown")],
        )
    }
    /// The kernel has no ambient capability that is not inheritable.
    fn an_ambient_capability_fails_that_and_the_inheritable_set() fails
        ["capabilities.inheritable", "capabilities.ambient"]
    {
        spoiled(
            without_user_namespace(),
            with_ambient_chown,
            &[("capabilities.ambient", "also chown")],
        )
    }
    fn another_user_fails_the_ids_alone() fails ["ids"] {
        spoiled(
            nobody(),
            |plan| replace(plan, |step| {
                (*step == Step::SetUid(1000)).then(|| vec![Step::SetUid(1001)])
            }),
            &[("ids", "fsuid 101001")],
        )
    }
    fn another_group_fails_the_ids_alone() fails ["ids"] {
        spoiled(
            nobody(),
            |plan| replace(plan, |step| {
                (*step == Step::SetGid(1000)).then(|| vec![Step::SetGid(0)])
            }),
            &[("ids", "fsgid 100000")],
        )
    }
    /// Without capabilities it is root by number alone.
    fn staying_root_fails_the_ids_alone() fails ["ids"] {
        spoiled(
            nobody(),
            |plan| leave_out(plan, |step| *step == Step::SetUid(1000)),
            &[("ids", "euid 100000")],
        )
    }
    fn an_extra_group_fails_the_groups_alone() fails ["groups"] {
        spoiled(
            root(),
            |plan| replace(plan, |step| {
                matches!(step, Step::SetGroups(_)).then(|| vec![Step::SetGroups(vec![7, 27])])
            }),
            &[("groups", "group 100027 was not asked for")],
        )
    }
    fn a_missing_group_fails_the_groups_alone() fails ["groups"] {
        spoiled(
            root(),
            |plan| replace(plan, |step| {
                matches!(step, Step::SetGroups(_)).then(|| vec![Step::SetGroups(Vec::new())])
            }),
            &[("groups", "a group is missing")],
        )
    }
    fn keeping_tracers_own_groups_fails_the_groups_alone() fails ["groups"] {
        spoiled(
            root(),
            |plan| {
                set_thread_groups(&[Gid::from_raw(27)]).expect("a group");
                leave_out(plan, |step| matches!(step, Step::SetGroups(_)));
            },
            &[("groups", "group 27 was not asked for")],
        )
    }
    fn securebits_of_tracers_own_fail_that_alone() fails ["securebits"] {
        spoiled(
            without_user_namespace(),
            |_| {
                let bits = CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE;
                set_capabilities_secure_bits(bits).expect("a securebit");
            },
            &[("securebits", "0x40")],
        )
    }

    /// Without it a filter takes a privilege, so that it is installed before those go.
    fn leaving_out_no_new_privs_fails_it_alone() fails ["no_new_privs"] {
        spoiled(
            root(),
            |plan| {
                leave_out(plan, |step| *step == Step::NoNewPrivileges);
                bring_forward(plan, is_seccomp, |step| matches!(step, Step::SetGroups(_)));
            },
            &[("no_new_privs", "not set")],
        )
    }

    fn leaving_out_the_seccomp_filter_fails_it_alone() fails ["seccomp"] {
        spoiled(
            root(),
            |plan| leave_out(plan, is_seccomp),
            &[("seccomp", "no filter is in force")],
        )
    }
    fn an_extra_seccomp_filter_fails_it_alone() fails ["seccomp"] {
        spoiled(
            root(),
            |plan| replace(plan, |step| is_seccomp(step).then(|| vec![step.clone(), step.clone()])),
            &[("seccomp", "2 filters")],
        )
    }
    fn a_seccomp_filter_that_nobody_asked_for_fails_it_alone() fails ["seccomp"] {
        let spec = Spec { seccomp: Seccomp::Unconfined, ..root() };
        spoiled(
            spec,
            |plan| {
                let profile = seccomp::default_profile(CAPABILITIES);
                let filter = seccomp::compile("default", &profile).expect("a filter");
                plan.steps.push(Step::Seccomp(filter));
            },
            &[("seccomp", "filter mode")],
        )
    }
}
