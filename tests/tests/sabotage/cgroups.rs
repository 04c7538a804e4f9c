//! Cgroups that init is not put into, put into another way, or moved out of.

use std::path::{Path, PathBuf};

use tracer::container::plan::{AttachBy, Step};
use tracer::container::spec::{Resources, Spec};
use tracer::host::Hierarchy;
use tracer_tests::cgroup::Leftover;
use tracer_tests::edit::{self, leave_out};
use tracer_tests::fifo::Fifos;
use tracer_tests::need;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{bare, everything, facts};
use tracer_tests::trial::Trial;

use crate::case::{prove, sabotage};

/// Without limits, which fail along where their cgroup is not init's.
fn unlimited(args: &[&str]) -> Spec {
    Spec {
        resources: Resources::default(),
        ..everything(args)
    }
}

#[test]
#[ignore = "needs root"]
fn skipping_the_write_to_any_v1_hierarchy_fails_its_cgroup_alone() {
    for Hierarchy { id, .. } in need::v1() {
        let host = facts();
        let label = host
            .hierarchies
            .iter()
            .find(|one| one.id == id)
            .expect("it")
            .label();
        let item = format!("cgroup.{label}");
        prove(&[&item], &[&item], || {
            let mut trial = Trial::new(unlimited(&["/bin/true"]));
            let item = item.clone();
            trial.sabotage(move |plan, aids| {
                leave_out(plan, |step| *step == Step::JoinCgroup { hierarchy: id });
                aids.shows(&item, "it is the one that tracer itself is in");
            });
            trial
        });
    }
}

#[test]
#[ignore = "needs root"]
fn a_write_by_tracer_to_any_v1_hierarchy_is_as_good_as_inits_own() {
    for hierarchy in need::v1() {
        let label = hierarchy.label();
        prove(&[], &[], || {
            let mut trial = Trial::new(everything(&["/bin/true"]));
            let label = label.clone();
            trial.sabotage(move |plan, _| {
                let cgroup = edit::cgroup(plan, &label);
                cgroup.attach = AttachBy::Tracer;
                let hierarchy = cgroup.hierarchy;
                leave_out(plan, |step| *step == Step::JoinCgroup { hierarchy });
            });
            trial
        });
    }
}

#[test]
#[ignore = "needs root"]
fn a_stranger_who_moves_the_payload_in_any_v1_hierarchy_fails_its_cgroup_alone() {
    for hierarchy in need::v1() {
        let item = format!("cgroup.{}", hierarchy.label());
        prove(&[], &[&item], || moved_behind_the_gate(&item, &hierarchy));
    }
}

/// The payload says that it is there and waits; a stranger moves it to the hierarchy's root and
/// lets it go on.
fn moved_behind_the_gate(item: &str, hierarchy: &Hierarchy) -> Trial {
    let mut trial = Trial::new(bare(&[], &["/bin/sh", "-c", "echo here; read line"]));
    let own = hierarchy.mount_point.join(&trial.spec.id);
    let (item, root) = (item.to_owned(), hierarchy.mount_point.clone());
    let fifos = Fifos::new();
    trial.streams = fifos.streams();
    trial.sabotage(move |_, aids| {
        let mut stranger = Shell::new();
        stranger.begins(&format!(
            "read line < {out} && {} && echo go > {in_}",
            moves(&own, &root),
            out = fifos.path("out").display(),
            in_ = fifos.path("in").display(),
        ));
        let by = format!("by {} (sh)", stranger.pid());
        aids.shows(&item, format!("it was moved {by}"));
        aids.rests_on(&item, "cgroup_attach_task", by);
        aids.keep(stranger);
        aids.keep(fifos);
    });
    trial
}

/// The shell command that moves the only member of a cgroup to another.
fn moves(from: &Path, to: &Path) -> String {
    format!(
        "read pid < {}/cgroup.procs && echo $pid > {}/cgroup.procs",
        from.display(),
        to.display()
    )
}

