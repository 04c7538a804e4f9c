//! Claims about conditions over records. Owns no rules.

use super::{ENGINE, PAYLOAD, Run, facts};
use crate::audit::{filter::Filter, template};
use crate::event::sample::{self, NEW};
use crate::expect::rule::Rule;
use crate::verdict::sample::host;

fn rule(text: &str) -> Result<Rule, String> {
    let template = template(&crate::report::certificate::template(&host()));
    Rule::of_records(text, &template).map_err(|error| error.to_string())
}

#[test]
fn every_field_of_every_record_can_be_named() {
    for text in [
        "type == 'container_born'",
        "container.name == 'x' || container.incomplete",
        "certificate.linux.no_new_privs",
        "timeline.steps.exists(step, step.event == 'unshare' && step.process.name == 'runc')",
        "lineage.ancestors[0].user.id == 1000",
        "namespaces.all(one, one.kind != 'net')",
        "has(target.pid) && hierarchy == 0 && path.startsWith('/pod')",
        "exit_code > 0 || signal == 9 || unseen",
        "type != 'loss' || lost['fork'] > 5",
        "boot_ns > 5 && !late && seen_by == 'exec'",
    ] {
        assert!(rule(text).is_ok(), "{:?}", rule(text));
    }
}

#[test]
fn what_no_record_has_is_named_at_the_start_wherever_it_stands() {
    for (text, name) in [
        ("kind == 'container_born'", "`kind`"),
        ("type == 'x' && container.nmae == 'y'", "`container.nmae`"),
        (
            "type == 'x' && certificate.linux.securebist == 0",
            "`certificate.linux.securebist`",
        ),
        ("lineage.ancestors.exists(one, comm == 'x')", "`comm`"),
        ("has(process.comm)", "`process.comm`"),
    ] {
        let refused = rule(text).expect_err(text);
        assert!(refused.contains(name), "{text}: {refused}");
        assert!(refused.contains("tracer schema"), "{refused}");
    }
    assert!(
        rule("exit_code")
            .expect_err("a number")
            .contains("not true or false")
    );
}

#[test]
fn records_of_which_it_holds_are_taken_and_those_that_lack_what_decides_are_not() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    let events = [
        sample::event(1, &sample::mkdir(ENGINE, 0, 7, "/box")),
        sample::event(
            2,
            &sample::fork(ENGINE, PAYLOAD, sample::ALL_NEW, NEW, &none),
        ),
        sample::event(3, &sample::exec(PAYLOAD, &facts(NEW), "/bin/payload")),
        sample::event(4, &sample::exit(PAYLOAD, 7 << 8)),
    ];
    for event in &events {
        run.auditor.apply(event, &super::nobody);
    }
    let records = run.auditor.take();
    let taken = |text: &str| {
        let filter = Filter {
            conditions: vec![rule(text).expect("a condition")],
            ..Filter::default()
        };
        let taken = records.iter().filter(|record| filter.takes(record));
        taken.map(|record| record.what.name()).collect::<Vec<_>>()
    };
    assert_eq!(taken("process.name == 'payload'"), ["container_born"]);
    assert_eq!(taken("exit_code == 7"), ["container_ended"]);
    assert_eq!(taken("path == '/box'"), ["cgroup_made"]);
    assert_eq!(taken("type.startsWith('container_')").len(), 2);
}
