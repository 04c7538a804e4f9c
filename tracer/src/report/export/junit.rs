//! JUnit's XML: a suite for each container, a case for each expectation. What cannot be known is
//! an error and not a skip: servers count skips as good. Owns that mapping.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Case, ExportError, View, counts, escape, explained, reason, remarks};
use crate::report::view::Suite;
use crate::verdict::Verdict;

pub(super) fn bytes(view: &View) -> Result<Vec<u8>, ExportError> {
    let mut report = Report::new("tracer");
    report.set_time(Duration::from_micros(view.total_us));
    report.add_test_suites(view.judged().map(suite));
    if !view.troubles.is_empty() || view.judged().next().is_none() {
        let mut whole = TestSuite::new("tracer");
        whole.add_test_cases(view.troubles.iter().map(|one| case(one, "tracer")));
        report.add_test_suite(whole);
    }
    if let Some(first) = report.test_suites.first_mut() {
        first.add_property(("tracer.version", view.version.as_str()));
        first.add_property(("host.kernel", escape(&view.kernel).as_str()));
        first.add_property(("tracer.records", counts(view).as_str()));
    }
    let mut bytes = Vec::new();
    report.serialize(&mut bytes)?;
    Ok(bytes)
}

fn suite(of: &Suite) -> TestSuite {
    let name = escape(&of.name);
    let mut suite = TestSuite::new(name.as_str());
    if let Some(id) = &of.id {
        suite.add_property(("container.id", escape(id).as_str()));
    }
    suite.add_test_cases(of.cases.iter().map(|one| case(one, &name)));
    let remarks = remarks(of);
    if !remarks.is_empty() {
        suite.set_system_out(remarks.join("\n"));
    }
    suite
}

fn case(of: &Case, suite: &str) -> TestCase {
    let status = match of.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => told(NonSuccessKind::Failure, of),
        Verdict::Inconclusive => told(NonSuccessKind::Error, of),
    };
    let mut case = TestCase::new(escape(&of.id), status);
    case.set_classname(suite);
    case
}

fn told(kind: NonSuccessKind, of: &Case) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of.verdict.name());
    status.set_message(reason(of));
    status.set_description(explained(of));
    status
}
