//! SIGHUP: the configuration is read anew. Owns what of it can change while the audit runs.

use super::{Outlet, arguments::AuditArguments, filter, judging, live::Live};
use crate::{
    cli::{Failure, config, say},
    host::HostFacts,
};

/// Reads the configuration anew and puts into force what can be: expectations and filters; files of records
/// are opened anew, under the names that they had. Whatever is not understood leaves all as it was.
pub fn reload(
    before: &AuditArguments,
    host: &HostFacts,
    live: &mut Live,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    outlet.reopen();
    let now = config::again()?;
    let judging = judging(&now.expected, before.enforce, host)?;
    let filter = filter(&now.filter, host)?;
    live.judge_by(judging);
    outlet.filter = filter;
    let fixed = fixed(before, &now);
    say(&match &*fixed {
        [] => "the configuration was read anew".to_owned(),
        fixed => format!(
            "the configuration was read anew; what has changed of {} takes a new start",
            fixed.join(", ")
        ),
    });
    Ok(())
}

/// What has changed and cannot change now, by its flags.
fn fixed(before: &AuditArguments, now: &AuditArguments) -> Vec<&'static str> {
    let kernel = |all: &AuditArguments| format!("{:?}", all.observed.kernel);
    let changed = [
        ("--format", before.format != now.format),
        ("--output", before.output != now.output),
        ("--journald", before.journald != now.journald),
        ("--rotate-size", before.rotate_size != now.rotate_size),
        ("--rotate-keep", before.rotate_keep != now.rotate_keep),
        ("--enforce", before.enforce != now.enforce),
        ("--exact", before.observed.exact != now.observed.exact),
        ("--economy", before.observed.economy != now.observed.economy),
        ("--listen", before.listen != now.listen),
        ("--ring", before.observed.ring != now.observed.ring),
        (
            "--processes",
            before.observed.processes != now.observed.processes,
        ),
        ("--hooks and --btf", kernel(before) != kernel(now)),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(name, _)| name).collect()
}