fn unified() -> Hierarchy {
    facts().unified().cloned().expect("cgroup v2")
}

fn unified_root() -> PathBuf {
    unified().mount_point
}

sabotage! {
    fn leaving_out_clone_into_cgroup_fails_the_v2_cgroup_alone() fails ["cgroup.unified"] {
        let mut trial = Trial::new(unlimited(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            edit::cgroup(plan, "unified").attach = AttachBy::Nobody;
            aids.shows("cgroup.unified", "it is the one that tracer itself is in");
        });
        trial
    }
    fn moving_init_into_the_v2_cgroup_is_not_creating_it_there() fails ["cgroup.unified"] {
        let mut trial = Trial::new(unlimited(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            edit::cgroup(plan, "unified").attach = AttachBy::Tracer;
            let by = format!("by {} (", std::process::id());
            aids.shows("cgroup.unified", format!("it was moved {by}"));
            aids.rests_on("cgroup.unified", "cgroup_attach_task", by);
        });
        trial
    }
    fn a_cgroup_of_another_name_fails_the_v2_cgroup_alone() fails ["cgroup.unified"] {
        let mut trial = Trial::new(unlimited(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            let cgroup = edit::cgroup(plan, "unified");
            cgroup.name.push_str("-of-another");
            aids.keep(Leftover::at(cgroup.mount_point.join(&cgroup.name)));
            aids.shows("cgroup.unified", format!("/{}", cgroup.name));
            aids.rests_on("cgroup.unified", "cgroup_mkdir", format!("/{}", cgroup.name));
        });
        trial
    }
    /// Init is frozen until the stranger is done.
    fn a_stranger_who_moves_init_before_the_gate_fails_the_v2_cgroup_alone() fails
        ["cgroup.unified"]
    {
        let mut trial = Trial::new(unlimited(&["/bin/true"]));
        let id = trial.spec.id.clone();
        trial.sabotage(|plan, aids| {
            edit::hold(plan);
            let stranger = Shell::new();
            let by = format!("by {} (sh)", stranger.pid());
            aids.shows("cgroup.unified", format!("it was moved {by}"));
            aids.rests_on("cgroup.unified", "cgroup_attach_task", by);
            aids.strangers.push(stranger);
        });
        trial.meanwhile(move |aids| {
            aids.strangers[0].does(&moves(&unified_root().join(&id), &unified_root()));
        });
        trial
    }
    /// It is where it was again: what counts is that it was moved at all.
    fn a_stranger_who_moves_init_and_puts_it_back_is_still_seen() fails ["cgroup.unified"] {
        let mut trial = Trial::new(unlimited(&["/bin/true"]));
        let id = trial.spec.id.clone();
        trial.sabotage(|plan, aids| {
            edit::hold(plan);
            let stranger = Shell::new();
            let by = format!("by {} (sh)", stranger.pid());
            aids.rests_on("cgroup.unified", "cgroup_attach_task", by);
            aids.strangers.push(stranger);
        });
        trial.meanwhile(move |aids| {
            let own = unified_root().join(&id);
            let there = moves(&own, &unified_root());
            aids.strangers[0].does(&format!("{there} && echo $pid > {}/cgroup.procs", own.display()));
            aids.strangers[0].does(&edit::release(&id));
        });
        trial
    }
    fn a_stranger_who_moves_the_payload_fails_the_v2_cgroup_at_the_end() fails [] then
        ["cgroup.unified"]
    {
        moved_behind_the_gate("cgroup.unified", &unified())
    }
    fn a_payload_that_moves_itself_fails_the_v2_cgroup_at_the_end() fails [] then
        ["cgroup.unified"]
    {
        let order = format!("echo 0 > {}/cgroup.procs", unified_root().display());
        let mut trial = Trial::new(bare(&[], &["/bin/sh", "-c", &order]));
        trial.sabotage(|_, aids| aids.shows("cgroup.unified", "it was moved by"));
        trial
    }
}
