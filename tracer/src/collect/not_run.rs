//! Programs that the kernel did not run. Owns how it is asked, and of which kind the records are that are missing then.

use std::os::fd::{AsFd as _, OwnedFd};

use tracer_common::Kind;

use super::{CollectError, attach::Programs, hooks::HOOKS};
use crate::sys::program_info;

/// Programs by descriptors of their own. The kernel runs none that runs on the same processor already: on tracepoints,
/// where nothing else can run meanwhile, that does not happen; a function's return may be left by another task
/// where kernel code can be put off (`__bpf_prog_enter_recur` in kernel/bpf/trampoline.c).
pub(super) struct NotRun(Vec<(Kind, OwnedFd)>);

impl NotRun {
    /// Of all that are loaded and make records by events.
    pub(super) fn of(programs: &mut Programs) -> Result<Self, CollectError> {
        let mut all = Vec::new();
        for (name, program) in programs.all()? {
            let Some(kind) = kind(name) else { continue };
            // One that is not loaded has none.
            let Ok(descriptor) = program.fd() else {
                continue;
            };
            let own = descriptor.as_fd().try_clone_to_owned();
            all.push((kind, own.map_err(CollectError::Asking)?));
        }
        Ok(Self(all))
    }

    /// How often, by the kind of the record that is missing.
    pub(super) fn counts(&self) -> Result<Vec<(Kind, u64)>, CollectError> {
        let count = |(kind, program): &(Kind, OwnedFd)| {
            let count = program_info::not_run(program.as_fd());
            Ok((*kind, count.map_err(CollectError::Asking)?.unwrap_or(0)))
        };
        self.0.iter().map(count).collect()
    }
}

/// The first kind of record that a program makes; the iterator's, which waits for no events, has none here.
fn kind(program: &str) -> Option<Kind> {
    let hook = HOOKS.iter().find(|hook| {
        let mut programs = hook.ways.iter().flat_map(|means| means.programs);
        programs.any(|(name, _)| *name == program)
    });
    hook.filter(|hook| hook.name != "task")?
        .kinds
        .first()
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_of_the_kind_that_they_make() {
        assert_eq!(kind("fexit_unshare"), Some(Kind::NAMESPACE));
        assert_eq!(kind("raw_sched_process_exec"), Some(Kind::EXEC));
        assert_eq!(kind("snapshot"), None);
        assert_eq!(kind("refuse_capable"), None);
    }
}
