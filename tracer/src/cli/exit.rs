//! Every exit code of the program, in one place. Owns the numbers and their meaning.

use crate::verdict::Verdict;

/// The payload's own code when the verdict is pass; 128 + n when signal n ended it.
pub const PASS: u8 = 0;
/// The command line or an expectation file cannot be understood, or contradicts itself: its words
/// alone tell.
pub const USAGE: u8 = 2;
/// The kernel showed something else than was asked for.
pub const FAIL: u8 = 120;
/// The kernel could not show that it was as asked for.
pub const INCONCLUSIVE: u8 = 121;
/// The environment cannot do it: not root, a kernel without what is needed.
pub const ENVIRONMENT: u8 = 122;
/// There was no container to judge: the command made none, or failed before.
pub const NO_CONTAINER: u8 = 123;
/// What is named is not there, the kernel refused a value, or an error of tracer's own.
pub const ERROR: u8 = 125;
/// The command was found and cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const NOT_FOUND: u8 = 127;

/// For `--help`.
pub const HELP: &str = "\
Exit codes:
  the payload's own when the verdict is pass (128+n when signal n ended it)
    2  the command line or an expectation file cannot be understood, or contradicts itself
  120  fail: the kernel showed something else than was asked for
  121  inconclusive: the kernel could not show that it was as asked for
  122  the environment cannot do it (not root, kernel too old)
  123  no container to judge: the command of `tracer verify` made none
  125  what is named is not there, a value was refused, or tracer itself failed
  126  the command cannot be executed
  127  the command was not found
A payload that ends with one of these numbers by itself: the report tells.";

/// How the payload ended, as far as it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The gate never opened.
    NeverRan,
    /// `execve` failed.
    NotExecuted {
        /// The command was there.
        found: bool,
    },
    /// It exited.
    Exited(u8),
    /// A signal ended it.
    Signaled(u8),
}

/// The exit code of a run: a verdict that is not pass outranks whatever the payload says.
#[must_use]
pub fn of_run(verdict: Verdict, payload: Payload) -> u8 {
    match (verdict, payload) {
        (Verdict::Fail, _) => FAIL,
        (_, Payload::NotExecuted { found: false }) => NOT_FOUND,
        (_, Payload::NotExecuted { found: true }) => NOT_EXECUTABLE,
        (Verdict::Inconclusive, _) | (Verdict::Pass, Payload::NeverRan) => INCONCLUSIVE,
        (Verdict::Pass, Payload::Exited(code)) => code,
        (Verdict::Pass, Payload::Signaled(signal)) => signal.saturating_add(128),
    }
}

/// The exit code of a run that left something undone, such as a report that could not be
/// written: never a success, and never in place of a verdict that is not pass.
#[must_use]
pub fn of_trouble(verdict: Verdict, code: u8) -> u8 {
    match verdict {
        Verdict::Pass => ERROR,
        Verdict::Fail | Verdict::Inconclusive => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_with_the_report_hides_neither_itself_nor_the_verdict() {
        assert_eq!(of_trouble(Verdict::Pass, PASS), ERROR);
        assert_eq!(of_trouble(Verdict::Pass, 7), ERROR);
        assert_eq!(of_trouble(Verdict::Fail, FAIL), FAIL);
        assert_eq!(of_trouble(Verdict::Inconclusive, NOT_FOUND), NOT_FOUND);
    }

    #[test]
    fn a_payload_that_succeeds_does_not_hide_a_verdict() {
        assert_eq!(of_run(Verdict::Fail, Payload::Exited(0)), FAIL);
        assert_eq!(
            of_run(Verdict::Inconclusive, Payload::Exited(0)),
            INCONCLUSIVE
        );
    }

    #[test]
    fn a_payload_that_never_ran_is_never_a_success() {
        assert_eq!(of_run(Verdict::Pass, Payload::NeverRan), INCONCLUSIVE);
    }

    #[test]
    fn a_pass_gives_the_payloads_own_code() {
        assert_eq!(of_run(Verdict::Pass, Payload::Exited(7)), 7);
        assert_eq!(of_run(Verdict::Pass, Payload::Signaled(9)), 137);
    }

    #[test]
    fn a_command_that_is_not_there_is_told_from_one_that_cannot_run() {
        assert_eq!(
            of_run(Verdict::Inconclusive, Payload::NotExecuted { found: false }),
            127
        );
        assert_eq!(
            of_run(Verdict::Inconclusive, Payload::NotExecuted { found: true }),
            126
        );
    }
}
