//! Container runtimes that guests have where this machine has them: small programs that need no
//! daemon. Owns the list, and which tests are about which of them.

use std::path::Path;

/// A runtime that a guest can have.
#[derive(Debug)]
pub struct Runtime {
    /// As tests name it.
    name: &'static str,
    /// What it takes, by the names of the programs.
    pub programs: &'static [&'static str],
    /// Files and folders that it reads.
    pub reads: &'static [&'static str],
}

const fn one(name: &'static str, programs: &'static [&'static str]) -> Runtime {
    Runtime {
        name,
        programs,
        reads: &[],
    }
}

static ALL: [Runtime; 5] = [
    one("unshare", &["unshare"]),
    one("bwrap", &["bwrap"]),
    one("runc", &["runc"]),
    one("crun", &["crun"]),
    Runtime {
        name: "podman",
        programs: &["podman", "conmon", "runc"],
        reads: &[
            "/etc/containers/policy.json",
            "/etc/containers/registries.conf",
            "/usr/share/containers/containers.conf",
            "/usr/share/containers/seccomp.json",
        ],
    },
];

/// Tests of several runtimes at once, or of one in the hands of an ordinary user, for whom a guest
/// is not made.
const OTHERS: [&str; 1] = ["rootless"];

/// Those of which this machine has every program, as `has` tells.
pub fn there(has: impl Fn(&str) -> bool) -> Vec<&'static Runtime> {
    let all = ALL.iter();
    all.filter(|runtime| runtime.programs.iter().all(|program| has(program)))
        .collect()
}

/// Whether a test is about one of these runtimes, by its name, and about nothing else.
pub fn are_enough(runtimes: &[&Runtime], test: &str) -> bool {
    let words: Vec<&str> = test.split("::").flat_map(|part| part.split('_')).collect();
    let other = words.iter().any(|word| OTHERS.contains(word));
    !other && runtimes.iter().any(|runtime| words.contains(&runtime.name))
}

/// A file, or all files of a folder, of what it reads.
pub fn files(runtime: &Runtime) -> impl Iterator<Item = &Path> {
    let paths = runtime.reads.iter().map(Path::new);
    paths.filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_what_this_machine_has() {
        let names = |has: &[&str]| {
            let there = there(|program| has.contains(&program));
            there.iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["unshare", "runc", "podman"]), ["unshare", "runc"]);
        assert_eq!(names(&["podman", "conmon", "runc"]), ["runc", "podman"]);
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn a_test_is_about_the_runtime_that_its_name_has() {
        let runtimes = there(|program| program == "runc");
        for about in [
            "enforced::runc::what_is_as_expected_runs",
            "broken::each_item_that_runc_violates_fails_by_itself",
            "runc_does_what_it_is_asked_for",
        ] {
            assert!(are_enough(&runtimes, about), "{about}");
        }
        for other in [
            "enforced::crun::what_is_as_expected_runs",
            "rootless::what_runc_makes_for_an_ordinary_user_is_judged",
            "enough_runtimes_were_tried",
        ] {
            assert!(!are_enough(&runtimes, other), "{other}");
        }
    }
}
